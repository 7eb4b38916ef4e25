/*
 * keep.c - what becomes of an object when its last handle is given up. See keep.h.
 *
 * Owns: when it last looked. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "keep.h"

#include "archive.h"
#include "close.h"
#include "detach.h"
#include "environment.h"
#include "fields.h"
#include "fresh.h"
#include "group.h"
#include "hold.h"
#include "host.h"
#include "linger.h"
#include "loader.h"
#include "lock.h"
#include "log.h"
#include "maps.h"
#include "names.h"
#include "notice.h"
#include "override.h"
#include "quarantine.h"
#include "reach.h"
#include "real.h"
#include "records.h"
#include "redirect.h"
#include "registry.h"
#include "safe.h"
#include "sys.h"
#include "watch.h"

#define SETTLED 1000000000u /* ns */

static uint64_t settled_id; /* the newest object then */

/* ----------------------------------------------------------------------------- to and from KEPT */

/* Each object has a handful of mappings; without room for more, the program's next dlopen fails. */
static void watch_maps(void)
{
	static uint32_t kept;
	static bool said;

	if (said || ++kept % 64 || lgr_maps_count() < lgr_maps_limit() / 4 * 3)
		return;
	said = true;
	lgr_log_error(LGR_RSN_E_MAPS, NULL);
}

static void keep(struct lgr_object *object)
{
	enum lgr_reason reason = lgr_host_kept(object);

	if (object->redirects) {
		reason = LGR_RSN_REDIRECT;
	} else if (lgr_safe()) {
		if (!object->reason)
			lgr_reach_unseen(object, LGR_UN_LOADING);
		reason = object->reason;
		lgr_safe_kept();
	}
	lgr_registry_set_state(object, LGR_ST_KEPT, reason);
	lgr_group_remember(object);
	/* A second instance would need room in the static TLS block, of which there is little: the
	 * third dlopen of such a library fails. It keeps its name, and is found by it. */
	if (lgr_is(object, LGR_FL_STATIC_TLS))
		lgr_registry_refuse(object, LGR_RSN_STATIC_TLS);
	else if (!lgr_names_take(object))
		lgr_registry_refuse(object, LGR_RSN_E_FIELDS);
	lgr_detach(object);
	lgr_fresh_kept(object);
	object->kept_ns = lgr_sys_clock(CLOCK_MONOTONIC_COARSE);
	lgr_watch_requested(object);
	lgr_redirect_object_kept(object);
	watch_maps();
}

/*
 * A program that closes and opens a library again and again would pay 300 us for each turn, if its pages
 * were exchanged each time; so they go back to the file once it has not been closed for a while.
 */
static void attach_if_settled(struct lgr_object *object)
{
	if (lgr_is(object, LGR_FL_DETACHED) &&
	    lgr_sys_clock(CLOCK_MONOTONIC_COARSE) > object->kept_ns + SETTLED)
		lgr_attach(object);
}

static void revive(struct lgr_object *object)
{
	lgr_names_give_back(object);
	attach_if_settled(object);
	lgr_registry_set_flags(object, 0, LGR_FL_OUTDATED | LGR_FL_PROVEN | LGR_FL_REAPED);
	object->reason = LGR_RSN_NONE;
	object->witness = (struct lgr_witness){ .place = LGR_PL_NONE };
	lgr_registry_set_state(object, LGR_ST_LIVE, LGR_RSN_NONE);
	lgr_redirect_new_object(object);
}

/* What nothing uses any more, and has not been kept before. */
static bool is_given_up(const struct lgr_object *object)
{
	return lgr_state_of(object) == LGR_ST_LIVE && !lgr_group_uses(object) &&
	       lgr_is(object, LGR_FL_HELD);
}

/* At a call: which of it goes at once? Under `safe` what is proven; else all of it, or nothing. */
static void prove_at_call(const struct lgr_call *call)
{
	struct lgr_object *object = NULL;

	if (!lgr_safe())
		return;
	while ((object = lgr_registry_next(object))) {
		if (!is_given_up(object) || !lgr_close_may(object))
			continue;
		if (object->watches)
			lgr_reach_unseen(object, LGR_UN_TOLD);
		else
			lgr_registry_set_flags(object, LGR_FL_PROVEN, 0);
	}
	lgr_safe_at_call(call->frame, call->depth);
}

static void let_go(struct lgr_object *object, bool at_call)
{
	if (at_call && lgr_close_is_proven(object))
		lgr_close_at_call(object);
	else
		keep(object);
}

void lgr_keep_settle(const struct lgr_object *closing, const struct lgr_call *call)
{
	struct lgr_object *object = NULL;

	if (!lgr_group_mark(closing, NULL))
		return;
	while (lgr_override_is_on() && (object = lgr_registry_next(object)))
		if (is_given_up(object))
			lgr_redirect_object_given_up(object);
	if (closing)
		prove_at_call(call);
	while ((object = lgr_registry_next(object))) {
		enum lgr_state state = lgr_state_of(object);
		bool used = lgr_group_uses(object);

		if (is_given_up(object))
			let_go(object, closing);
		/* Nobody finds a hidden one again. */
		else if (state == LGR_ST_KEPT && used && !lgr_is(object, LGR_FL_HIDDEN))
			revive(object);
		/* Something that has gone again needed it meanwhile, and found it by a name. */
		else if (state == LGR_ST_KEPT && lgr_is(object, LGR_FL_UNNAMED))
			lgr_names_take(object);
		else if (state == LGR_ST_LIVE && used)
			attach_if_settled(object);
	}
	settled_id = lgr_registry_last_id();
}

/* May a kept object have come to life since: opened again, or needed by something new? */
static bool is_stale(void)
{
	const struct lgr_object *object = NULL;

	if (settled_id != lgr_registry_last_id())
		return true;
	while ((object = lgr_registry_next_kept(object)))
		if (lgr_field_handles(lgr_map_of(object)) && !lgr_is(object, LGR_FL_HIDDEN))
			return true;
	return false;
}

/* ------------------------------------------------------------------------------------- requests */

/* Opened by libc alone until now, or found too late: the program's own from here. */
static bool hold_needed(struct lgr_object *object, void *arg)
{
	lgr_hold(object);
	return true;
}

static bool is_nodelete(const struct lgr_object *object)
{
	return lgr_field_known(LGR_FIELD_NODELETE) ? lgr_field_nodelete(lgr_map_of(object))
						   : lgr_is(object, LGR_FL_NODELETE);
}

/*
 * glibc does not count the handles of an object down that it will never unload, so what is given up is
 * counted here.
 */
static void give_up_nodelete(struct lgr_object *object, uint32_t handles)
{
	if (object->let_go < handles && ++object->let_go < handles)
		return;
	lgr_count(LGR_N_REQUESTS);
	lgr_registry_log(object, LGR_EV_REQUEST, LGR_RSN_NONE);
	lgr_registry_log(object, LGR_EV_KEEP, LGR_RSN_NODELETE);
	lgr_fresh_given_up(object);
}

static void request(struct lgr_object *object, const struct lgr_call *call)
{
	uint32_t handles = lgr_field_handles(lgr_map_of(object));

	if (lgr_is(object, LGR_FL_STARTUP))
		return;
	if (is_nodelete(object)) {
		give_up_nodelete(object, handles);
		return;
	}
	if (call->depth) {
		lgr_hold(object);
		if (lgr_group_known())
			lgr_group_needs(object, hold_needed, NULL);
	}
	if (handles != 1)
		return;
	/* Opened again, and nothing has looked since. */
	if (lgr_state_of(object) == LGR_ST_KEPT)
		lgr_registry_set_state(object, LGR_ST_LIVE, LGR_RSN_NONE);
	lgr_count(LGR_N_REQUESTS);
	lgr_registry_log(object, LGR_EV_REQUEST, LGR_RSN_NONE);
	if (call->depth)
		lgr_keep_settle(object, call);
}

/* A handle is the address of a link map; only one that is in the list is looked into. */
static void take_request(void *handle, const struct lgr_call *call)
{
	struct lgr_log_entry entry = { .event = LGR_EV_CALL_DLCLOSE };
	struct lgr_object *object;

	if (!lgr_lock(&lgr_lock_registry)) {
		lgr_log_write(&entry);
		return;
	}
	object = lgr_registry_find((uintptr_t)handle, UINT64_MAX);
	if (object) {
		entry.id = object->id;
		entry.path = lgr_path_of(object);
	}
	lgr_log_write(&entry);
	if (object)
		request(object, call);
	lgr_unlock(&lgr_lock_registry);
}

static void settle_if_stale(void)
{
	if (lgr_fresh_concerns() && is_stale())
		lgr_keep_settle(NULL, NULL);
}

/*
 * The look: until then libc may have unloaded what it opened itself, whose link map is then freed memory, and
 * other threads may have loaded what needs a kept object.
 */
uint32_t lgr_keep_enter(void)
{
	uint32_t depth = lgr_loads_lock();

	if (!depth)
		return 0;
	if (!lgr_look_in_load()) {
		lgr_loads_unlock();
		return 0;
	}
	if (lgr_redirects_waiting() && lgr_lock(&lgr_lock_registry)) {
		lgr_redirects_settle();
		lgr_unlock(&lgr_lock_registry);
	}
	return depth;
}

void lgr_keep_leave(void)
{
	struct lgr_alias *list = NULL;
	int saved = *lgr_libc.errno_location();

	if (lgr_lock(&lgr_lock_registry)) {
		list = lgr_names_spare();
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_names_free(list);
	*lgr_libc.errno_location() = saved;
	lgr_loads_unlock();
}

static void settle_under_lock(void)
{
	if (!lgr_lock(&lgr_lock_registry))
		return;
	settle_if_stale();
	lgr_unlock(&lgr_lock_registry);
}

/*
 * What has been opened again since is not closed; then what is proven goes, in the program's outermost
 * dlopen or dlclose; call is NULL where a host reaps what it has reported. The loads' lock is kept from
 * the proof to the close, so that nobody opens meanwhile what has been proven; the callbacks run inside
 * it, as destructors do. Returns how many have gone.
 */
static int close_proven(const struct lgr_call *call)
{
	struct lgr_watch_batch *batch = NULL;
	bool proven, failed = false;
	int gone = 0;

	if (!lgr_lock(&lgr_lock_registry))
		return 0;
	settle_if_stale();
	proven = call ? lgr_safe_take(call->frame) : lgr_host_take_proven();
	if (proven)
		batch = lgr_watch_collect(&failed);
	lgr_unlock(&lgr_lock_registry);
	if (failed || (!proven && !call))
		return 0;
	lgr_watch_tell(batch, LINGER_UNLOADING);
	if (batch)
		settle_under_lock(); /* what a callback has opened */
	gone = lgr_close_proven();
	lgr_watch_tell(batch, LINGER_UNLOADED);
	if (batch && lgr_lock(&lgr_lock_registry)) {
		lgr_watch_free(batch);
		lgr_unlock(&lgr_lock_registry);
	}
	return gone;
}

static void close_if_pending(const struct lgr_call *call)
{
	if (call->depth == 1 && lgr_close_pending())
		close_proven(call);
}

/* Does this close concern anything that we hold, or should? What is there from the start is not. */
static bool concerns_us(void *handle)
{
	const struct lgr_object *object;
	bool concerns;

	if (!lgr_region.holding || lgr_exiting() || !lgr_lock(&lgr_lock_registry))
		return false;
	object = lgr_registry_find((uintptr_t)handle, UINT64_MAX);
	concerns = object && !lgr_is(object, LGR_FL_STARTUP);
	lgr_unlock(&lgr_lock_registry);
	return concerns || lgr_close_pending();
}

/* Who interposes behind us may take locks of his own, in another order. */
static bool may_close(void)
{
	return lgr_real[LGR_REAL_dlclose] == lgr_real_libc[LGR_REAL_dlclose];
}

/* With policy:off glibc unloads natively, so what overrides is taken back before. */
static void fall_back(void *handle)
{
	struct lgr_object *object;

	if (!lgr_override_is_on() || lgr_exiting() || !lgr_keep_enter())
		return;
	if (lgr_lock(&lgr_lock_registry)) {
		object = lgr_registry_find((uintptr_t)handle, UINT64_MAX);
		if (object && lgr_field_handles(lgr_map_of(object)) == 1)
			lgr_redirect_object_given_up(object);
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_keep_leave();
}

int lgr_keep_close(void *handle, const uintptr_t *frame)
{
	int (*dlclose)(void *) = (int (*)(void *))lgr_real_libc[LGR_REAL_dlclose];
	bool concerns = concerns_us(handle);
	struct lgr_call call = { .frame = frame };
	int result = LGR_NOT_CLOSED;

	if (!lgr_region.holding)
		fall_back(handle);
	if (!concerns && !lgr_log_is_on())
		return result;
	if (concerns && lgr_safe())
		lgr_records_find();
	call.depth = concerns ? lgr_keep_enter() : 0;
	close_if_pending(&call);
	take_request(handle, &call);
	if (call.depth && may_close()) {
		result = dlclose(handle);
		lgr_close_look_after();
	}
	if (call.depth)
		lgr_keep_leave();
	lgr_watch_tell_requests();
	return result;
}

/* ---------------------------------------------------------------------------------------- opening */

void lgr_keep_before_open(const char *file, const uintptr_t *frame)
{
	struct lgr_call call = { .frame = frame };

	if (!lgr_region.holding || lgr_exiting() || !lgr_fresh_concerns())
		return;
	call.depth = lgr_keep_enter();
	if (!call.depth)
		return;
	close_if_pending(&call);
	if (lgr_lock(&lgr_lock_registry)) {
		settle_if_stale();
		lgr_fresh_before_open(file);
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_keep_leave();
}

void lgr_keep_after_open(void)
{
	if (!atomic_load_explicit(&lgr_region.kept, memory_order_relaxed) || lgr_exiting() ||
	    !lgr_keep_enter())
		return;
	if (lgr_lock(&lgr_lock_registry)) {
		settle_if_stale();
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_keep_leave();
}

int lgr_keep_reap(void)
{
	uint32_t depth;
	int gone = 0;

	if (!lgr_region.holding || lgr_exiting())
		return 0;
	depth = lgr_keep_enter();
	if (depth == 1)
		gone = close_proven(NULL);
	if (depth)
		lgr_keep_leave();
	return gone;
}

void lgr_keep_forget(struct lgr_object *object)
{
	lgr_redirect_object_gone(object);
	lgr_archive_gone(object);
	lgr_watch_forget(object);
	lgr_group_forget(object);
	lgr_names_forget(object);
	lgr_detach_forget(object);
	if (lgr_safe())
		lgr_quarantine(object);
}

void lgr_keep_at_exit(void)
{
	struct lgr_object *object, *next;

	if (!lgr_lock(&lgr_lock_registry))
		return;
	next = lgr_registry_next_kept(NULL);
	while ((object = next)) {
		next = lgr_registry_next_kept(object);
		/* One is the loader's (elf/dl-fini.c). */
		if (lgr_field_handles(lgr_map_of(object)) > 1 && !lgr_is(object, LGR_FL_HIDDEN))
			lgr_registry_set_state(object, LGR_ST_LIVE, LGR_RSN_NONE);
	}
	lgr_unlock(&lgr_lock_registry);
}
