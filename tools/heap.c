/*
 * heap.c - the chunk of glibc's malloc that has an address, from outside.
 *
 * Owns no state. Nothing of malloc's own state has a name that is always there, so a heap is recognised by
 * its form (malloc/malloc.c, malloc/arena.c there: the layout has been this for twenty years), and a
 * walk along the headers must come out right, or nothing is claimed. Another malloc is not recognised.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <string.h>

#include "tool.h"

/*
 * A chunk: the size of the one before it if that is free (else its user's last 8 bytes), its own size
 * with three bits, its user's bytes.
 */
#define HEAD 16u
#define OVERLAP 8u
#define PREV_INUSE 1u
#define MMAPPED 2u
#define BITS 7u

#define PAGE 4096u
#define ARENA_ALIGN (UINT64_C(64) << 20) /* HEAP_MAX_SIZE */
#define ARENA_TOP 96u			 /* of malloc_state: its last chunk */
#define ARENA_SIZE 4096u		 /* more than malloc_state takes */
#define TCACHE_CHUNK 0x290u		 /* 64 counts of 16 bits, 64 lists */
#define TCACHE_LISTS 64u
#define TCACHE_MAX 0x410u

/* Reads words near each other without a system call for each. */
struct window {
	const struct lgr_view *view;
	uint64_t lo, hi; /* what buf has */
	char buf[65536];
};

static int window_word(struct window *w, uint64_t end, uint64_t at, uint64_t *ret)
{
	if (at < w->lo || at + sizeof(*ret) > w->hi) {
		uint64_t n = end - at < sizeof(w->buf) ? end - at : sizeof(w->buf);

		w->lo = w->hi = 0;
		if (at >= end || n < sizeof(*ret) || lgr_view_read(w->view, at, w->buf, n) < 0)
			return -ENOENT;
		w->lo = at;
		w->hi = at + n;
	}
	memcpy(ret, w->buf + (at - w->lo), sizeof(*ret));
	return 0;
}

/*
 * What marks a chunk that a thread has put aside (struct tcache_entry, key): one number of the process,
 * learned from one such chunk. The first thread's lists are the heap's first chunk. 0: not known.
 */
static uint64_t read_key(const struct lgr_view *view)
{
	uint64_t size, lists[TCACHE_LISTS], key;

	for (size_t i = 0; i < view->maps.count; i++) {
		const struct lgr_mapping *m = &view->maps.mapping[i];

		if (strcmp(m->name, "[heap]"))
			continue;
		if (lgr_view_word(view, m->lo + 8, &size) < 0 || (size & ~BITS) != TCACHE_CHUNK ||
		    lgr_view_read(view, m->lo + HEAD + TCACHE_LISTS * 2, lists, sizeof(lists)) < 0)
			return 0;
		for (size_t k = 0; k < TCACHE_LISTS; k++)
			if (lists[k] && lgr_view_word(view, lists[k] + 8, &key) == 0)
				return key;
		return 0;
	}
	return 0;
}

static bool is_put_aside(const struct lgr_view *view, uint64_t chunk, uint64_t size)
{
	uint64_t key, found;

	if (size > TCACHE_MAX || lgr_view_word(view, chunk + HEAD + 8, &found) < 0 || !found)
		return false;
	key = read_key(view);
	return key && key == found;
}

/* The chunk at @chunk, of @size, has @at. */
static void describe(const struct lgr_view *view, uint64_t chunk, uint64_t size, uint64_t next,
		     uint64_t at, struct lgr_chunk *ret)
{
	ret->lo = chunk + HEAD;
	ret->size = size - OVERLAP;
	if (at < ret->lo)
		ret->part = LGR_HEAP_HEADER;
	else if (!(next & PREV_INUSE) || is_put_aside(view, chunk, size))
		ret->part = LGR_HEAP_FREE;
	else
		ret->part = LGR_HEAP_USED;
}

/* Walks from the chunk at @chunk to the one that has @at. @top: the last one, or 0; @end: of them all. */
static int walk(const struct lgr_view *view, uint64_t chunk, uint64_t top, uint64_t end,
		uint64_t at, struct lgr_chunk *ret)
{
	_cleanup_free_ struct window *w = calloc(1, sizeof(*w));
	uint64_t size, next;

	if (!w)
		return -ENOENT;
	w->view = view;
	for (;; chunk += size) {
		if (window_word(w, end, chunk + 8, &size) < 0 || (size & MMAPPED))
			return -ENOENT;
		size &= ~(uint64_t)BITS;
		if (size < HEAD || size % HEAD || size > end - chunk)
			return -ENOENT;
		if (chunk == top || chunk + size + HEAD > end) {
			ret->part = LGR_HEAP_TOP;
			return at >= chunk ? 0 : -ENOENT;
		}
		if (at >= chunk + 8 && at < chunk + size + 8)
			break;
	}
	if (window_word(w, end, chunk + size + 8, &next) < 0)
		return -ENOENT;
	describe(view, chunk, size, next, at, ret);
	return 0;
}

/*
 * A heap of another thread's: aligned, it begins with struct heap_info (its arena, the heap before it, its
 * size, ...; of 32 or 48 bytes), in the first one the arena itself follows.
 */
static int find_in_arena(const struct lgr_view *view, const struct lgr_mapping *m, uint64_t at,
			 struct lgr_chunk *ret)
{
	uint64_t base = at & ~(ARENA_ALIGN - 1), info[3], top;

	if (base < m->lo || lgr_view_read(view, base, info, sizeof(info)) < 0 ||
	    info[2] > ARENA_ALIGN || info[2] < at - base ||
	    lgr_view_word(view, info[0] + ARENA_TOP, &top) < 0)
		return -ENOENT;
	if (info[0] > base && info[0] < base + 64) {
		/* Where the arena ends is not known: a walk that begins right comes to its top. */
		for (uint64_t from = info[0] + ARENA_TOP; from < info[0] + ARENA_SIZE; from += HEAD)
			if (walk(view, from, top, base + info[2], at, ret) == 0)
				return 0;
		return -ENOENT;
	}
	if (info[1] & (ARENA_ALIGN - 1) || (info[0] & ~(ARENA_ALIGN - 1)) == base)
		return -ENOENT;
	for (uint64_t from = base + 32; from <= base + 64; from += HEAD)
		if (walk(view, from, top, base + info[2], at, ret) == 0)
			return 0;
	return -ENOENT;
}

/* A chunk that is a mapping of its own, which the kernel may have joined with its neighbours. */
static int find_mapped(const struct lgr_view *view, const struct lgr_mapping *m, uint64_t at,
		       struct lgr_chunk *ret)
{
	uint64_t head[2];

	for (uint64_t page = at & ~(uint64_t)(PAGE - 1);; page -= PAGE) {
		if (lgr_view_read(view, page, head, sizeof(head)) < 0)
			return -ENOENT;
		if (!head[0] && (head[1] & BITS) == MMAPPED) {
			uint64_t size = head[1] & ~(uint64_t)BITS;

			if (!size || size % PAGE || size > m->hi - page || at - page >= size)
				return -ENOENT;
			describe(view, page, size, PREV_INUSE, at, ret);
			ret->size = size - HEAD;
			return 0;
		}
		if (page <= m->lo || page < PAGE)
			return -ENOENT;
	}
}

int lgr_heap_find(const struct lgr_view *view, const struct lgr_mapping *m, uint64_t at,
		  struct lgr_chunk *ret)
{
	if (m->shared || m->inode)
		return -ENOENT;
	if (!strcmp(m->name, "[heap]"))
		return walk(view, m->lo, 0, m->hi, at, ret);
	if (find_in_arena(view, m, at, ret) == 0)
		return 0;
	return find_mapped(view, m, at, ret);
}
