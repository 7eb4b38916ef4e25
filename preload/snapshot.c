/*
 * snapshot.c - a look at a large process, in a forked copy of it. See lgr_reach_begin in reach.h.
 *
 * What fork copies is looked at in the child, what it shares while the threads are stopped. The child
 * makes nothing of what is not there: a mapping that fork left out, or emptied, makes it give up.
 *
 * Owns: the child, and the memory in which it answers. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "look.h"
#include "reach.h"
#include "region.h"
#include "registry.h"
#include "sys.h"
#include "text.h"

#define PATIENCE UINT64_C(60000000000) /* ns that the child looks */

/* The child's answer about one object. */
struct answer {
	struct lgr_object *object;
	uint64_t id, kept_as;
	bool proven;
	uint32_t reason;
	struct lgr_witness witness;
};

struct answers {
	_Atomic uint32_t done; /* DONE: the child came to its end */
	uint32_t unseen, n;
	uint64_t bytes, ns;
	struct answer of[];
};
enum { DONE = 0x600D };

static struct {
	struct answers *answers;
	size_t size;
	long child;
} snapshot;

bool lgr_reach_pending(void)
{
	return snapshot.child;
}

static void forget(void)
{
	lgr_sys_munmap(snapshot.answers, snapshot.size);
	snapshot.answers = NULL;
	snapshot.child = 0;
}

void lgr_reach_forked(void)
{
	if (snapshot.child)
		forget();
}

/* ------------------------------------------------------------------------------------ the child */

struct comparison {
	uint64_t layout;
	bool differs;
};

/* "wf": emptied in a child; but for what may be lost at any time ("dp"), and what is linger's own. */
static bool compare(void *arg, const struct lgr_mapping *m, const char *flags)
{
	struct comparison *c = arg;
	bool wiped = false, lossy = false;

	if (!m->shared && m->backing != LGR_KERNEL)
		c->layout = lgr_look_layout(c->layout, m);
	for (const char *s = flags; s && (s = lgr_first(s, ' ')); s++) {
		wiped |= lgr_after(s, " wf") != NULL;
		lossy |= lgr_after(s, " dp") != NULL;
	}
	if (wiped && !lossy && !lgr_exempt_at(m->lo))
		c->differs = true;
	return true;
}

static bool is_whole(const struct look *l)
{
	struct comparison c = { 0 };

	return lgr_maps_each_flagged(compare, &c) && !c.differs && c.layout == l->layout;
}

static void answer(const struct look *l)
{
	struct answers *all = snapshot.answers;

	for (uint32_t i = 0; i < all->n; i++) {
		struct answer *one = &all->of[i];

		one->proven = lgr_is(one->object, LGR_FL_PROVEN) && !l->unseen;
		one->reason = one->object->reason;
		one->witness = one->object->witness;
	}
	all->unseen = l->unseen;
	all->bytes = l->bytes;
	all->ns = lgr_sys_clock(CLOCK_MONOTONIC) - l->now;
	atomic_store(&all->done, DONE);
}

/*
 * Alone with a copy of everything. Pipes must not stay open because of it, and nobody waits when the program
 * ends.
 */
static _Noreturn void look_in_child(struct look *l)
{
	lgr_syscall(__NR_close_range, 0, UINT32_MAX, 0, 0, 0, 0);
	l->stopped = false;
	l->parent = (uint32_t)lgr_syscall(__NR_getppid, 0, 0, 0, 0, 0, 0);
	l->clock = CLOCK_MONOTONIC;
	l->until = lgr_sys_clock(l->clock) + PATIENCE;
	if (!is_whole(l))
		lgr_look_failed(l, LGR_UN_SNAPSHOT);
	lgr_look_at_memory(l, LOOK_PRIVATE);
	lgr_look_at_reached(l);
	lgr_look_end(l);
	answer(l);
	for (;;)
		lgr_syscall(__NR_exit_group, 0, 0, 0, 0, 0, 0);
}

/* ----------------------------------------------------------------------------------- the parent */

static bool make_answers(void)
{
	struct lgr_object *object = NULL;
	uint32_t n = 0;

	while ((object = lgr_registry_next(object)))
		n += lgr_is(object, LGR_FL_PROVEN);
	snapshot.size = sizeof(struct answers) + n * sizeof(struct answer);
	snapshot.answers = lgr_sys_mmap(snapshot.size, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1);
	if (!snapshot.answers)
		return false;
	while ((object = lgr_registry_next(object)))
		if (lgr_is(object, LGR_FL_PROVEN))
			snapshot.answers->of[snapshot.answers->n++] = (struct answer){
				.object = object, .id = object->id, .kept_as = object->kept_as
			};
	return true;
}

/* What is found in shared memory, in registers or in the kernel is found already. */
static bool fork_child(struct look *l)
{
	if (!l->left)
		return false;
	/* fork(2) without its handlers, and without a signal at the end. */
	snapshot.child = lgr_syscall(__NR_clone, 0, 0, 0, 0, 0, 0);
	if (snapshot.child == 0)
		look_in_child(l);
	if (snapshot.child > 0)
		return true;
	snapshot.child = 0;
	lgr_look_failed(l, LGR_UN_FORK);
	return false;
}

bool lgr_reach_begin(const uintptr_t *frame, uint64_t limit_ns)
{
	struct look l;
	bool begun;

	if (!make_answers()) {
		struct lgr_object *object = NULL;

		while ((object = lgr_registry_next(object)))
			if (lgr_is(object, LGR_FL_PROVEN))
				lgr_reach_unseen(object, LGR_UN_SPACE);
		return false;
	}
	lgr_look_begin(&l, frame, limit_ns);
	lgr_look_at_memory(&l, LOOK_SHARED);
	begun = fork_child(&l);
	lgr_look_resume(&l);
	if (!begun) {
		lgr_look_at_reached(&l);
		lgr_look_end(&l);
		forget();
		lgr_look_count(l.bytes, lgr_sys_clock(CLOCK_MONOTONIC) - l.now, l.unseen);
		return false;
	}
	lgr_count(LGR_N_SNAPSHOTS);
	lgr_look_end(&l);
	for (uint32_t i = 0; i < snapshot.answers->n; i++)
		lgr_registry_set_flags(snapshot.answers->of[i].object, 0, LGR_FL_PROVEN);
	return true;
}

static void take(const struct answer *one, enum lgr_unseen unseen)
{
	struct lgr_object *object = one->object;

	if (object->id != one->id || object->kept_as != one->kept_as ||
	    lgr_state_of(object) != LGR_ST_KEPT)
		return; /* opened again since, or gone */
	if (unseen) {
		lgr_reach_unseen(object, unseen);
		return;
	}
	object->reason = one->reason;
	object->witness = one->witness;
	if (one->proven)
		lgr_registry_set_flags(object, LGR_FL_PROVEN, 0);
}

bool lgr_reach_collect(void)
{
	struct answers *all = snapshot.answers;
	enum lgr_unseen unseen;
	int status;
	bool done;

	if (!snapshot.child || lgr_sys_wait(snapshot.child, &status, false) == 0)
		return false;
	done = atomic_load(&all->done) == DONE;
	unseen = done ? all->unseen : LGR_UN_FORK; /* it was killed */
	for (uint32_t i = 0; i < all->n; i++)
		take(&all->of[i], unseen);
	lgr_look_count(all->bytes, all->ns, unseen);
	forget();
	return true;
}
