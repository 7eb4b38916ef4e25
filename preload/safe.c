/*
 * safe.c - policy `safe`: when the process is looked at. See safe.h.
 *
 * Owns: when it is looked at next. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "safe.h"

#include "close.h"
#include "environment.h"
#include "filter.h"
#include "host.h"
#include "reach.h"
#include "region.h"
#include "registry.h"
#include "settings.h"
#include "sys.h"
#include "text.h"

#define PAUSE 50000000u /* ns: how long the others are stopped at most, for a snapshot */
#define SHARE 20u	/* of the time between two looks one is at most this part */

static struct {
	uint64_t next_ns, delay_ns;
} again;

bool lgr_safe(void)
{
	enum lgr_policy policy = lgr_region.policy;

	return policy == LGR_POLICY_SAFE || (policy == LGR_POLICY_HOST && !lgr_host_any());
}

static uint64_t now(void)
{
	return lgr_sys_clock(CLOCK_MONOTONIC);
}

static void flag_unseen(enum lgr_unseen unseen)
{
	struct lgr_object *object = NULL;

	while ((object = lgr_registry_next(object)))
		if (lgr_is(object, LGR_FL_PROVEN))
			lgr_reach_unseen(object, unseen);
}

static uint32_t count_proven(void)
{
	const struct lgr_object *object = NULL;
	uint32_t n = 0;

	while ((object = lgr_registry_next(object)))
		n += lgr_is(object, LGR_FL_PROVEN) != 0;
	return n;
}

/* What is proven stays so until it is opened again; LGR_FL_PROVEN alone may be a host's, too. */
static bool take_proven(void)
{
	struct lgr_object *object = NULL;
	bool any = false;

	while ((object = lgr_registry_next(object))) {
		if (lgr_is(object, LGR_FL_PROVEN))
			lgr_registry_set_flags(object, LGR_FL_REAPED, LGR_FL_PROVEN);
		any |= lgr_is(object, LGR_FL_REAPED);
	}
	return any;
}

/* --------------------------------------------------------------------------------- at the call */

/* Whose destructors are trusted to leave nothing behind. */
static bool all_trusted(void)
{
	const char *pattern = lgr_settings.of[LGR_SET_TRUST].text;
	const struct lgr_object *object = NULL;

	if (!*pattern)
		return false;
	while ((object = lgr_registry_next(object)))
		if (lgr_is(object, LGR_FL_PROVEN) && lgr_state_of(object) == LGR_ST_LIVE &&
		    !lgr_glob(pattern, lgr_path_of(object)))
			return false;
	return true;
}

void lgr_safe_at_call(const uintptr_t *frame, uint32_t depth)
{
	uint64_t budget = lgr_settings.of[LGR_SET_BUDGET].number;
	uint32_t proven;

	if (lgr_settings.of[LGR_SET_LEAKCHECK].number || all_trusted()) {
		take_proven();
		return;
	}
	if (depth != 1) {
		flag_unseen(LGR_UN_LOADING);
	} else if (lgr_reach_cost() > budget) {
		lgr_reach_forgo();
		flag_unseen(LGR_UN_TIME);
	} else {
		lgr_reach_look(frame, budget);
		proven = count_proven();
		lgr_count_by(LGR_N_PROVEN, proven);
		lgr_count_by(LGR_N_PROVEN_AT_CALL, proven);
		take_proven();
	}
}

/* ---------------------------------------------------------------------------------------- again */

void lgr_safe_kept(void)
{
	again.delay_ns = lgr_settings.of[LGR_SET_RETRY].number;
	again.next_ns = now() + again.delay_ns;
}

/*
 * A witness that stands where it stood may be dead by now: on the stack of a thread that has ended, say.
 * So that is believed only for as long again as the object had been kept when it was seen.
 */
static bool is_believed(const struct lgr_object *object)
{
	uint64_t seen = object->witness.time_ns, kept = lgr_min(object->kept_ns, seen);
	uint64_t least = lgr_settings.of[LGR_SET_RETRY].number;
	uint64_t most = lgr_settings.of[LGR_SET_RETRY].upper;

	return now() < seen + lgr_min(seen - kept + least, most) && lgr_reach_stands(object);
}

/* Flags what there is to look for: what is kept, and whose witness is not believed to stand. */
static bool flag_kept(void)
{
	struct lgr_object *object = NULL;
	bool any = false;

	while ((object = lgr_registry_next_kept(object))) {
		if (!lgr_close_may(object) || is_believed(object))
			continue;
		lgr_registry_set_flags(object, LGR_FL_PROVEN, 0);
		any = true;
	}
	return any;
}

/* Looks that find nothing become rarer; long ones, too. */
static void pause_until_next(bool proven, uint64_t begun)
{
	uint64_t most = lgr_settings.of[LGR_SET_RETRY].upper, end = now();
	uint64_t least = lgr_settings.of[LGR_SET_RETRY].number;

	again.delay_ns = proven ? least : lgr_min(again.delay_ns * 2, most);
	again.next_ns = end + again.delay_ns;
	if (again.next_ns < end + SHARE * (end - begun))
		again.next_ns = end + SHARE * (end - begun);
}

static void look(const uintptr_t *frame)
{
	uint64_t budget = lgr_settings.of[LGR_SET_BUDGET].number;

	if (lgr_reach_cost() <= budget)
		lgr_reach_look(frame, 2 * budget);
	else
		lgr_reach_begin(frame, PAUSE);
}

static void look_again(const uintptr_t *frame)
{
	uint64_t begun = now();
	uint32_t proven;

	if (begun < again.next_ns || !lgr_filter_allows())
		return;
	if (lgr_reach_pending()) {
		if (!lgr_reach_collect())
			return;
	} else if (flag_kept()) {
		look(frame);
	}
	proven = count_proven();
	lgr_count_by(LGR_N_PROVEN, proven);
	pause_until_next(proven, begun);
}

bool lgr_safe_take(const uintptr_t *frame)
{
	if (!lgr_safe() || !atomic_load_explicit(&lgr_region.kept, memory_order_relaxed))
		return false;
	look_again(frame);
	return take_proven();
}
