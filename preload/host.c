/*
 * host.c - what language runtimes report of their heaps. See host.h, and linger.h for the contract.
 *
 * Owns: the hosts and their epochs. Guard: lgr_lock_registry; marks are atomic bytes.
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

#include "linger.h"

#include "arena.h"
#include "close.h"
#include "group.h"
#include "keep.h"
#include "lock.h"
#include "pages.h"
#include "region.h"
#include "registry.h"
#include "settings.h"
#include "stacks.h"
#include "text.h"
#include "watch.h"

#define EXPORT __attribute__((visibility("default")))
#define HOSTS 64

/* An epoch: a byte for each slot of the registry there was. A slot used anew meanwhile marks nobody. */
struct epoch {
	struct linger_epoch seen; /* what the host sees: first */
	uint64_t kept_as;	  /* objects kept later are not its subject */
	uint32_t slots;
	_Atomic uint8_t mark[]; /* and one more, for propagate */
};

struct linger_rt {
	bool used;
	struct epoch *epoch;
	char name[32];
};

static struct linger_rt hosts[HOSTS] LGR_BIG;
static _Atomic uint64_t registered; /* hosts, as bits */
static uint64_t keepings;	    /* so far */

static uint64_t bit_of(const struct linger_rt *rt)
{
	return UINT64_C(1) << (rt - hosts);
}

static bool is_host(const struct linger_rt *rt)
{
	return rt >= hosts && rt < hosts + HOSTS && rt->used;
}

enum lgr_reason lgr_host_kept(struct lgr_object *object)
{
	object->unreported = registered;
	object->kept_as = ++keepings;
	return registered && lgr_region.policy == LGR_POLICY_HOST ? LGR_RSN_HOST : LGR_RSN_POLICY;
}

bool lgr_host_any(void)
{
	return registered;
}

/* -------------------------------------------------------------------------------------- the hosts */

static int add_host(const char *name, linger_rt **ret)
{
	struct lgr_text text;

	for (struct linger_rt *rt = hosts; rt < hosts + HOSTS; rt++) {
		if (rt->used)
			continue;
		rt->used = true;
		rt->epoch = NULL;
		lgr_text_init(&text, rt->name, sizeof(rt->name));
		lgr_text_add(&text, name ? name : "");
		registered |= bit_of(rt);
		*ret = rt;
		return 0;
	}
	return -ENOSPC;
}

EXPORT int linger_host_(const char *name, linger_rt **ret)
{
	int r;

	if (!lgr_on() || !lgr_lock(&lgr_lock_registry))
		return -ENOSYS;
	r = add_host(name, ret);
	lgr_unlock(&lgr_lock_registry);
	return r;
}

static void drop_epoch(struct linger_rt *rt)
{
	if (rt->epoch)
		lgr_arena_free(rt->epoch, sizeof(*rt->epoch) + rt->epoch->slots + 1);
	rt->epoch = NULL;
}

/* Nobody waits for its reports any more. */
static void remove_host(struct linger_rt *rt)
{
	struct lgr_object *object = NULL;

	drop_epoch(rt);
	rt->used = false;
	registered &= ~bit_of(rt);
	while ((object = lgr_registry_next_kept(object))) {
		object->unreported &= ~bit_of(rt);
		/* Without a host the policy is another one, which sets this by itself. */
		if (!registered)
			lgr_registry_set_flags(object, 0, LGR_FL_PROVEN);
	}
}

EXPORT int linger_host_gone_(linger_rt *rt)
{
	int r = -EINVAL;

	if (!lgr_lock(&lgr_lock_registry))
		return r;
	if (is_host(rt)) {
		remove_host(rt);
		r = 0;
	}
	lgr_unlock(&lgr_lock_registry);
	return r;
}

/* ------------------------------------------------------------------------------------- an epoch */

/* Whether the host has anything to say of it. */
static bool is_subject(const struct lgr_object *object)
{
	return lgr_is(object, LGR_FL_HELD) && !lgr_is(object, LGR_FL_STARTUP | LGR_FL_REAPED);
}

static struct epoch *begin(void)
{
	const struct lgr_object *object = NULL;
	uintptr_t lo = UINTPTR_MAX, hi = 0;
	uint32_t slots = 0;
	struct epoch *epoch;

	while ((object = lgr_registry_next_kept(object))) {
		if (!is_subject(object))
			continue;
		lo = lgr_min(lo, object->lo);
		hi = hi > object->hi ? hi : object->hi;
		slots = slots > object->slot ? slots : object->slot + 1;
	}
	epoch = slots ? lgr_arena_alloc(sizeof(*epoch) + slots + 1) : NULL;
	if (!epoch)
		return NULL;
	epoch->seen = (struct linger_epoch){ .lo = lo, .span = hi - lo };
	epoch->kept_as = keepings;
	epoch->slots = slots;
	return epoch;
}

EXPORT const struct linger_epoch *linger_epoch_begin_(linger_rt *rt)
{
	const struct linger_epoch *seen = NULL;

	if (!atomic_load_explicit(&lgr_region.kept, memory_order_relaxed) ||
	    !lgr_lock(&lgr_lock_registry))
		return NULL;
	if (is_host(rt)) {
		drop_epoch(rt);
		rt->epoch = begin();
		seen = rt->epoch ? &rt->epoch->seen : NULL;
	}
	lgr_unlock(&lgr_lock_registry);
	return seen;
}

EXPORT void linger_mark_(const struct linger_epoch *seen, const void *p)
{
	struct epoch *epoch = (struct epoch *)seen;
	uint64_t word = lgr_pages_find((uintptr_t)p);
	uint32_t slot = lgr_word_slot(word);

	/* Most marks find the byte set: then its line stays shared. */
	if (word && slot < epoch->slots &&
	    !atomic_load_explicit(&epoch->mark[slot], memory_order_relaxed))
		atomic_store_explicit(&epoch->mark[slot], 1, memory_order_relaxed);
}

/* What a marked object needs is marked, too. */
static bool mark_needed(struct lgr_object *needed, void *arg)
{
	struct epoch *epoch = arg;

	if (needed->slot < epoch->slots && !epoch->mark[needed->slot]) {
		epoch->mark[needed->slot] = 1;
		epoch->mark[epoch->slots] = 1; /* something has changed */
	}
	return true;
}

/* For want of the fields that tell who needs whom everything counts as marked. */
static bool propagate(struct epoch *epoch)
{
	struct lgr_object *object;

	do {
		epoch->mark[epoch->slots] = 0;
		object = NULL;
		while ((object = lgr_registry_next_kept(object)))
			if (object->slot < epoch->slots && epoch->mark[object->slot] &&
			    !lgr_group_needs(object, mark_needed, epoch))
				return false;
	} while (epoch->mark[epoch->slots]);
	return true;
}

static void end(struct linger_rt *rt, bool complete)
{
	struct epoch *epoch = rt->epoch;
	struct lgr_object *object = NULL;

	complete = complete && propagate(epoch);
	while ((object = lgr_registry_next_kept(object))) {
		bool subject = is_subject(object) && object->kept_as <= epoch->kept_as &&
			       object->slot < epoch->slots;

		if (complete && subject && !epoch->mark[object->slot])
			object->unreported &= ~bit_of(rt);
		else
			object->unreported |= bit_of(rt);
	}
}

/* ------------------------------------------------------------------------------------- the proof */

static enum lgr_reason why_kept(const struct lgr_object *object)
{
	if (atomic_load_explicit(&object->pins, memory_order_relaxed))
		return LGR_RSN_PIN;
	return object->unreported ? LGR_RSN_HOST : LGR_RSN_NONE;
}

static bool unprove(struct lgr_object *needed, void *arg)
{
	if (lgr_is(needed, LGR_FL_PROVEN)) {
		needed->reason = LGR_RSN_DEPENDENCY;
		lgr_registry_set_flags(needed, 0, LGR_FL_PROVEN);
		*(bool *)arg = true;
	}
	return true;
}

/* What stays needs what it needs. */
static bool unprove_needed(void)
{
	struct lgr_object *object;
	bool changed;

	do {
		changed = false;
		object = NULL;
		while ((object = lgr_registry_next_kept(object)))
			if (!lgr_is(object, LGR_FL_PROVEN | LGR_FL_REAPED) &&
			    !lgr_group_needs(object, unprove, &changed))
				return false;
	} while (changed);
	return true;
}

/* Flags what may go as far as the hosts are concerned. Returns whether there is anything. */
static bool prove_by_hosts(void)
{
	struct lgr_object *object = NULL;
	bool any = false;

	while ((object = lgr_registry_next_kept(object))) {
		bool proven = is_subject(object) && lgr_close_may(object);

		if (proven)
			object->reason = why_kept(object);
		proven = proven && !object->reason;
		lgr_registry_set_flags(object, proven ? LGR_FL_PROVEN : 0,
				       proven ? 0 : LGR_FL_PROVEN);
		any |= proven;
	}
	return any;
}

/*
 * What was found in use has to be reported anew: a reference on a stack, or in a call under way, may be in
 * a heap by the time that it has gone from there. Returns how many are proven.
 */
static int count_proven(void)
{
	struct lgr_object *object = NULL;
	int n = 0;

	while ((object = lgr_registry_next_kept(object))) {
		if (lgr_is(object, LGR_FL_PROVEN))
			n++;
		else
			object->unreported |= object->unreported ? 0 : registered;
	}
	return n;
}

/*
 * The stacks are looked at when the report ends, not when it is acted on: in between a pointer might move
 * from a stack to where the report has looked already. What nothing reaches then, nothing ever will.
 */
static int prove(const void *frame)
{
	struct lgr_object *object = NULL;

	if (lgr_region.policy != LGR_POLICY_HOST)
		return 0;
	if (prove_by_hosts() && lgr_stacks_look(frame) && unprove_needed())
		return count_proven();
	while ((object = lgr_registry_next_kept(object)))
		lgr_registry_set_flags(object, 0, LGR_FL_PROVEN);
	return count_proven();
}

/*
 * The caller's own stack counts from here, and its registers are in this frame: what is below is
 * linger's, and full of the addresses that are looked for.
 */
EXPORT __attribute__((noinline)) int linger_epoch_end_(linger_rt *rt,
						       const struct linger_epoch *seen,
						       int complete)
{
	int r = -EINVAL;

	__builtin_unwind_init();
	if (!lgr_lock(&lgr_lock_registry))
		return r;
	if (is_host(rt) && rt->epoch && seen == &rt->epoch->seen) {
		end(rt, complete);
		drop_epoch(rt);
		r = prove(__builtin_frame_address(0));
	}
	lgr_unlock(&lgr_lock_registry);
	return r;
}

/* ------------------------------------------------------------------------------------- the reaping */

bool lgr_host_take_proven(void)
{
	struct lgr_object *object = NULL;
	bool any = false;

	if (lgr_region.policy != LGR_POLICY_HOST)
		return false;
	/* Pinned since: then a reference has been found after all. */
	while ((object = lgr_registry_next_kept(object)))
		if (atomic_load_explicit(&object->pins, memory_order_acquire))
			lgr_registry_set_flags(object, 0, LGR_FL_PROVEN);
	if (!unprove_needed())
		return false;
	count_proven();
	while ((object = lgr_registry_next_kept(object))) {
		if (lgr_is(object, LGR_FL_PROVEN))
			lgr_registry_set_flags(object, LGR_FL_REAPED, LGR_FL_PROVEN);
		any |= lgr_is(object, LGR_FL_REAPED); /* or there was no memory for it last time */
	}
	return any;
}

EXPORT int linger_reap_(linger_rt *rt)
{
	return is_host(rt) ? lgr_keep_reap() : 0;
}

/* ------------------------------------------------------------------------------ pins and vouches */

EXPORT int linger_pin_(const void *p, int on)
{
	uint64_t word = lgr_pages_find((uintptr_t)p);
	struct lgr_object *object = lgr_registry_object(word);
	uint32_t was;

	if (!lgr_on())
		return -ENOSYS;
	if (!object)
		return -ENOENT;
	if (on) {
		atomic_fetch_add_explicit(&object->pins, 1, memory_order_acq_rel);
		return 0;
	}
	was = atomic_load_explicit(&object->pins, memory_order_relaxed);
	while (was &&
	       !atomic_compare_exchange_weak_explicit(&object->pins, &was, was - 1,
						      memory_order_acq_rel, memory_order_relaxed))
		;
	return was ? 0 : -EINVAL;
}

EXPORT int linger_vouch_(linger_rt *rt, const void *lo, const void *hi, int on)
{
	int r = -EINVAL;

	if (lo >= hi || !lgr_lock(&lgr_lock_registry))
		return r;
	if (is_host(rt))
		r = lgr_stacks_vouch((uintptr_t)lo, (uintptr_t)hi, on);
	lgr_unlock(&lgr_lock_registry);
	return r;
}
