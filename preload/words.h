/*
 * words.h - finding words that may mean an address, fast.
 *
 * What counts: the address itself; with anything in the bits above those that user addresses have
 * (NaN-boxing, tags in the top byte); 2 * address + 1 (Ruby); and as glibc mangles it for setjmp, atexit
 * and stdio. In code also a distance of 32 bits from the next byte on.
 * All of these only read. A span is [lo, hi).
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_WORDS_H
#define LGR_WORDS_H

#include "base.h"
#include "wire.h"

#if defined(__x86_64__)
#define LGR_ADDRESS_BITS 47 /* Documentation/arch/x86/x86_64/mm.rst */
#define LGR_READS_CODE true
#else
#define LGR_ADDRESS_BITS 48  /* Documentation/arch/arm64/memory.rst */
#define LGR_READS_CODE false /* addresses are made by several instructions, 16 bits each */
#endif

/* What is looked for. found is told where, the address that it means, and how. */
struct lgr_words {
	uintptr_t lo, hi; /* the span of all objects; empty: both 0 */

	uintptr_t storage_lo, storage_hi; /* that of their thread-local storage; empty: both 0 */
	/*
	 * Bits of the blocks, modulo their number, in which there are some: between two objects may stand
	 * others, and between two pieces of storage much of a heap.
	 */
	uint64_t blocks[64], storage_blocks[64];
	uintptr_t guard; /* what glibc mangles with */
	void (*found)(void *arg, uintptr_t at, uintptr_t value, enum lgr_encoding how);
	void *arg;
};

/*
 * lgr_words_look - looks at each aligned word of [from, from + n), n a multiple of 8. at: the address
 * that from stands for (it may be a copy). Speed: that of memory, with AVX2.
 */
void lgr_words_look(const struct lgr_words *w, const void *from, size_t n, uintptr_t at);

/* The same at every other offset, up to a word that the end cuts, behind which are zeros. */
void lgr_words_look_bytes(const struct lgr_words *w, const void *from, size_t n, uintptr_t at);

/* Distances in code: calls, jumps, and what is addressed relative to the next instruction. */
void lgr_words_look_code(const struct lgr_words *w, const void *from, size_t n, uintptr_t at);

/* Adds an object's range, a piece of thread-local storage. */
void lgr_words_add(struct lgr_words *w, uintptr_t lo, uintptr_t hi);
void lgr_words_add_storage(struct lgr_words *w, uintptr_t lo, uintptr_t hi);

/*
 * What one word means, by an encoding; false: nothing (more) in the spans. *next is 0 at first: the
 * spans also have what is no object's, so only all that a word may mean, one after the other, tells
 * that it means none.
 */
bool lgr_words_means(const struct lgr_words *w, uintptr_t word, unsigned *next,
		     uintptr_t *ret_value, enum lgr_encoding *ret_how);

/* glibc's guard of this process (sysdeps/unix/sysv/linux/x86_64/pointer_guard.h). */
uintptr_t lgr_words_guard(void);

/* A build for the tests, in which one kind of root is not seen, must lose something to it. */
#ifdef LGR_BLIND
#define lgr_blind(kind) lgr_equal(LGR_BLIND, kind)
#else
#define lgr_blind(kind) false
#endif

#endif
