/*
 * threads.h - glibc's own list of threads: their stacks, and their copies of thread-local variables.
 *
 * Read as libthread_db reads it: libc.so.6 exports where the fields are (nptl_db/structs.def). Where a
 * stack's block begins is not among them, and is found by value, in threads whose stack glibc made.
 * Another thread, stopped in the middle of changing a list, is recognised by its links.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_THREADS_H
#define LGR_THREADS_H

#include <link.h>

#include "base.h"

struct lgr_thread {
	uintptr_t descriptor; /* glibc's struct pthread */
	uint32_t tid;
	uintptr_t lo, hi; /* the block of its stack that glibc made; both 0: not known */
	bool ended;	  /* and its stack waits for another thread: all of the block is dead */
};

/* At start. Logs what is not found. */
void lgr_threads_find(void);

/*
 * Visits every thread of glibc's, and the cached stacks. Returns false where the lists are not known, or
 * are just being changed. The other threads are stopped, or there are none.
 */
bool lgr_threads_each(void (*visit)(void *arg, const struct lgr_thread *thread), void *arg);

/*
 * The thread's copy of an object's thread-local variables: begins at *ret_lo; *ret_slot: the two words
 * through which it finds them, 0: none (static TLS that no slot has been filled in for). Returns false
 * where it has none.
 */
bool lgr_threads_storage(const struct lgr_thread *thread, const struct link_map *map,
			 uintptr_t *ret_lo, uintptr_t *ret_slot);

#endif
