/*
 * patch.h - writing words that are protected.
 *
 * A window makes some pages writable for a moment, and leaves them as they were: pages that were writable
 * already stay so. Nothing is ever writable and executable at once, unless it is executable and the word
 * stands between code (a symbol table in such a segment).
 *
 * All of these: the caller holds lgr_lock_registry, so that no two windows overlap in time.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_PATCH_H
#define LGR_PATCH_H

#include "base.h"
#include "wire.h"

struct lgr_window {
	uintptr_t lo, hi; /* pages */
	int was;	  /* their protection; PROT_WRITE in it: nothing was done */
	uint32_t mark;	  /* whoever opens it may note something; 0 at first */
};

/*
 * Opens the window over [lo, hi), which has this protection at most without PROT_WRITE. at: a word in it.
 * False: the kernel refuses (a sealed mapping, larger pages than ours, a policy), and nothing is changed.
 */
bool lgr_window_open(struct lgr_window *w, uintptr_t lo, uintptr_t hi, uintptr_t at,
		     int protection);
void lgr_window_close(const struct lgr_window *w);

/* One word, wherever in the object it is. False: the kernel refuses. */
bool lgr_patch_word(const struct lgr_object *object, uintptr_t *at, uintptr_t value);

/* The protection that the object's segment around at asks for. */
int lgr_patch_protection(const struct lgr_object *object, uintptr_t at);

#endif
