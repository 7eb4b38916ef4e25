/*
 * close.h - closing for real what has been proven to be unreachable.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_CLOSE_H
#define LGR_CLOSE_H

#include "base.h"
#include "wire.h"

/*
 * Is a group, all of which nothing but its holds keeps, proven to be unreachable now? Then it is closed
 * at the call: its holds are dropped, and the program's own dlclose does the rest.
 * The caller holds the loads' lock and lgr_lock_registry.
 */
bool lgr_close_is_proven(const struct lgr_object *object);

/* Can it be closed at all, once that is proven? */
bool lgr_close_may(const struct lgr_object *object);

void lgr_close_at_call(struct lgr_object *object);

/* Is there anything proven and not closed yet, or was closed at a call, and not looked after yet? */
bool lgr_close_pending(void);

/*
 * lgr_close_proven - drops the holds of exactly the proven set, and has glibc unload it: names are
 * given back, one handle is lent to a root, and one dlclose unloads everything that nobody needs, in
 * glibc's own order, with destructors on this thread. What a destructor saves is held again.
 *
 * Returns how many objects have gone.
 * The caller holds the loads' lock, for the first time on this thread (so it is not inside a
 * constructor or a destructor), and no lock of ours; it is a program's thread in its own dlopen or
 * dlclose. errno is left alone.
 */
int lgr_close_proven(void);

/* Behind a dlclose: what was closed at the call and is there all the same, is held again. */
void lgr_close_look_after(void);

/* Before a fork: waits for a close of another thread, since the child of a fork in its middle could
 * never unload anything (glibc's dl_close_state). Not for ever: a destructor may wait for us. */
void lgr_close_wait(void);
void lgr_close_forked(void);

#endif
