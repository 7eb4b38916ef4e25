/*
 * group.h - which objects glibc would unload together.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_GROUP_H
#define LGR_GROUP_H

#include "base.h"
#include "wire.h"

/*
 * lgr_group_mark - finds out what would still be in use if there were no holds, as the mark phase of
 * glibc's own dlclose does (elf/dl-close.c, _dl_close_worker): objects with handles, those that are
 * never unloaded, those with pending thread-local destructors, and whatever these need, by DT_NEEDED
 * or by a relocation.
 * @closing: an object about to lose one handle; may be NULL.
 * @replaced: an object asked about as if nothing but another object's need could keep it; may be NULL.
 *
 * Returns false, with nothing to be asked afterwards, when a field of the loader is not known, or
 * shows something that is not understood.
 * The caller holds the loads' lock (loader.h) and lgr_lock_registry.
 */
bool lgr_group_mark(const struct lgr_object *closing, const struct lgr_object *replaced);

/* What the last successful lgr_group_mark said of it. */
bool lgr_group_uses(const struct lgr_object *object);

/* Are the fields known by which what an object needs is found? */
bool lgr_group_known(void);

/*
 * Calls visit for each object that this one needs; stops and returns false when that does, or when a
 * field for it is not known.
 */
bool lgr_group_needs(const struct lgr_object *object,
		     bool (*visit)(struct lgr_object *needed, void *arg), void *arg);

/*
 * When it is kept: remembers what an object needs that was only ever needed, never opened. Opened later,
 * it gets another list from the loader, of what the names of its dependencies lead to then; but it stays
 * bound to the first ones.
 */
void lgr_group_remember(struct lgr_object *object);
void lgr_group_forget(struct lgr_object *object);

#endif
