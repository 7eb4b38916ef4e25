/*
 * change.c - linger_redirect_all, linger_restore_all, linger_previous. Contract: linger.h.
 *
 * Owns nothing. Called by programs, on any thread.
 * SPDX-License-Identifier: MIT
 */
#include "calls.h"
#include "fields.h"
#include "hold.h"
#include "keep.h"
#include "lazy.h"
#include "loader.h"
#include "lock.h"
#include "log.h"
#include "real.h"
#include "redirect.h"
#include "region.h"
#include "registry.h"

#define EXPORT __attribute__((visibility("default")))
#define TRIES 8 /* to find nothing that a first call has put back */

/* ----------------------------------------------------------------------------------- both locks */

/* False: they are not to be had, here or at all. */
static bool enter(void)
{
	lgr_fields_probe();
	lgr_loads_seek_lock();
	if (!lgr_keep_enter())
		return false;
	if (lgr_lock(&lgr_lock_registry))
		return true;
	lgr_keep_leave();
	return false;
}

static void leave(void)
{
	lgr_unlock(&lgr_lock_registry);
	lgr_keep_leave();
}

/* -------------------------------------------------------------------------------------- checking */

static bool note_call(void *found, uintptr_t at)
{
	*(bool *)found = true;
	return false;
}

/* Something that LINGER_COMPLETE does not put up with? What the kernel refuses shows when it is tried. */
static bool is_out_of_reach(const struct lgr_tie *tie, bool tried)
{
	const struct lgr_site *site = tie->site;
	bool found = false;

	for (uint32_t i = 0; tried && i < site->name->count; i++)
		found |= lgr_slot_is(site->name, i, LGR_MARK_REFUSED) &&
			 lgr_site_judge(tie, i) == LINGER_REFUSED;
	if (!tried && !(tie->redirect->flags & LINGER_AT_ENTRY))
		lgr_calls_each(site->object, site->address, note_call, &found);
	return found;
}

static int check_complete(const struct linger_redirect *r, bool tried, struct lgr_text *why)
{
	if (!(r->flags & LINGER_COMPLETE))
		return 0;
	for (const struct lgr_tie *tie = r->ties; tie; tie = tie->next)
		if (is_out_of_reach(tie, tried)) {
			lgr_text_add(why, tie->site->name->text);
			lgr_text_add(why, " has bindings out of reach, inside ");
			lgr_text_add(why, lgr_redirect_path(tie->site->object));
			return -EXDEV;
		}
	return 0;
}

/* ---------------------------------------------------------------------------------------- making */

/* The newest n, which have no effect, are as though they had not been made. */
static void unmake(size_t n)
{
	while (n--) {
		struct linger_redirect *r = lgr_redirects;

		lgr_redirect_free(r);
	}
	lgr_sites_settled();
}

/* Whatever came of it is put back first: an entry may have been busy, behind everything else. */
static void put_back(size_t n)
{
	struct linger_redirect *r = lgr_redirects;
	bool lazy;

	for (size_t i = 0; i < n; i++, r = r->next)
		lgr_redirect_let_go(r);
	lgr_redirects_apply(&lazy);
}

static void tell_reason(int error, struct lgr_text *why)
{
	if (error == -EPERM || error == -EOPNOTSUPP)
		lgr_text_add(why, lgr_sites_refused()->name->text);
	switch (error) {
	case -EPERM: lgr_text_add(why, " stands in a page that the kernel keeps read-only"); break;
	case -EBUSY:
		lgr_text_add(why,
			     "the other threads cannot be stopped to write a function's entry");
		break;
	case -EOPNOTSUPP:
		lgr_text_add(why,
			     " has no nops at its entry that a jump to the replacement fits in");
		break;
	default: lgr_text_add(why, "there is no memory");
	}
}

static int make_all(const struct linger_change *changes, size_t n, struct lgr_text *why,
		    bool *ret_lazy)
{
	struct linger_redirect *r;
	size_t made = 0;
	int error = 0;

	for (; !error && made < n; made += !error) {
		error = lgr_redirect_make(&changes[made], 0, &r, why);
		if (error)
			break;
		error = check_complete(r, false, why);
		if (error) {
			made++; /* this one, too */
			break;
		}
	}
	if (!error) {
		error = lgr_redirects_apply(ret_lazy);
		if (error)
			tell_reason(error, why);
		r = lgr_redirects;
		for (size_t i = 0; !error && i < made; i++, r = r->next)
			error = check_complete(r, true, why);
	}
	if (error) {
		put_back(made);
		unmake(made);
	}

	lgr_sites_settled();
	return error;
}

static void hand_out(size_t n, struct linger_redirect **ret)
{
	struct linger_redirect *r = lgr_redirects;

	for (size_t i = n; i--; r = r->next) {
		ret[i] = r;
		if (!r->home && r->previous)
			__atomic_store_n(r->previous, NULL, __ATOMIC_RELEASE);
		lgr_redirect_log(r, LGR_EV_REDIRECT);
	}
}

/* Slots that a first call has put back meanwhile. Takes the locks by itself. */
static void verify(struct linger_redirect *const *redirects, size_t n)
{
	bool seen = true;
	uint32_t written = 1;

	for (int i = 0; i < TRIES && written; i++) {
		seen = lgr_lazy_wait();
		if (!enter())
			return;
		for (size_t k = 0; k < n; k++)
			for (struct lgr_tie *tie = redirects[k]->ties; tie; tie = tie->next)
				lgr_site_changed(tie->site);
		written = lgr_sites_verify();
		lgr_redirects_doubt(!seen);
		lgr_sites_settled();
		leave();
	}
}

/*
 * One more handle, counted where glibc counts it: a dlopen would go through all objects, and clear the program's
 * pending dlerror. The caller holds the loads' lock, but not lgr_lock_registry, since dlopen allocates.
 */
static void *hold(const struct lgr_object *object)
{
	struct link_map *map;
	uint32_t *count;

	if (!object || lgr_is(object, LGR_FL_STARTUP) || lgr_hold_can(object))
		return NULL;
	map = lgr_map_of(object);
	count = lgr_field_handle_count(map);
	if (!count)
		return lgr_libc.dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
	++*count;
	return map;
}

/* What linger does not hold (policy:off; some namespaces), replacing or replaced, stays by one more handle. */
static void hold_all(struct linger_redirect *const *redirects, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct linger_redirect *r = redirects[i];

		r->handle[0] = hold(r->module.object);
		r->handle[1] = r->home ? hold(r->home->site->object) : NULL;
	}
}

/* False: it may be the object's last one, which glibc has to take. The caller holds the loads' lock. */
static bool give_back(void *handle)
{
	uint32_t *count = lgr_field_handle_count(handle);

	if (!count || *count < 2)
		return false;
	--*count;
	return true;
}

static bool give_back_all(struct linger_redirect *const *redirects, size_t n)
{
	bool all = true;

	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < 2; k++) {
			void **handle = &redirects[i]->handle[k];

			if (*handle && give_back(*handle))
				*handle = NULL;
			all &= !*handle;
		}
	return all;
}

/* Runs destructors: no lock is held. */
static void close_all(struct linger_redirect *const *redirects, size_t n)
{
	int (*dlclose)(void *) = (int (*)(void *))lgr_real_libc[LGR_REAL_dlclose];

	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < 2; k++)
			if (redirects[i]->handle[k])
				dlclose(redirects[i]->handle[k]);
}

static void tell(char *err, size_t errlen, const char *why)
{
	struct lgr_text t;

	if (!err || !errlen)
		return;
	lgr_text_init(&t, err, errlen);
	lgr_text_add(&t, why);
}

EXPORT int linger_redirect_(const struct linger_change *changes, size_t n, linger_redirect **ret,
			    char *err, size_t errlen)
{
	char buffer[512];
	struct lgr_text why;
	bool lazy = false;
	int error = -ENOMEM;

	if (!lgr_on()) {
		tell(err, errlen, "linger is absent or switched off");
		return -ENOSYS;
	}
	lgr_text_init(&why, buffer, sizeof(buffer));
	if (!enter()) {
		tell(err, errlen, "the loader cannot be waited for here");
		return -EBUSY;
	}
	if (lgr_redirect_index())
		error = make_all(changes, n, &why, &lazy);
	else
		lgr_text_add(&why, "there is no memory");
	if (!error)
		hand_out(n, ret);
	lgr_unlock(&lgr_lock_registry);
	if (error)
		tell(err, errlen, buffer);
	else
		hold_all(ret, n);
	lgr_keep_leave();
	if (lazy && !*lgr_libc.single_threaded)
		verify(ret, n);
	return error;
}

/* --------------------------------------------------------------------------------------- restoring */

/* Each of them is a redirect, and only once in the list. */
static bool are_redirects(struct linger_redirect *const *redirects, size_t n)
{
	size_t i = 0;

	for (; i < n && lgr_redirect_is(redirects[i]); i++)
		redirects[i]->leaving = true;
	if (i == n)
		return true;
	while (i--)
		redirects[i]->leaving = false;
	return false;
}

static int let_all_go(struct linger_redirect *const *redirects, size_t n, bool *ret_lazy)
{
	int error;

	if (!lgr_redirect_index())
		return -ENOMEM;
	if (!are_redirects(redirects, n))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		lgr_redirect_let_go(redirects[i]);
	error = lgr_redirects_apply(ret_lazy);
	for (size_t i = 0; error && i < n; i++)
		lgr_redirect_stay(redirects[i]);
	if (error == -EBUSY) /* behind everything else: as it was */
		lgr_redirects_apply(ret_lazy);
	lgr_sites_settled();
	return error;
}

static void free_all(struct linger_redirect *const *redirects, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		lgr_redirect_log(redirects[i], LGR_EV_RESTORE);
		lgr_redirect_free(redirects[i]);
	}
}

EXPORT int linger_restore_(linger_redirect *const *redirects, size_t n)
{
	bool lazy = false;
	int error;

	if (!lgr_on())
		return -ENOSYS;
	if (!enter())
		return -EBUSY;
	error = let_all_go(redirects, n, &lazy);
	leave();
	if (error)
		return error;
	if (lazy && !*lgr_libc.single_threaded)
		verify(redirects, n);
	if (!enter())
		return 0; /* what they take stays taken */
	if (!give_back_all(redirects, n)) {
		leave();
		close_all(redirects, n);
		if (!enter())
			return 0;
	}
	free_all(redirects, n);
	leave();
	return 0;
}

EXPORT int linger_previous_(const linger_redirect *redirect, void **ret)
{
	uintptr_t previous = 0;
	bool known;

	if (!lgr_on())
		return -ENOSYS;
	if (!lgr_lock(&lgr_lock_registry))
		return -EBUSY;
	known = lgr_redirect_is(redirect);
	if (known)
		previous = lgr_redirect_previous(redirect);
	lgr_unlock(&lgr_lock_registry);
	if (!known)
		return -EINVAL;
	if (!previous)
		return -ENOENT;
	*ret = (void *)previous;
	return 0;
}
