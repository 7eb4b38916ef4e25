/*
 * stop.h - stopping every other thread of the process for a moment, and looking at it.
 *
 * A helper process that shares the memory (clone(2), CLONE_VM) attaches to each thread (ptrace(2),
 * PTRACE_SEIZE, PTRACE_INTERRUPT: all are interrupted first, then waited for), has each one looked at,
 * and lets all go on when told. It makes raw system calls only: it shares the caller's thread-local
 * storage.
 *
 * Refused, with nothing done, where the kernel or a debugger refuses, and when it takes longer than
 * 50 ms (a thread inside vfork cannot be stopped). System calls that it interrupts: see ptrace(2),
 * "Interrupted system calls"; those few fail with EINTR.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_STOP_H
#define LGR_STOP_H

#include "base.h"
#include "wire.h"

#define LGR_RED_ZONE 128 /* below the stack pointer, in use by leaf functions (psABI 3.2.2) */

/* One stopped thread: its registers as they lie in memory; its stack, its code, its thread pointer. */
struct lgr_stopped {
	uint32_t tid;
	uintptr_t sp, pc, tp;
	const uintptr_t *registers; /* general ones, then vector ones */
	size_t general, count;
};

/*
 * lgr_stop_begin - stops every thread but this one, and calls look for each.
 * @look: in the helper, with the threads stopped: makes no call of any library, takes no lock, allocates
 *        nothing. Returns false to end it early.
 * Returns LGR_UN_NOTHING when all are stopped, every thread was looked at, or look ended it: then
 * lgr_stop_end lets them go on, and until then this thread must not take a lock that they may have, call
 * any library, or return to the program; its signals are blocked. Otherwise nothing can be said, and
 * nothing is stopped; why.
 * The caller may hold locks of ours that look needs no more; blocks for as long as it takes.
 */
enum lgr_unseen lgr_stop_begin(bool (*look)(void *arg, const struct lgr_stopped *thread),
			       void *arg);

/* Returns how long the first of them was stopped, in nanoseconds. */
uint64_t lgr_stop_end(void);

#endif
