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
#define RED_ZONE 128 /* below the stack pointer, in use by leaf functions (psABI 3.2.2) */

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

/* What is looked for: the span of all the objects, before the pages are asked. */
struct search {
	uintptr_t lo, hi;
	uintptr_t guard; /* what setjmp mangles addresses with */
	bool failed;
};

static void found(uintptr_t word)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find(word));

	if (object && lgr_is(object, LGR_FL_PROVEN)) {
		object->reason = LGR_RSN_STACK;
		lgr_registry_set_flags(object, 0, LGR_FL_PROVEN);
	}
}

/* PTR_DEMANGLE (sysdeps/unix/sysv/linux/x86_64/pointer_guard.h; aarch64's is without the turn). */
static uintptr_t demangle(const struct search *s, uintptr_t word)
{
#if defined(__x86_64__)
	return (word >> 17 | word << 47) ^ s->guard;
#else
	return word ^ s->guard;
#endif
}

static void look_at_words(struct search *s, const uintptr_t *at, const uintptr_t *end)
{
	for (; at < end; at++) {
		uintptr_t word = *(const volatile uintptr_t *)at;

		if (word - s->lo < s->hi - s->lo)
			found(word);
		word = demangle(s, word);
		if (word - s->lo < s->hi - s->lo)
			found(word);
	}
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
	look_at_words(s, (const uintptr_t *)(sp - RED_ZONE > m.lo ? sp - RED_ZONE : sp),
		      (const uintptr_t *)m.hi);
}

static bool look_at_thread(void *arg, const struct lgr_stopped *thread)
{
	struct search *s = arg;

	look_at_words(s, thread->registers, thread->registers + thread->count);
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

static struct search span(void)
{
	struct search s = { .lo = UINTPTR_MAX, .guard = lgr_words_guard() };
	const struct lgr_object *object = NULL;

	while ((object = lgr_registry_next_kept(object)))
		if (lgr_is(object, LGR_FL_PROVEN)) {
			s.lo = lgr_min(s.lo, object->lo);
			s.hi = s.hi > object->hi ? s.hi : object->hi;
		}
	return s;
}

bool lgr_stacks_look(const void *frame)
{
	struct search s = span();
	struct lgr_object *object = NULL;

	if (s.lo > s.hi)
		return true; /* there is nothing to look for */
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
