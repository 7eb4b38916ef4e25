/*
 * arena.c - memory that is linger's own. See arena.h.
 *
 * Owns: the pool, the mappings, the lists of free blocks. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "arena.h"

#include "lock.h"
#include "sys.h"
#include "text.h"

#define SMALLEST 4 /* log2 of the smallest block */
#define LARGEST 26 /* of the largest */
#define MAPPING ((size_t)256 << 10)
/*
 * Blocks of the same size that all began alike in their pages would share a few sets of the cache: those of this
 * size have a cache line between them (100 arrays of 1,000 words, in turn: 149 us : 164).
 */
#define STAGGERED 1024u
#define LINE ((size_t)64)
#define MAPPINGS 1024u /* noted: 256 MiB and more; 15,000 libraries take 20 */

struct block {
	struct block *next;
};

/*
 * All the state. The pool covers a program with some dozens of libraries, so that most programs
 * start without one mmap; it is below 2 MiB so that no huge page is ever zeroed for it.
 */
static struct {
	struct block *freed[LARGEST + 1];
	uintptr_t at, end; /* the rest of the current pool */
	size_t used;
	bool started;
	struct {
		uintptr_t lo, hi;
	} mapping[MAPPINGS];
	uint32_t mappings; /* may be more than are noted */
} arena;
static unsigned char pool[4 * MAPPING] LGR_BIG __attribute__((aligned(64)));

static void note(uintptr_t lo, size_t n)
{
	if (arena.mappings < MAPPINGS) {
		arena.mapping[arena.mappings].lo = lo;
		arena.mapping[arena.mappings].hi = lo + n;
	}
	arena.mappings++;
}

bool lgr_arena_each(bool (*visit)(void *arg, uintptr_t lo, uintptr_t hi), void *arg)
{
	if (!visit(arg, (uintptr_t)pool, (uintptr_t)pool + sizeof(pool)))
		return false;
	for (uint32_t i = 0; i < lgr_min(arena.mappings, MAPPINGS); i++)
		if (!visit(arg, arena.mapping[i].lo, arena.mapping[i].hi))
			return false;
	return arena.mappings <= MAPPINGS;
}

static int class_of(size_t size)
{
	int c = SMALLEST;

	while (((size_t)1 << c) < size)
		c++;
	return c;
}

/* size bytes at an address aligned to it, or to 64 when it is larger, that nobody used before. */
static void *carve(size_t size)
{
	size_t align = lgr_min(size, LINE);
	uintptr_t at;

	if (!arena.started) {
		arena.started = true;
		arena.at = (uintptr_t)pool;
		arena.end = lgr_page_down(arena.at + sizeof(pool));
	}
	at = (arena.at + align - 1) & ~(uintptr_t)(align - 1);
	if (at + size > arena.end) {
		size_t n = size > MAPPING ? size : MAPPING;
		void *fresh = lgr_sys_mmap(n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
					   -1);

		if (!fresh)
			return NULL;
		note((uintptr_t)fresh, n);
		/* A block of its own mapping leaves the current pool as it is. */
		if (n == size) {
			arena.used += size;
			return fresh;
		}
		at = arena.at = (uintptr_t)fresh;
		arena.end = at + n;
	}
	arena.used += size;
	/* Of large blocks little is touched: between small ones each would cost them a page more. */
	if (size >= LGR_PAGE) {
		at = arena.end -= size;
		arena.end -= lgr_min(arena.end - arena.at, LINE);
		return (void *)at;
	}
	arena.at = lgr_min(at + size + (size >= STAGGERED ? LINE : 0), arena.end);
	return (void *)at;
}

void *lgr_arena_alloc(size_t size)
{
	int c = class_of(size);
	struct block *block;

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (size > LGR_ARENA_LARGEST)
		return NULL;
	block = arena.freed[c];
	if (!block)
		return carve((size_t)1 << c);
	arena.freed[c] = block->next;
	lgr_zero(block, (size_t)1 << c);
	return block;
}

void lgr_arena_free(void *p, size_t size)
{
	struct block *block = p;
	int c = class_of(size);

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (!p)
		return;
	block->next = arena.freed[c];
	arena.freed[c] = block;
}

void *lgr_arena_grow(void *p, size_t was, size_t n, size_t size)
{
	void *more = lgr_arena_alloc(size);

	if (!more)
		return NULL;
	if (n)
		lgr_copy(more, p, n);
	lgr_arena_free(p, was);
	return more;
}

size_t lgr_arena_used(void)
{
	return arena.used;
}
