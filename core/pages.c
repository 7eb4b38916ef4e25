/*
 * pages.c - from an address to the object mapped there, writers' side. See pages.h.
 *
 * Owns: the table and its leaves, which are never freed. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "pages.h"

#include "arena.h"
#include "lock.h"

struct lgr_pages_region lgr_pages_table[LGR_REGION_SLOTS];

static uint32_t regions_used;

/* The leaf of a region, made when make says so; NULL: none. */
static _Atomic uint64_t *leaf_of(uintptr_t region, bool make)
{
	_Atomic uint64_t *leaf;
	struct lgr_pages_region *r;
	uint32_t i = lgr_pages_hash(region);

	for (;; i++) {
		uintptr_t key;

		r = &lgr_pages_table[i % LGR_REGION_SLOTS];
		key = atomic_load_explicit(&r->key, memory_order_relaxed);
		if (key == region + 1)
			return atomic_load_explicit(&r->leaf, memory_order_relaxed);
		if (!key)
			break;
	}
	/* A quarter stays free, so that a search for what is not there ends soon. */
	if (!make || regions_used >= LGR_REGION_SLOTS / 4 * 3)
		return NULL;
	leaf = lgr_arena_alloc(LGR_LEAF_WORDS * sizeof(*leaf));
	if (!leaf)
		return NULL;
	regions_used++;
	atomic_store_explicit(&r->leaf, leaf, memory_order_relaxed);
	/* pairs with the acquire in lgr_pages_find */
	atomic_store_explicit(&r->key, region + 1, memory_order_release);
	return leaf;
}

bool lgr_pages_set(uintptr_t lo, uintptr_t hi, uint64_t word)
{
	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	for (uintptr_t r = lo >> LGR_REGION_BITS; r <= (hi - 1) >> LGR_REGION_BITS; r++)
		if (!leaf_of(r, true))
			return false;
	/* Commit: nothing below can fail. */
	for (uintptr_t a = lo; a < hi; a += LGR_PAGE) {
		_Atomic uint64_t *leaf = leaf_of(a >> LGR_REGION_BITS, false);

		/* pairs with the acquire in lgr_pages_find */
		atomic_store_explicit(&leaf[(a >> 12) & (LGR_LEAF_WORDS - 1)], word,
				      memory_order_release);
	}
	return true;
}

void lgr_pages_clear(uintptr_t lo, uintptr_t hi, uint64_t id)
{
	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	for (uintptr_t a = lo; a < hi; a += LGR_PAGE) {
		_Atomic uint64_t *leaf = leaf_of(a >> LGR_REGION_BITS, false);
		_Atomic uint64_t *word;

		if (!leaf)
			continue;
		word = &leaf[(a >> 12) & (LGR_LEAF_WORDS - 1)];
		/* The range may have been given to a newer object by now. */
		if (lgr_word_id(atomic_load_explicit(word, memory_order_relaxed)) == id)
			atomic_store_explicit(word, 0, memory_order_relaxed);
	}
}
