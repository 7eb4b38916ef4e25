/*
 * heap.c - memory that glibc's malloc has as free. See heap.h.
 *
 * Owns: the key, where malloc's records are, and where the walk over the heap has come to. Guard:
 * lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "heap.h"

#include "real.h"
#include "words.h"

#define LOOKS __attribute__((no_sanitize("address", "thread", "undefined")))

/* As malloc.c has it; what follows the first two words is the program's while the chunk is in use. */
struct chunk {
	uintptr_t previous_size;
	uintptr_t size; /* and three bits */
	uintptr_t forward, back;
};
enum { PREVIOUS_IN_USE = 1, FOREIGN = 6 /* mapped by itself, of another heap */, BITS = 7 };
#define HEADER (2 * sizeof(uintptr_t))
#define SMALLEST (4 * sizeof(uintptr_t))
#define FAST_BINS 10u	/* NFASTBINS */
#define FAST_MOST 4096u /* a longer list is not followed: it is for each word found */

static _Atomic uintptr_t seen_key; /* in the chunk that was freed; 0: none */

static struct {
	uintptr_t lo, hi, data_lo, data_hi;
	uintptr_t at;  /* a chunk; 0: the heap is not what it is taken for */
	uintptr_t key; /* 0: not known */
	uintptr_t top; /* the address of main_arena.top; 0: not known */
	bool key_sought;
} heap;

/* The key stands in the second word of a freed chunk (tcache_put). */
LOOKS void lgr_heap_try(void)
{
	volatile uintptr_t *p = lgr_libc.malloc(SMALLEST - sizeof(uintptr_t));

	if (!p)
		return;
	lgr_libc.libc_free((void *)p);
	atomic_store(&seen_key, p[1]);
}

/* It is a variable of libc's, and nothing else there is like it. */
LOOKS static uintptr_t find_key(void)
{
	uintptr_t key = atomic_load(&seen_key);
	uint32_t hits = 0;

	for (uintptr_t at = heap.data_lo; key && at + sizeof(at) <= heap.data_hi; at += sizeof(at))
		hits += *(const volatile uintptr_t *)at == key;
	return hits == 1 ? key : 0;
}

void lgr_heap_begin(uintptr_t lo, uintptr_t hi, uintptr_t data_lo, uintptr_t data_hi)
{
	heap.lo = heap.at = lo;
	heap.hi = hi;
	heap.data_lo = data_lo;
	heap.data_hi = data_hi;
	if (heap.key_sought || !lo)
		return;
	heap.key_sought = true;
	heap.key = find_key();
}

static bool in_heap(uintptr_t chunk)
{
	return chunk >= heap.lo && chunk + SMALLEST <= heap.hi && chunk % HEADER == 0;
}

LOOKS static uintptr_t word_at(uintptr_t at)
{
	return *(const volatile uintptr_t *)at;
}

#define FIELD(at, field) word_at((at) + offsetof(struct chunk, field))

/* Its size, 0: this is no chunk of this heap. */
static uintptr_t size_of(uintptr_t chunk)
{
	uintptr_t size = in_heap(chunk) ? FIELD(chunk, size) : 0;
	uintptr_t bytes = size & ~(uintptr_t)BITS;

	return size & FOREIGN || bytes < SMALLEST || bytes % HEADER || bytes > heap.hi - chunk
		       ? 0
		       : bytes;
}

/* The chunk that has the word, with the first word of the next one, which is its own while in use. */
static uintptr_t chunk_of(uintptr_t at)
{
	uintptr_t chunk = heap.at && heap.at + HEADER <= at ? heap.at : heap.lo, size;

	while ((size = size_of(chunk)) && at >= chunk + size + sizeof(uintptr_t) &&
	       chunk + size < heap.hi)
		chunk += size;
	if (!size)
		return 0;
	heap.at = chunk;
	return at >= chunk + HEADER ? chunk : 0;
}

/* A neighbour in a bin: another chunk, or the bin itself, which is in libc's data and looks like one. */
static bool is_link(uintptr_t chunk)
{
	return in_heap(chunk) ||
	       (chunk >= heap.data_lo && chunk + SMALLEST <= heap.data_hi && chunk % 8 == 0);
}

/* Do the neighbours of a chunk, or of a bin, know it? */
static bool is_linked(uintptr_t chunk)
{
	uintptr_t forward = FIELD(chunk, forward), back = FIELD(chunk, back);

	return is_link(forward) && is_link(back) && FIELD(forward, back) == chunk &&
	       FIELD(back, forward) == chunk;
}

static bool is_in_bin(uintptr_t chunk, uintptr_t size)
{
	uintptr_t next = chunk + size;

	return next + HEADER <= heap.hi && !(FIELD(next, size) & PREVIOUS_IN_USE) &&
	       FIELD(next, previous_size) == size && is_linked(chunk);
}

/*
 * What the heap ends with: main_arena.top says so, in libc's data, and behind it are the bins. The first one
 * takes its address, two words before its links, for that of a chunk (bin_at).
 */
static uintptr_t find_top(void)
{
	uintptr_t found = 0;
	uint32_t hits = 0;

	for (uintptr_t at = heap.data_lo; at + SMALLEST <= heap.data_hi; at += sizeof(at)) {
		uintptr_t chunk = word_at(at), size = size_of(chunk);

		if (!size || chunk + size != heap.hi || !is_linked(at))
			continue;
		hits++;
		found = at;
	}
	return hits == 1 ? found : 0;
}

static bool is_top(uintptr_t chunk, uintptr_t size)
{
	return heap.top && word_at(heap.top) == chunk && chunk + size == heap.hi;
}

/*
 * Small ones that the cache has no room for. One list for each size, of chunks of that size alone, linked one
 * way with addresses masked by that of the link (PROTECT_PTR); their heads stand before main_arena.top.
 * A thread that was stopped in the middle of it has taken a chunk out, or not yet.
 */
static bool is_in_fast_bin(uintptr_t chunk, uintptr_t size)
{
	uintptr_t bin = (size - SMALLEST) / HEADER, at;

	if (!heap.top || bin >= FAST_BINS || heap.top - heap.data_lo < FAST_BINS * sizeof(at))
		return false;
	at = word_at(heap.top - (FAST_BINS - bin) * sizeof(at));
	for (uint32_t n = 0; n < FAST_MOST && size_of(at) == size; n++) {
		if (at == chunk)
			return true;
		at = FIELD(at, forward) ^ ((at + offsetof(struct chunk, forward)) >> 12);
	}
	return false;
}

/*
 * A thread that ends leaves the key in what it gives back (tcache_thread_shutdown), and who gets that has it,
 * too, until it writes there.
 */
static bool is_in_cache(uintptr_t chunk)
{
	return heap.key && *(const volatile char *)lgr_libc.single_threaded &&
	       FIELD(chunk, back) == heap.key;
}

bool lgr_heap_is_free(uintptr_t at)
{
	uintptr_t chunk, size;

	if (at < heap.lo || at >= heap.hi)
		return false;
	chunk = chunk_of(at);
	size = chunk ? size_of(chunk) : 0;
	if (!size)
		return false;
	if (!heap.top)
		heap.top = find_top();
	return is_in_cache(chunk) || is_in_bin(chunk, size) || is_in_fast_bin(chunk, size) ||
	       is_top(chunk, size);
}
