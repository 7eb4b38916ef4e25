/*
 * redirect.h - redirects: made, taken back, and kept true while objects come and go.
 *
 * The functions of linger.h are in change.c and report.c, what follows objects in follow.c, dlsym in
 * lookup.c. All of these, unless it says otherwise: the caller holds the loads' lock (loader.h) and
 * lgr_lock_registry.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_REDIRECT_H
#define LGR_REDIRECT_H

#include "linger.h"
#include "pass.h"
#include "text.h"

/*
 * Makes one redirect, tied to what it redirects, without any effect yet: the sites are on the list of the
 * next pass. override: 0, or see site.h. Returns 0 or what linger_redirect_all does, with the reason in why.
 */
int lgr_redirect_make(const struct linger_change *change, uint64_t override,
		      struct linger_redirect **ret, struct lgr_text *why);

/* Its ties are to be gone with the next pass; then it is freed. Or it stays, if there was no pass. */
void lgr_redirect_let_go(struct linger_redirect *r);
void lgr_redirect_stay(struct linger_redirect *r);
void lgr_redirect_free(struct linger_redirect *r);

/*
 * Carries the list of the next pass out: previous pointers, then the pass. Returns as lgr_sites_prepare and
 * lgr_sites_commit.
 */
int lgr_redirects_apply(bool *ret_lazy);
void lgr_redirect_log(const struct linger_redirect *r, enum lgr_event event);

/* A list of all, the newest first. NULL: there are none. */
extern struct linger_redirect *lgr_redirects;
bool lgr_redirect_is(const struct linger_redirect *r);

/* Every object is in the index from now on. False: there is no memory. */
bool lgr_redirect_index(void);

/* The redirect that previous is about: what its replacement stands in for. 0: nobody defines it. */
uintptr_t lgr_redirect_previous(const struct linger_redirect *r);

/* ------------------------------------------------------------- as objects come and go */

/* A new object in the registry, which may be noted without the loads' lock, and is seen to later. */
void lgr_redirect_new_object(struct lgr_object *object);

/* Whether there is anything to be seen to: new objects, definitions that have gone. Needs no lock. */
bool lgr_redirects_waiting(void);
void lgr_redirects_settle(void);

/*
 * Behind a verification. unseen: not every thread could be watched. While slots may still be put back, also by
 * an IFUNC's resolver that sleeps, they are looked at in every settling, for ten seconds.
 */
void lgr_redirects_doubt(bool unseen);

/*
 * The program has given it up: what it overrides falls back, before anybody asks who still points at it. Then:
 * it stays; or it is gone (the registry's lock alone).
 */
void lgr_redirect_object_given_up(struct lgr_object *object);
void lgr_redirect_object_kept(struct lgr_object *object);
void lgr_redirect_object_gone(struct lgr_object *object);

/* ------------------------------------------------------------------------------ dlsym */

/* Are there redirects at all; any with a filter? Need no lock. */
bool lgr_redirects_any(void);
bool lgr_redirects_filter(void);

/*
 * What dlsym or dlvsym should say to this caller, where that is something else than glibc would; else
 * NULL. version: NULL: none. Takes the locks by itself, as dlsym is about to.
 */
void *lgr_redirect_lookup(uintptr_t caller, void *handle, const char *name, const char *version);

#endif
