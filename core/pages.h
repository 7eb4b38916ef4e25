/*
 * pages.h - from an address to the object mapped there, in two loads.
 *
 * Guarantees, cited by the tests:
 *  R1  A lookup is wait-free and async-signal-safe: it takes no lock, never retries, allocates
 *      nothing. All it needs to know of an object is in one 64-bit word.
 *  R2  An address outside every segment finds nothing; hi is outside.
 *  R3  A lookup that starts after lgr_pages_clear returned never finds the object.
 *
 * Two levels: the address space is cut into regions of 2 MiB, found in a table that only grows,
 * indexed by the region's low bits, with the next entry tried where two meet; a region's leaf, one
 * page, has one word for each page. Libraries stand side by side, so few pages of either are touched.
 *
 * Rank 4: may include base.h, lock.h, arena.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_PAGES_H
#define LGR_PAGES_H

#include <stdatomic.h>

#include "base.h"

/*
 * A page's word: id | slot | state | marks, or 0.
 * 2^38 ids last for 79 days of nothing but loading at 25 us a load; 2^18 objects at once would need
 * vm.max_map_count raised sixteenfold. Past either the registry takes no more (and says so).
 */
#define LGR_ID_BITS 38
#define LGR_SLOT_BITS 18
#define LGR_ID_MAX (((uint64_t)1 << LGR_ID_BITS) - 1)
#define LGR_SLOT_MAX (((uint32_t)1 << LGR_SLOT_BITS) - 1)

/* The object may have been unmapped without our being told: ask the loader before believing. */
#define LGR_WORD_CHECK 1u
/* Loaded before main. */
#define LGR_WORD_STARTUP 2u
/* It is known whether linger holds it. */
#define LGR_WORD_SETTLED 4u

static inline uint64_t lgr_word(uint64_t id, uint32_t slot, uint32_t state, uint32_t marks)
{
	return id << 26 | (uint64_t)slot << 8 | (uint64_t)state << 4 | marks;
}
static inline uint64_t lgr_word_id(uint64_t w)
{
	return w >> 26;
}
static inline uint32_t lgr_word_slot(uint64_t w)
{
	return (uint32_t)(w >> 8) & LGR_SLOT_MAX;
}
static inline uint32_t lgr_word_state(uint64_t w)
{
	return (uint32_t)(w >> 4) & 15;
}
#define LGR_REGION_BITS 21
#define LGR_REGION_SLOTS 32768u /* 48 GiB of regions with libraries in them; a power of two */
#define LGR_LEAF_WORDS ((size_t)1 << (LGR_REGION_BITS - 12))

struct lgr_pages_region {
	_Atomic uintptr_t key; /* region number + 1; 0: free */
	_Atomic(_Atomic uint64_t *) leaf;
};
extern struct lgr_pages_region lgr_pages_table[LGR_REGION_SLOTS];

static inline uint32_t lgr_pages_hash(uintptr_t region)
{
	return (uint32_t)region & (LGR_REGION_SLOTS - 1);
}

/* The word of the page that holds address, 0: none. MT-safe, async-signal-safe, wait-free. */
static inline uint64_t lgr_pages_find(uintptr_t address)
{
	uintptr_t region = address >> LGR_REGION_BITS;
	uint32_t i = lgr_pages_hash(region);

	for (;;) {
		const struct lgr_pages_region *r = &lgr_pages_table[i];
		/* pairs with the release in leaf_of: a key is there only after its leaf */
		uintptr_t key = atomic_load_explicit(&r->key, memory_order_acquire);

		if (lgr_likely(key == region + 1)) {
			_Atomic uint64_t *leaf = atomic_load_explicit(&r->leaf,
								      memory_order_relaxed);
			size_t page = (address >> 12) & (LGR_LEAF_WORDS - 1);

			/* pairs with the release in lgr_pages_set: what the word names is there */
			return atomic_load_explicit(&leaf[page], memory_order_acquire);
		}
		if (!key)
			return 0;
		i = (i + 1) % LGR_REGION_SLOTS;
	}
}

/*
 * Gives the pages of [lo, hi) a word; both page-aligned. The caller holds lgr_lock_registry.
 * Returns false, with nothing changed, when there is no memory or the table is full.
 */
bool lgr_pages_set(uintptr_t lo, uintptr_t hi, uint64_t word);

/* Takes the word away from those pages of [lo, hi) that still have this id. Same lock. */
void lgr_pages_clear(uintptr_t lo, uintptr_t hi, uint64_t id);

#endif
