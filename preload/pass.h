/*
 * pass.h - making definitions and slots lead where they should.
 *
 * A pass is about some sites, whose chains of redirects have changed, in this order:
 *
 *  1. the slots of the replacement's own module, which must not come to call itself;
 *  2. the definition: the symbol's value in memory, which the loader reads for whatever it binds from now
 *     on (new objects, first calls, dlsym, RTLD_DEEPBIND, exactly this version);
 *  3. the slots that are bound already, from the index: where the word still is what this definition, or
 *     one of its redirects, has led to;
 *  4. where that is asked for, a jump at the function's entry (door.h);
 *  5. the slots once more, because a thread in the middle of a first call (elf/dl-runtime.c, _dl_fixup)
 *     puts what it has read before 2 into a slot after 3 (lazy.h).
 *
 * A slot that waits for its first call is left alone: it will find 2. Only where its object is to
 * get something else than everybody (a filter, or a module of the replacement's) it is bound at once.
 *
 * All of these: the caller holds the loads' lock (loader.h) and lgr_lock_registry.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_PASS_H
#define LGR_PASS_H

#include "site.h"

/* Puts the site on the list of those that the next pass is about. */
void lgr_site_changed(struct lgr_site *site);

struct lgr_site *lgr_sites_changed(void); /* the list */

/*
 * The pass, in two steps. The first returns 0, or, with nothing changed and the list as it was, -EPERM (a
 * definition cannot be written), -EOPNOTSUPP (an entry has no room for such a jump), -ENOMEM. The second
 * fails with -EBUSY where an entry cannot be written; then the chains are to be put back, and passed through
 * again. *ret_lazy: slots were left to first calls, which may be under way in another thread.
 */
int lgr_sites_prepare(void);
const struct lgr_site *lgr_sites_refused(void); /* by the last one that failed */
int lgr_sites_commit(bool *ret_lazy);

/* The slots once more (5). Returns how many had to be written. */
uint32_t lgr_sites_verify(void);
void lgr_sites_settled(void); /* empties the list */

/* Binds the slots of one object, which is in the index. */
void lgr_sites_apply_to(const struct lgr_object *object);

#endif
