/*
 * follow.c - redirects while objects come and go. See redirect.h.
 *
 * Owns: what has come and gone since the last settling. Guard: lgr_lock_registry; settling wants the loads'
 * lock, too, which not everybody has who meets a new object.
 * SPDX-License-Identifier: MIT
 */
#include "arena.h"
#include "loaded.h"
#include "lock.h"
#include "log.h"
#include "override.h"
#include "redirect.h"
#include "region.h"
#include "registry.h"
#include "scope.h"
#include "sys.h"
#include "tie.h"

#define DOUBT UINT64_C(10000000000) /* ns */

static _Atomic bool waiting; /* something is to be seen to */
static bool lost;	     /* of that: definitions that have gone, or were closed */
static _Atomic uint64_t
	doubt_until; /* CLOCK_MONOTONIC_COARSE; 0: all slots are as they should be */

/* The newest redirect, and how often objects had been kept, when each redirect had a definition. */
static struct {
	uint64_t number, keeps;
} tied;

/* Objects that have come since the last settling, in the order in which they came. */
static struct {
	struct lgr_who *at;
	uint32_t n, room;
} news;

bool lgr_redirects_waiting(void)
{
	return atomic_load_explicit(&waiting, memory_order_relaxed) ||
	       atomic_load_explicit(&doubt_until, memory_order_relaxed);
}

/* For one more. */
static bool make_room(void)
{
	uint32_t room = news.room ? 2 * news.room : 256;
	struct lgr_who *more;

	if (news.n < news.room)
		return true;
	more = lgr_arena_grow(news.at, news.room * sizeof(*more), news.n * sizeof(*more),
			      room * sizeof(*more));
	if (!more)
		return false;
	news.at = more;
	news.room = room;
	return true;
}

void lgr_redirect_new_object(struct lgr_object *object)
{
	if (!lgr_redirects_any() && !lgr_override_is_on())
		return;
	if (!make_room()) {
		lgr_registry_refuse(object, LGR_RSN_E_REDIRECT);
		return;
	}
	news.at[news.n++] = lgr_who(object);
	atomic_store_explicit(&waiting, true, memory_order_relaxed);
}

/* One that is being restored is tied to nothing any more: there will be no pass that undoes it. */
static bool is_seeking(const struct linger_redirect *r)
{
	return r->name && !r->leaving && (!r->home || !lgr_is_live(r->home->site->object));
}

/*
 * Whoever seeks a definition may find it here. Mostly nobody does; looking at each of 100 redirects again, cold as
 * they are, would cost every dlopen some microseconds.
 */
static void offer(struct lgr_object *object)
{
	uint64_t keeps = lgr_counted(LGR_N_KEEPS);
	bool seeking = false;

	if (!lgr_redirects || (lgr_redirects->number <= tied.number && keeps == tied.keeps))
		return;
	for (struct linger_redirect *r = lgr_redirects; r; r = r->next) {
		if (is_seeking(r) && r->module.object != object)
			lgr_tie_to_new(r, object);
		seeking |= is_seeking(r);
	}
	tied.number = seeking ? 0 : lgr_redirects->number;
	tied.keeps = keeps;
}

/* Was it loaded because this other one was opened? */
static bool came_for(const struct lgr_object *object, const struct lgr_object *opened)
{
	const struct lgr_scope *scope = lgr_scope_of(lgr_map_of(opened));

	if (lgr_scope_of(lgr_map_of(object)))
		return false; /* it was opened by itself */
	for (uint32_t i = 0; scope && i < scope->count; i++)
		if (scope->list[i] == lgr_map_of(object))
			return true;
	return false;
}

/* Of the news: the first that did not come with this one. */
static uint32_t end_of_group(uint32_t first)
{
	uint32_t end = first + 1;

	while (end < news.n && lgr_is_there(&news.at[end]) &&
	       came_for(news.at[end].object, news.at[first].object))
		end++;
	return end;
}

static void welcome(uint32_t first, uint32_t end)
{
	for (uint32_t i = end; i-- > first;)
		lgr_override(news.at[i].object, news.at[first].id);
	for (uint32_t i = first; i < end; i++) {
		offer(news.at[i].object);
		if ((lgr_redirects_filter() || lgr_ties_doubtful()) &&
		    lgr_loaded_index(news.at[i].object))
			lgr_sites_apply_to(news.at[i].object);
	}
}

static void welcome_all(void)
{
	for (uint32_t i = 0, end; i < news.n; i = end) {
		end = i + 1;
		if (!lgr_is_there(&news.at[i]))
			continue;
		end = lgr_override_is_on() ? end_of_group(i) : end;
		welcome(i, end);
	}
}

/* What defined a name has gone or was closed: is there somebody else? */
static void seek_again(void)
{
	static char buffer[256] LGR_BIG;
	struct lgr_text why;

	for (struct linger_redirect *r = lgr_redirects; r; r = r->next) {
		if (!is_seeking(r))
			continue;
		lgr_text_init(&why, buffer, sizeof(buffer));
		lgr_tie_by_name(r, &why);
	}
}

void lgr_redirects_doubt(bool unseen)
{
	for (const struct lgr_site *site = lgr_sites_changed(); site; site = site->changed)
		unseen |= site->lazy && site->stub;
	if (unseen)
		atomic_store_explicit(&doubt_until, lgr_sys_clock(CLOCK_MONOTONIC_COARSE) + DOUBT,
				      memory_order_relaxed);
}

static void verify_again(void)
{
	uint64_t until = atomic_load_explicit(&doubt_until, memory_order_relaxed);

	if (!until)
		return;
	for (const struct linger_redirect *r = lgr_redirects; r; r = r->next)
		for (const struct lgr_tie *tie = r->ties; tie; tie = tie->next)
			if (tie->site->lazy)
				lgr_site_changed(tie->site);
	lgr_sites_verify();
	lgr_sites_settled();
	if (lgr_sys_clock(CLOCK_MONOTONIC_COARSE) > until)
		atomic_store_explicit(&doubt_until, 0, memory_order_relaxed);
}

/* With policy:off an object may go that overrides something, without a dlclose that names it. */
static void drop_orphans(void)
{
	struct linger_redirect *r = lgr_redirects, *next;
	bool lazy;

	for (; r; r = next) {
		next = r->next;
		if (!r->override || lgr_is_there(&r->module))
			continue;
		lgr_redirect_let_go(r);
		if (lgr_redirects_apply(&lazy) == 0)
			lgr_redirect_free(r);
		lgr_sites_settled();
	}
}

void lgr_redirects_settle(void)
{
	bool lazy;

	verify_again();
	if (!atomic_load_explicit(&waiting, memory_order_relaxed))
		return;
	atomic_store_explicit(&waiting, false, memory_order_relaxed);
	welcome_all();
	if (lost && lgr_redirect_index()) {
		drop_orphans();
		seek_again();
	}
	lost = false;
	news.n = 0;
	if (lgr_sites_changed() && lgr_redirects_apply(&lazy) < 0)
		lgr_log_error(LGR_RSN_E_REDIRECT, NULL);
	lgr_sites_settled();
}

static bool overrides_for(const struct linger_redirect *r, const struct lgr_object *object)
{
	return r->override && r->module.object == object && r->module.id == object->id;
}

static struct linger_redirect *override_of(const struct lgr_object *object)
{
	struct linger_redirect *r = lgr_redirects;

	while (r && !overrides_for(r, object))
		r = r->next;
	return r;
}

void lgr_redirect_object_given_up(struct lgr_object *object)
{
	struct linger_redirect *r;
	bool lazy = false, changed = override_of(object);

	if (!changed || !lgr_redirect_index())
		return;
	for (r = lgr_redirects; r; r = r->next)
		if (overrides_for(r, object))
			lgr_redirect_let_go(r);
	if (lgr_redirects_apply(&lazy) < 0) {
		lgr_log_error(LGR_RSN_E_REDIRECT, lgr_path_of(object));
		for (r = lgr_redirects; r; r = r->next)
			if (overrides_for(r, object))
				lgr_redirect_stay(r);
		lgr_sites_settled();
		return;
	}
	lgr_redirects_doubt(lazy);
	lgr_sites_settled();
	while ((r = override_of(object))) {
		lgr_redirect_log(r, LGR_EV_RESTORE);
		lgr_redirect_free(r);
	}
}

/* Of most objects nothing is redirected, and then nobody has to look for another definition. */
static void note_loss(const struct lgr_object *object)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);

	if (!lgr_override_is_on() && (!indexed || !indexed->sites))
		return;
	lost = true;
	tied.number = 0;
	atomic_store_explicit(&waiting, true, memory_order_relaxed);
}

void lgr_redirect_object_kept(struct lgr_object *object)
{
	if (lgr_redirects_any())
		note_loss(object);
}

static void forget_definitions(const struct lgr_object *object)
{
	struct lgr_tie *tie, *next;

	for (struct linger_redirect *r = lgr_redirects; r; r = r->next)
		for (tie = r->ties; tie; tie = next) {
			next = tie->next;
			if (tie->site->object == object && tie->site->id == object->id) {
				lgr_tie_forget(tie->site);
				next = r->ties;
			}
		}
}

void lgr_redirect_object_gone(struct lgr_object *object)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);

	if (lgr_redirects_any())
		note_loss(object);
	if (indexed && indexed->sites)
		forget_definitions(object);
	lgr_index_remove(object);
}
