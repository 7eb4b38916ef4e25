/*
 * lock.h - the one kind of lock, and the order of all of them.
 *
 * A lock remembers its owner, because the code below may be interrupted by a signal whose handler
 * calls dlopen: glibc's own lock is recursive and lets that pass, so ours must not deadlock there.
 * Such a call is told "no" and does without (keeping is always allowed).
 *
 * Order, outermost first. linger's locks are leaves: no dl* call, no constructor, no destructor, no
 * callback and no call of the C library is made while one is held.
 *
 *   glibc's dl_load_lock  >  glibc's dl_load_write_lock  >  lgr_lock_registry  >  lgr_lock_log
 *
 * Rank 2: may include base.h, sys.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_LOCK_H
#define LGR_LOCK_H

#include <stdatomic.h>

#include "base.h"

/*
 * One word, so that there is no moment at which a lock is taken but a handler on the owner's thread
 * cannot tell by whom. The owner's thread pointer, 0 when free; bit 0: somebody waits.
 */
struct lgr_lock {
	_Atomic uint64_t word;
};

extern struct lgr_lock lgr_lock_registry; /* registry.c: the objects and the pages */
extern struct lgr_lock lgr_lock_log;	  /* log.c: opening a log file, not writing to it */

/*
 * Waits for the lock. Returns false, without it, when this very thread holds it already (a signal
 * handler interrupted the holder), or when a fork has held it for a tenth of a second: fork takes
 * locks of the C library behind ours, stdio's for one, which this thread may have. MT-safe;
 * async-signal-safe in that sense.
 */
bool lgr_lock(struct lgr_lock *lock);

/* For the fork itself, around which the locks are held: waits however long it takes. */
bool lgr_lock_for_fork(struct lgr_lock *lock);
void lgr_lock_fork_begins(void);
void lgr_lock_fork_ends(bool in_child);

void lgr_unlock(struct lgr_lock *lock);
bool lgr_lock_held(const struct lgr_lock *lock);

/* In the child of a fork, whose only thread is the caller: whatever held it is gone. */
void lgr_lock_reset(struct lgr_lock *lock);

#endif
