/*
 * rcu_host.c - threads call through a pointer that RCU protects; a writer replaces the library behind it.
 *
 * usage: rcu_host REPLACEMENTS LIBRARY...
 * There is no collector: an epoch is a grace period (liburcu's quiescent states), and marks nothing. The
 * pointer is in an object of its own, in the heap: what a reader has on its stack when it has not called
 * yet is the object's address, of which linger knows nothing. At one replacement of a hundred a reader
 * stays so until the writer waits for it; at others it stays inside the library, or has its address in a
 * register.
 * Environment: PLANT=grace: the writer waits for no grace period. It must be seen to crash; LATE=1: nor is
 * there a reader that has not called yet, and those that are inside are linger's to see.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <urcu-qsbr.h>

#include "runtime.h"

enum { READERS = 3, PATIENCE = 1000 };

struct operations {
	uintptr_t (*answer)(uintptr_t number, void (*inside)(void));
	uintptr_t generation;
};

/* What the slow reader does in this replacement, and how far it and the writer are. */
enum task { NOTHING, WAIT_OUTSIDE, WAIT_INSIDE, WAIT_WITH_IT };
enum { IDLE, PUBLISHED, WAITING, REAPED };

static struct operations *current;
static _Atomic int task, writer, reader_is_there;
static atomic_bool stop;
static atomic_ulong calls;
static linger_rt *rt;
static unsigned unloaded;
static unsigned long repeated;
static bool plant_grace, only_late;

static void wait_for_the_writer(void)
{
	atomic_store(&reader_is_there, 1);
	while (atomic_load(&writer) < WAITING)
		sched_yield();
}

static __attribute__((noinline)) void read_once(uintptr_t n, int what)
{
	uintptr_t (*code)(uintptr_t number, void (*inside)(void));
	struct operations *o;
	uintptr_t answer, generation;

	rcu_read_lock();
	o = rcu_dereference(current);
	generation = o->generation;
	if (what == WAIT_OUTSIDE)
		wait_for_the_writer();
	code = o->answer;
	if (what == WAIT_WITH_IT) { /* no call here, or it would be on the stack, too */
		atomic_store(&reader_is_there, 1);
		while (atomic_load(&writer) < WAITING)
			__asm__ volatile("" : "+r"(code));
	}
	answer = code(n, what == WAIT_INSIDE ? wait_for_the_writer : NULL);
	rcu_read_unlock();
	check(answer == n + generation, "an answer of another generation");
	atomic_fetch_add(&calls, 1);
}

static void *read_on(void *slow)
{
	rcu_register_thread();
	for (uintptr_t n = 0; !atomic_load(&stop); n++) {
		int what = slow ? atomic_exchange(&task, NOTHING) : NOTHING;

		read_once(n, what);
		if (what) { /* where it was is not far below its stack pointer: in the red zone */
			clear_stack();
			atomic_store(&reader_is_there, 0);
		}
		rcu_quiescent_state();
		if (n % 64 == 0) {
			rcu_thread_offline();
			sched_yield();
			rcu_thread_online();
		}
	}
	rcu_unregister_thread();
	return NULL;
}

static void on_unloaded(const struct linger_closing *closing, void *arg)
{
	check(closing->when == LINGER_UNLOADED && closing->id == *(uint64_t *)arg,
	      "callback %u for %llu", closing->when, (unsigned long long)closing->id);
	unloaded++;
}

/* In plain data: an address of the library on the stack would keep it. */
static struct loaded {
	linger_lib *lib;
	uint64_t id;
	uintptr_t anchor;
} both[2];

static __attribute__((noinline)) struct operations *load(const char *path, uintptr_t generation,
							 struct loaded *ret)
{
	struct operations *o = malloc(sizeof(*o));
	char text[256] = "";
	void *begin, *answer;

	check(o, "no memory");
	check(linger_load(path, RTLD_NOW | RTLD_LOCAL, &ret->lib, text, sizeof(text)) == 0, "%s",
	      text);
	check(linger_lookup(ret->lib, "library_begin", &begin) == 0, "library_begin");
	check(linger_lookup(ret->lib, "library_answer", &answer) == 0, "library_answer");
	((void (*)(uintptr_t))(uintptr_t)begin)(generation);
	o->answer = (uintptr_t(*)(uintptr_t, void (*)(void)))(uintptr_t)answer;
	o->generation = generation;
	ret->anchor = (uintptr_t)begin;
	ret->id = id_at(begin);
	check(!ret->id || linger_on(begin, LINGER_UNLOADED, on_unloaded, &ret->id) == 0,
	      "linger_on");
	return o;
}

/* Where linger is absent nothing goes. */
static __attribute__((noinline)) bool is_gone(const struct loaded *l)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query((const void *)l->anchor, &info);

	return r == -ENOSYS || r == -ENOENT || (r == 0 && info.id != l->id);
}

static __attribute__((noinline)) void report(void)
{
	const struct linger_epoch *epoch = linger_epoch_begin(rt);

	if (!plant_grace) {
		atomic_store(&writer, WAITING);
		synchronize_rcu();
	}
	check(linger_epoch_end(rt, epoch, 1) >= 0, "the epoch cannot be ended");
	linger_reap(rt);
}

static __attribute__((noinline)) void replace(const char *path, uintptr_t generation)
{
	struct loaded *mine = &both[generation % 2], *old = &both[(generation + 1) % 2];
	struct operations *o;
	unsigned before = unloaded;
	int what = generation % 100 == 50 && !only_late ? WAIT_OUTSIDE
		   : generation % 100 == 75		? WAIT_WITH_IT
		   : generation % 100 == 99		? WAIT_INSIDE
							: NOTHING;
	int n = 0;

	atomic_store(&writer, IDLE);
	atomic_store(&task, what);
	while (what && !atomic_load(&reader_is_there))
		sched_yield();
	o = load(path, generation, mine);
	o = rcu_xchg_pointer(&current, o);
	atomic_store(&writer, PUBLISHED);
	check(linger_unload(old->lib) == 0, "linger_unload");
	clear_stack();
	do {
		report();
		if (plant_grace && what > WAIT_OUTSIDE && !n)
			check(!is_gone(old), "it has gone from below a thread%s",
			      what == WAIT_INSIDE ? "" : " that has it in a register");
		atomic_store(&writer, REAPED);
		while (atomic_load(&reader_is_there))
			sched_yield();
	} while (!is_gone(old) && ++n < PATIENCE);
	check(is_gone(old), "generation %lu is still there", (unsigned long)generation - 1);
	check(!old->id || unloaded == before + 1, "callbacks of generation %lu",
	      (unsigned long)generation - 1);
	repeated += (unsigned long)n;
	if (!plant_grace) /* else a reader may have it yet */
		free(o);
}

int main(int argc, char **argv)
{
	unsigned long replacements = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	const char *plant = getenv("PLANT");
	pthread_t threads[READERS];
	unsigned long rss, maps, rss_before = 0, maps_before = 0;
	int r;

	check(replacements && argc > 3, "usage: rcu_host REPLACEMENTS LIBRARY LIBRARY...");
	plant_grace = plant && !strcmp(plant, "grace");
	only_late = getenv("LATE");
	r = linger_host("rcu", &rt);
	check(r == 0 || r == -ENOSYS, "linger_host: %d", r);
	current = load(argv[2], 0, &both[0]);
	for (long i = 0; i < READERS; i++)
		check(!pthread_create(&threads[i], NULL, read_on, i ? NULL : both),
		      "pthread_create");
	for (uintptr_t i = 1; i <= replacements; i++) {
		replace(argv[2 + i % (uintptr_t)(argc - 2)], i);
		if (i == replacements / 10)
			measure(&rss_before, &maps_before);
	}
	measure(&rss, &maps);
	atomic_store(&stop, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	fprintf(stderr,
		"# %lu replacements, %lu reports repeated, %lu calls, RssAnon %lu -> %lu KiB, %lu "
		"-> %lu maps\n",
		replacements, repeated, atomic_load(&calls), rss_before, rss, maps_before, maps);
	if (linger_is_here()) {
		check(rss <= rss_before + 1024, "RssAnon %lu -> %lu KiB", rss_before, rss);
		check(maps <= maps_before, "%lu -> %lu maps", maps_before, maps);
	}
	puts("done");
	return 0;
}
