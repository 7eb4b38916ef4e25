/*
 * stacks.c - does a thread's stack or one of its registers point into an object? See stacks.h.
 *
 * Owns: the ranges that hosts vouch for. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "stacks.h"

#include <errno.h>

#include "maps.h"
#include "pages.h"
#include "registry.h"
#include "stop.h"
#include "sys.h"
#include "words.h"

#define VOUCHES 256

static struct {
	uintptr_t lo, hi;
} vouched[VOUCHES] LGR_BIG;
static uint32_t vouches;

int lgr_stacks_vouch(uintptr_t lo, uintptr_t hi, bool on)
{
	if (on) {
		if (vouches == VOUCHES)
			return -ENOSPC;
		vouched[vouches].lo = lo;
		vouched[vouches++].hi = hi;
		return 0;
	}
	for (uint32_t i = 0; i < vouches; i++) {
		if (vouched[i].lo != lo || vouched[i].hi != hi)
			continue;
		vouched[i] = vouched[--vouches];
		return 0;
	}
	return -ENOENT;
}

static bool is_vouched(uintptr_t at)
{
	for (uint32_t i = 0; i < vouches; i++)
		if (at >= vouched[i].lo && at < vouched[i].hi)
			return true;
	return false;
}

struct search {
	struct lgr_words words;
	bool failed;
};

static void found(void *arg, uintptr_t at, uintptr_t value, enum lgr_encoding how)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find(value));

	if (object && lgr_is(object, LGR_FL_PROVEN)) {
		object->reason = LGR_RSN_STACK;
		lgr_registry_set_flags(object, 0, LGR_FL_PROVEN);
	}
}

static void look_at_words(struct search *s, uintptr_t lo, uintptr_t hi)
{
	lgr_words_look(&s->words, (const void *)lo, hi - lo, lo);
}

/* From the stack pointer to the end of the mapping it is in. */
static void look_at_stack(struct search *s, uintptr_t sp)
{
	struct lgr_mapping m;

	sp &= ~(sizeof(uintptr_t) - 1);
	if (is_vouched(sp))
		return;
	if (lgr_maps_read(sp, sp + 1, &m, 1) != 1 || !(m.protection & PROT_READ)) {
		s->failed = true; /* an alternative one that is not there any more */
		return;
	}
	look_at_words(s, sp - LGR_RED_ZONE > m.lo ? sp - LGR_RED_ZONE : sp, m.hi);
}

static bool look_at_thread(void *arg, const struct lgr_stopped *thread)
{
	struct search *s = arg;

	look_at_words(s, (uintptr_t)thread->registers,
		      (uintptr_t)(thread->registers + thread->count));
	look_at_stack(s, thread->sp);
	return !s->failed;
}

static bool look_at_others(struct search *s)
{
	if (lgr_stop_begin(look_at_thread, s) != LGR_UN_NOTHING)
		return false;
	lgr_stop_end();
	return true;
}

/* Returns whether there is anything to look for. */
static bool seek(struct search *s)
{
	const struct lgr_object *object = NULL;

	while ((object = lgr_registry_next_kept(object)))
		if (lgr_is(object, LGR_FL_PROVEN))
			lgr_words_add(&s->words, object->lo, object->hi);
	return s->words.hi;
}

bool lgr_stacks_look(const void *frame)
{
	struct search s = { .words = { .guard = lgr_words_guard(), .found = found } };
	struct lgr_object *object = NULL;

	if (!seek(&s))
		return true;
	look_at_stack(&s, (uintptr_t)frame);
	if (!s.failed && look_at_others(&s) && !s.failed)
		return true;
	while ((object = lgr_registry_next_kept(object))) {
		if (lgr_is(object, LGR_FL_PROVEN))
			object->reason = LGR_RSN_UNKNOWN;
		lgr_registry_set_flags(object, 0, LGR_FL_PROVEN);
	}
	return false;
}
