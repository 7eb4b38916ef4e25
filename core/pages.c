/*
 * pages.c - from an address to the object mapped there, writers' side. See pages.h.
 *
 * Owns: the table and its leaves, which are never freed. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "pages.h"

#include "arena.h"
#include "lock.h"

struct lgr_pages_region lgr_pages_table[LGR_REGION_SLOTS] LGR_BIG;

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

/* The words of the part of [*lo, hi) that is in one region, NULL: that has no leaf. Moves *lo behind. */
static _Atomic uint64_t *words_of(uintptr_t *lo, uintptr_t hi, size_t *ret_n)
{
	uintptr_t region = *lo >> LGR_REGION_BITS,
		  end = lgr_min((region + 1) << LGR_REGION_BITS, hi);
	_Atomic uint64_t *leaf = leaf_of(region, false);
	size_t first = (*lo >> 12) & (LGR_LEAF_WORDS - 1);

	*ret_n = (end - *lo) >> 12;
	*lo = end;
	return leaf ? leaf + first : NULL;
}

bool lgr_pages_set(uintptr_t lo, uintptr_t hi, uint64_t word)
{
	_Atomic uint64_t *at;
	size_t n;

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	for (uintptr_t r = lo >> LGR_REGION_BITS; r <= (hi - 1) >> LGR_REGION_BITS; r++)
		if (!leaf_of(r, true))
			return false;
	/* Commit: nothing below can fail. */
	while (lo < hi)
		for (at = words_of(&lo, hi, &n); n--; at++)
			/* pairs with the acquire in lgr_pages_find */
			atomic_store_explicit(at, word, memory_order_release);
	return true;
}

void lgr_pages_clear(uintptr_t lo, uintptr_t hi, uint64_t id)
{
	_Atomic uint64_t *at;
	size_t n;

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	while (lo < hi)
		for (at = words_of(&lo, hi, &n); at && n--; at++)
			/* The range may have been given to a newer object by now. */
			if (lgr_word_id(atomic_load_explicit(at, memory_order_relaxed)) == id)
				atomic_store_explicit(at, 0, memory_order_relaxed);
}
