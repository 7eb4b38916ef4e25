/*
 * watch.h - calling back what asked to be told of an object's end. The contract: linger_on in linger.h.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_WATCH_H
#define LGR_WATCH_H

#include "base.h"
#include "wire.h"

/* The object is being kept: those who asked for LINGER_CLOSE_REQUESTED are told by the next
 * lgr_watch_tell_requests. The caller holds lgr_lock_registry. */
void lgr_watch_requested(struct lgr_object *object);

/* Calls them, with no lock of ours held. */
void lgr_watch_tell_requests(void);

/*
 * What will be called when the objects with LGR_FL_REAPED are closed: collected before, under
 * lgr_lock_registry; UNLOADING told before the close, UNLOADED after it, of what has gone, without; freed
 * at last, under the lock. NULL: nobody asked, or there is no memory (then *ret_failed is set).
 */
struct lgr_watch_batch;
struct lgr_watch_batch *lgr_watch_collect(bool *ret_failed);
void lgr_watch_tell(const struct lgr_watch_batch *batch, uint32_t when);
void lgr_watch_free(struct lgr_watch_batch *batch);

/*
 * Functions to be called, and what they are to be given: addresses that the object's watches hold.
 * when: those for this moment alone; 0: all.
 */
void lgr_watch_each(const struct lgr_object *object, uint32_t when,
		    void (*visit)(void *arg, uintptr_t held), void *arg);

/* The object is gone. Same lock. */
void lgr_watch_forget(struct lgr_object *object);

#endif
