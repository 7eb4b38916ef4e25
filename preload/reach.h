/*
 * reach.h - does any word of the process lead into an object? The memory oracle.
 *
 * Looked at: every thread's registers; all memory that no file has (resident.h), the threads' stacks and
 * other objects' data with it; code made at run time; what the kernel holds (kernel.h); linger's own
 * watches and pins. What stands in an object that is itself looked for counts once something leads into that
 * one; and so does what that one needs (DT_NEEDED, relocations). Not counted: exempt.h.
 *
 * What nothing leads into now, nothing ever will, but for the loader's own doing: so an answer stays
 * true until the object is opened again.
 *
 * Rank 14 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_REACH_H
#define LGR_REACH_H

#include "base.h"
#include "wire.h"

/*
 * lgr_reach_look - looks for what leads into the objects with LGR_FL_PROVEN, and takes the flag from
 * each that something leads into: its reason and its witness say what. Stops the other threads while it
 * looks. Where anything cannot be seen, all lose the flag.
 * @frame: where the hook's caller stands (stub.h); @limit_ns: how long a look may take; of this thread's own
 * time where it is the only one, so that a busy machine does not decide what is proven.
 * The caller holds the loads' lock, for the first time on this thread, and lgr_lock_registry.
 */
void lgr_reach_look(const uintptr_t *frame, uint64_t limit_ns);

/*
 * lgr_reach_begin - the same for a large process: memory that fork copies is looked at in a forked
 * child, while the program goes on; the other threads are stopped until that is there. The flags are
 * taken away, and given back by lgr_reach_collect.
 * Returns false, with reasons and witnesses set, when there is none.
 *
 * lgr_reach_collect - is the child done? Then flags, reasons and witnesses are set, of those objects
 * that have not been opened since. lgr_reach_pending: is there one that has not been collected?
 * Same locks.
 */
bool lgr_reach_begin(const uintptr_t *frame, uint64_t limit_ns);
bool lgr_reach_collect(void);
bool lgr_reach_pending(void);

/* In the child of a fork: the snapshot is the parent's. */
void lgr_reach_forked(void);

/* Does the witness still stand where it was seen? Only of LGR_PL_MEMORY; costs one read. */
bool lgr_reach_stands(const struct lgr_object *object);

/*
 * Nanoseconds that a look would take, by the size of the process and how fast looks have been. One that
 * is forgone because of that makes the next one a little more likely.
 */
uint64_t lgr_reach_cost(void);
void lgr_reach_forgo(void);

/* Sets reason and witness of what cannot be looked for. */
void lgr_reach_unseen(struct lgr_object *object, enum lgr_unseen unseen);

#endif
