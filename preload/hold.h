/*
 * hold.h - what keeps glibc from unloading an object without us.
 *
 * A hold is one more pending thread-local destructor in the link map (l_tls_dtor_count), of which
 * glibc says that the object cannot go (elf/dl-close.c), and nothing else: handles are counted, errors
 * reported and scopes changed as always.
 *
 * The caller holds lgr_lock_registry, and a lock under which the map is in the loader's list.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_HOLD_H
#define LGR_HOLD_H

#include "base.h"
#include "wire.h"

/*
 * Takes the hold, if there is none and holding is possible; what was there at start, or belongs to
 * libc alone, is none of our business, and ignored. Notes what the object's file is now.
 */
void lgr_hold(struct lgr_object *object);

/* Will it be held when the program closes it? False: glibc unloads it as always. */
bool lgr_hold_can(const struct lgr_object *object);

/* Notes what its file is now, for an object that is held later, if ever. */
void lgr_hold_note_file(struct lgr_object *object);

/* Drops it; glibc may unload the object from now on. */
void lgr_hold_drop(struct lgr_object *object);

#endif
