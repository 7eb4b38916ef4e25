/*
 * safe.h - policy `safe`: when the process is looked at, so that what nothing reaches goes.
 *
 * At the program's dlclose, if that takes no longer than the budget: then the close is glibc's own in
 * every respect. Otherwise what is closed is kept, and looked at again in a later dlopen or dlclose of
 * the program, with growing pauses. There is no thread of ours: nearly every object has destructors (all
 * that gcc links), and those run where a loader call is expected.
 *
 * All of these: the caller holds the loads' lock and lgr_lock_registry.
 *
 * Rank 15 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_SAFE_H
#define LGR_SAFE_H

#include "base.h"
#include "wire.h"

/* Is this the policy, now? Also `host` as long as there is none. Needs no lock. */
bool lgr_safe(void);

/*
 * In the program's dlclose: flags with LGR_FL_REAPED what has LGR_FL_PROVEN and is proven to be unreachable.
 * @depth: how often this thread has the loads' lock. @frame: stub.h.
 */
void lgr_safe_at_call(const uintptr_t *frame, uint32_t depth);

/*
 * In the program's outermost dlopen or dlclose, if it is time to look again: flags with LGR_FL_REAPED
 * kept objects that are proven by now. Returns whether there are any.
 */
bool lgr_safe_take(const uintptr_t *frame);

/* Something has been kept: it is looked at soon. */
void lgr_safe_kept(void);

#endif
