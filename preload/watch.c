/*
 * watch.c - calling back what asked to be told of an object's end. See watch.h.
 *
 * Owns: the watches. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "watch.h"

#include "linger.h"

#include "arena.h"
#include "lock.h"
#include "pages.h"
#include "region.h"
#include "registry.h"

#define EXPORT __attribute__((visibility("default")))

struct lgr_watch {
	struct lgr_watch *next; /* in the order of asking */
	uint32_t when;
	linger_callback *fn;
	void *arg;
};

static _Atomic uint32_t requested; /* objects whose CLOSE_REQUESTED has not been told */

static struct lgr_watch *watches_of(const struct lgr_object *object)
{
	return (struct lgr_watch *)(uintptr_t)object->watches;
}

/* ------------------------------------------------------------------------------------- asking */

static int add(struct lgr_object *object, const struct lgr_watch *wanted)
{
	struct lgr_watch *watch, *last = watches_of(object);

	if (lgr_is(object, LGR_FL_STARTUP))
		return -EPERM;
	watch = lgr_arena_alloc(sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	*watch = *wanted;
	while (last && last->next)
		last = last->next;
	if (last)
		last->next = watch;
	else
		object->watches = (uint64_t)(uintptr_t)watch;
	return 0;
}

EXPORT int linger_on_(const void *anchor, uint32_t when, linger_callback *fn, void *arg)
{
	const struct lgr_watch wanted = { .when = when, .fn = fn, .arg = arg };
	struct lgr_object *object;
	int r;

	if (!lgr_on())
		return -ENOSYS;
	if (!fn || when < LINGER_CLOSE_REQUESTED || when > LINGER_UNLOADED)
		return -EINVAL;
	if (!lgr_lock(&lgr_lock_registry))
		return -ENOSYS;
	object = lgr_registry_object(lgr_pages_find((uintptr_t)anchor));
	r = object ? add(object, &wanted) : -ENOENT;
	lgr_unlock(&lgr_lock_registry);
	return r;
}

void lgr_watch_each(const struct lgr_object *object, uint32_t when,
		    void (*visit)(void *arg, uintptr_t held), void *arg)
{
	for (const struct lgr_watch *w = watches_of(object); w; w = w->next) {
		if (when && w->when != when)
			continue;
		visit(arg, (uintptr_t)w->fn);
		visit(arg, (uintptr_t)w->arg);
	}
}

void lgr_watch_forget(struct lgr_object *object)
{
	struct lgr_watch *watch = watches_of(object), *next;

	object->watches = 0;
	for (; watch; watch = next) {
		next = watch->next;
		lgr_arena_free(watch, sizeof(*watch));
	}
	if (lgr_is(object, LGR_FL_REQUESTED))
		atomic_fetch_sub_explicit(&requested, 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------------------------- telling */

/* All that a callback is told, in memory of our own: the object may go meanwhile. */
struct lgr_watch_batch {
	uint32_t count, size;
	struct told {
		struct lgr_object *object;
		struct linger_closing closing;
		struct linger_range range[4];
		linger_callback *fn;
		void *arg;
	} told[];
};

static uint32_t count_watches(const struct lgr_object *object)
{
	uint32_t n = 0;

	for (const struct lgr_watch *w = watches_of(object); w; w = w->next)
		n++;
	return n;
}

static void collect_one(struct lgr_watch_batch *batch, struct lgr_object *object)
{
	for (const struct lgr_watch *w = watches_of(object); w; w = w->next) {
		struct told *told = &batch->told[batch->count++];

		told->object = object;
		told->fn = w->fn;
		told->arg = w->arg;
		told->closing = (struct linger_closing){ .id = object->id,
							 .when = w->when,
							 .ranges = object->segments };
		for (uint32_t i = 0; i < object->segments; i++) {
			told->range[i].lo = object->segment[i].lo;
			told->range[i].hi = object->segment[i].hi;
		}
	}
}

/* Of all kept objects with the flag. */
static struct lgr_watch_batch *collect(uint32_t flag, bool *ret_failed)
{
	struct lgr_object *object = NULL;
	struct lgr_watch_batch *batch;
	uint32_t n = 0;
	size_t size;

	*ret_failed = false;
	while ((object = lgr_registry_next_kept(object)))
		n += lgr_is(object, flag) ? count_watches(object) : 0;
	if (!n)
		return NULL;
	size = sizeof(*batch) + n * sizeof(batch->told[0]);
	batch = lgr_arena_alloc(size);
	*ret_failed = !batch;
	if (!batch)
		return NULL;
	batch->count = 0;
	batch->size = (uint32_t)size;
	while ((object = lgr_registry_next_kept(object)))
		if (lgr_is(object, flag))
			collect_one(batch, object);
	return batch;
}

struct lgr_watch_batch *lgr_watch_collect(bool *ret_failed)
{
	return collect(LGR_FL_REAPED, ret_failed);
}

void lgr_watch_tell(const struct lgr_watch_batch *batch, uint32_t when)
{
	for (uint32_t i = 0; batch && i < batch->count; i++) {
		const struct told *told = &batch->told[i];
		struct linger_closing closing = told->closing;

		/* A destructor may have saved it. */
		if (closing.when != when ||
		    (when == LINGER_UNLOADED && told->object->id == closing.id))
			continue;
		closing.range = told->range;
		told->fn(&closing, told->arg);
	}
}

void lgr_watch_free(struct lgr_watch_batch *batch)
{
	if (batch)
		lgr_arena_free(batch, batch->size);
}

void lgr_watch_requested(struct lgr_object *object)
{
	if (!object->watches || lgr_is(object, LGR_FL_REQUESTED))
		return;
	lgr_registry_set_flags(object, LGR_FL_REQUESTED, 0);
	atomic_fetch_add_explicit(&requested, 1, memory_order_relaxed);
}

void lgr_watch_tell_requests(void)
{
	struct lgr_watch_batch *batch;
	struct lgr_object *object = NULL;
	bool failed;

	if (!atomic_load_explicit(&requested, memory_order_relaxed) ||
	    !lgr_lock(&lgr_lock_registry))
		return;
	batch = collect(LGR_FL_REQUESTED, &failed);
	while (!failed && (object = lgr_registry_next(object)))
		if (lgr_is(object, LGR_FL_REQUESTED)) {
			lgr_registry_set_flags(object, 0, LGR_FL_REQUESTED);
			atomic_fetch_sub_explicit(&requested, 1, memory_order_relaxed);
		}
	lgr_unlock(&lgr_lock_registry);
	lgr_watch_tell(batch, LINGER_CLOSE_REQUESTED);
	if (!batch || !lgr_lock(&lgr_lock_registry))
		return;
	lgr_watch_free(batch);
	lgr_unlock(&lgr_lock_registry);
}
