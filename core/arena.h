/*
 * arena.h - memory that is linger's own.
 *
 * The host's malloc is out of bounds (it may be ours to interpose, in use, or not there yet).
 * Blocks come in powers of two from a pool in .bss, then from mappings of 256 KiB; freed blocks go
 * to a list per size and are used again, so that endless loading and unloading needs no more than
 * its peak.
 *
 * Guard: the caller holds lgr_lock_registry.
 *
 * Rank 2: may include base.h, sys.h, lock.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_ARENA_H
#define LGR_ARENA_H

#include "base.h"

#define LGR_ARENA_LARGEST ((size_t)1 << 26) /* the slots of an object are one block: 4 million */

/* Zeroed memory, aligned to 64 bytes where size is at least that, else to size's power of two (16
 * at least); NULL when size exceeds LGR_ARENA_LARGEST or the kernel refuses. */
void *lgr_arena_alloc(size_t size);

/* A larger one in place of a block of `was` bytes, with its first n. NULL: as above, and the block stays. */
void *lgr_arena_grow(void *p, size_t was, size_t n, size_t size);

/* size as given to lgr_arena_alloc. p may be NULL. Memory is never given back to the kernel: a reader
 * in another process may still look, and finds out by the object's id that it came too late. */
void lgr_arena_free(void *p, size_t size);

/*
 * Every stretch of memory the arena has, until visit returns false. Returns false, too, when there are
 * more than it has noted.
 */
bool lgr_arena_each(bool (*visit)(void *arg, uintptr_t lo, uintptr_t hi), void *arg);

/* Bytes taken from the pool and from the kernel so far. */
size_t lgr_arena_used(void);

#endif
