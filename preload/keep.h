/*
 * keep.h - what becomes of an object when the program gives up its last handle.
 *
 * glibc's dlclose runs natively, on the program's own call, and because of the holds (hold.h) it
 * unloads nothing. Before it, whatever it would have unloaded is kept: KEPT, unnamed (names.h) and
 * independent of its file (detach.h). Before each dlopen, what has been opened again meanwhile is
 * LIVE again, and what changed on disk is hidden.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_KEEP_H
#define LGR_KEEP_H

#include "base.h"
#include "wire.h"

/*
 * In the hooks of dlopen and dlmopen, and of dlclose; frame: stub.h. May wait for the loads' lock, as the real
 * function is about to. Outside of any load, the first two also close what has been proven to be
 * unreachable: destructors of the program run then.
 */
void lgr_keep_before_open(const char *file,
			  const uintptr_t *frame); /* NULL: not in the base namespace, or none */

/*
 * Closes, too, where the program's call may be its last one for the handle, and returns what the real
 * dlclose did; else LGR_NOT_CLOSED. What is decided from the count of handles holds only until the count
 * changes: between a hook and a real dlclose behind it another thread would still see the old count, take
 * a kept object for one that was opened again, and lose the request; or two closes of the last two
 * handles would both be taken for one that is not the last. So both happen under one hold of the loads' lock.
 */
#define LGR_NOT_CLOSED 0x7fffffff
int lgr_keep_close(void *handle, const uintptr_t *frame);

/*
 * Takes the loads' lock, looks around, and sees to redirects. Returns how often this thread has the lock; 0:
 * not, and nothing is to be looked into. Leaving frees what has been left to be freed (names.h), and keeps
 * errno.
 */
uint32_t lgr_keep_enter(void);
void lgr_keep_leave(void);

/*
 * In a thread's first dlsym behind its dlopen: is what was opened a kept object? Waits for the loads'
 * lock, as dlsym is about to (dlfcn/dlsym.c).
 */
void lgr_keep_after_open(void);

/* linger_reap: closes what the hosts have reported. */
int lgr_keep_reap(void);

/* The object is gone: frees what keeping it took. */
void lgr_keep_forget(struct lgr_object *object);

/* When the process exits, in the shim's destructor: takes note of what has been opened again. */
void lgr_keep_at_exit(void);

/* The program's call that we are in: where its caller stands, how often it has the loads' lock. */
struct lgr_call {
	const uintptr_t *frame;
	uint32_t depth; /* 0: not at all */
};

/*
 * Brings states up to date with the loader's counts. The caller holds the loads' lock and
 * lgr_lock_registry. @closing: an object about to lose one handle, by call; both may be NULL.
 */
void lgr_keep_settle(const struct lgr_object *closing, const struct lgr_call *call);

#endif
