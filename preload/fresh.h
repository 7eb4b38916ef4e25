/*
 * fresh.h - dlopen of a file that has changed gives the new code (promise F).
 *
 * A file replaced by renaming is another file, so a kept object, being unnamed, is not in its way. One
 * rewritten in place is the same file to the loader, so the object is hidden. The settings reopen and
 * fresh widen what is hidden. What would be unsound is refused, and logged once for each object.
 *
 * All of these but lgr_fresh_concerns: the caller holds the loads' lock and lgr_lock_registry.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_FRESH_H
#define LGR_FRESH_H

#include "base.h"
#include "wire.h"

/* Is there anything that a dlopen might have to be kept from finding? */
bool lgr_fresh_concerns(void);

/* Hides what is not any more what its file has. */
void lgr_fresh_before_open(const char *file);

/* The object has just been kept: reopen:fresh hides it at once. */
void lgr_fresh_kept(struct lgr_object *object);

/* The program has given up an object that glibc does not unload: fresh:nodelete may replace it. */
void lgr_fresh_given_up(struct lgr_object *object);

#endif
