/*
 * tie.h - which definitions a redirect is tied to.
 *
 * A redirect by name has one definition at a time that is its home; when that goes, or is closed, another one
 * may answer to the name. It stays tied to what is kept.
 *
 * All of these: the caller holds the loads' lock (loader.h) and lgr_lock_registry.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_TIE_H
#define LGR_TIE_H

#include "redirect.h"

struct lgr_who lgr_who(struct lgr_object *object);
struct lgr_object *lgr_object_at(const void *address); /* NULL: in none */

static inline bool lgr_is_there(const struct lgr_who *w)
{
	return w->object && w->object->id == w->id;
}

/* Found by names: not what the program has closed, nor what is about to go. */
bool lgr_is_live(const struct lgr_object *object);

/*
 * Finds what is meant, and ties the redirect to it; the sites are on the list of the next pass. By
 * name: to nothing where that is allowed (LINGER_LATER). Return 0 or what linger_redirect_all does,
 * with the reason in why.
 */
int lgr_tie_by_name(struct linger_redirect *r, struct lgr_text *why);
int lgr_tie_by_address(struct linger_redirect *r, struct lgr_text *why);

/* Ties it to what this new object defines, if anything. What cannot be is logged. */
void lgr_tie_to_new(struct linger_redirect *r, struct lgr_object *object);

/* What is kept because the redirect stands; when none does any more, it is looked at as others are. */
void lgr_tie_need(const struct lgr_who *w, int by);

/* The tie by which the redirect's previous is known; NULL: none. */
void lgr_tie_home(struct linger_redirect *r, struct lgr_tie *tie);

/* Takes it out of its site's chain, and frees it. */
void lgr_tie_cut(struct lgr_tie *tie);

/* The site's object is gone: nothing is put back, only forgotten. Frees the site. */
void lgr_tie_forget(struct lgr_site *site);

/* Is there a replacement of which a slot does not tell whose definition it stands for? */
bool lgr_ties_doubtful(void);

#endif
