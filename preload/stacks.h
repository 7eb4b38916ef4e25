/*
 * stacks.h - does a thread's stack or one of its registers point into an object?
 *
 * A conservative look: any word that may be an address in the object counts, return addresses and dead
 * slots alike, in every encoding that words.h knows. An unwinder would need tables that are not
 * everywhere, and would not see a pointer in a local variable.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_STACKS_H
#define LGR_STACKS_H

#include "base.h"
#include "wire.h"

/*
 * lgr_stacks_look - looks at all threads for words that point into objects with LGR_FL_PROVEN, and takes
 * that flag from those that are found.
 * @frame: where this thread's own stack begins to count: what is below is linger's.
 * Returns false, with all flags taken away, when nothing can be said.
 * The caller holds lgr_lock_registry.
 */
bool lgr_stacks_look(const void *frame);

/* What a host looks after itself is not looked at: 0, -ENOSPC, -ENOENT (linger.h). Same lock. */
int lgr_stacks_vouch(uintptr_t lo, uintptr_t hi, bool on);

#endif
