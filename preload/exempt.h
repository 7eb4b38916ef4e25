/*
 * exempt.h - words that point into an object, and yet are no reference to it.
 *
 * Every loaded object is pointed at by the loader itself, by what its own destructors remove, and by what
 * is dead. Each kind is known by structure, that is, found from where the C library keeps it and checked
 * there; never by what a word looks like, nor by an object's name:
 *
 *  - link maps, and for the objects looked for the array of their symbol versions (freed by the close);
 *    both tables of _dl_find_object; ld.so's own data;
 *  - linger's own memory;
 *  - records of __cxa_atexit and pthread_atfork that dlclose runs or removes (those with the object's
 *    own __dso_handle), and places for such records that are not in use;
 *  - a thread's copy of the object's thread-local variables, and the words by which it is found;
 *  - the stack below a thread's stack pointer, in the block that glibc made for it, or [stack]; the
 *    stacks that wait for a new thread.
 *
 * What a kind cannot be found for is not exempt: then a reference is seen where there is none, and
 * the object is kept.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_EXEMPT_H
#define LGR_EXEMPT_H

#include "base.h"
#include "maps.h"
#include "wire.h"
#include "words.h"

struct lgr_exempt {
	uintptr_t lo, hi;
	struct lgr_object *owner; /* whose it is, like its own data; NULL: nobody's */
};

/*
 * lgr_exempt_begin - gathers what is exempt while objects with LGR_FL_PROVEN are looked for, but for
 * what threads have. Returns false when there is no memory.
 * lgr_exempt_threads: what they have, when the others are stopped. Fills in the span of the objects'
 * thread-local storage in w. Returns false when such storage cannot be found.
 * lgr_exempt_stack: the part of a stack that is dead, below sp. lgr_exempt_done: no more.
 * The caller holds the loads' lock and lgr_lock_registry.
 */
bool lgr_exempt_begin(uint32_t threads);
bool lgr_exempt_threads(struct lgr_words *w);
void lgr_exempt_stack(uint32_t tid, uintptr_t sp);
bool lgr_exempt_done(void);

/* What is exempt at an address; NULL: nothing. */
const struct lgr_exempt *lgr_exempt_at(uintptr_t address);

/* The thread whose stack an address is in, of those that were stopped or look; 0: none's. */
uint32_t lgr_exempt_thread_of(uintptr_t address);

/* Whose thread-local storage an address is in; NULL: nobody's. */
struct lgr_object *lgr_exempt_storage_of(uintptr_t address);

/* What the object has besides its segments, one after the other; start with NULL. */
const struct lgr_exempt *lgr_exempt_next_of(const struct lgr_object *owner,
					    const struct lgr_exempt *after);

#endif
