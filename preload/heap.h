/*
 * heap.h - memory that glibc's malloc has as free.
 *
 * What a library has freed keeps its bytes until somebody is given that memory, which in a quiet
 * program is never. A chunk is taken for free only where malloc's own records say so: it is in one of
 * the bins of the main heap, linked both ways, or in one of its fast bins; or it bears the key that
 * marks chunks of a thread's cache, and there has only ever been one thread; or it is what the heap
 * ends with. Anything else, another malloc or a heap of another thread, is taken for used. Source:
 * glibc malloc/malloc.c, "struct malloc_chunk", the same in 2.35 to 2.42.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_HEAP_H
#define LGR_HEAP_H

#include "base.h"

/* At the first dlclose, with no lock: asks libc's malloc for a chunk and frees it, for its key. */
void lgr_heap_try(void);

/*
 * lgr_heap_begin - the main heap is [lo, hi); both 0: there is none. data_lo, data_hi: libc's own data.
 * lgr_heap_is_free - does malloc have this word of it as free? Asked for ascending addresses it is fast.
 * The other threads are stopped, or there are none; lgr_lock_registry.
 */
void lgr_heap_begin(uintptr_t lo, uintptr_t hi, uintptr_t data_lo, uintptr_t data_hi);
bool lgr_heap_is_free(uintptr_t at);

#endif
