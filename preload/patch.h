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

/* Before any: room for n windows over definitions. False: there is no memory. */
bool lgr_windows_begin(uint32_t n);

/*
 * A window over the page of a word in the object's segments; nothing where it is open already. False: the kernel
 * refuses (a sealed mapping, larger pages than ours, a policy), or there is no memory.
 */
bool lgr_windows_open(const struct lgr_object *object, uintptr_t at);

/*
 * The same over all that the loader has protected of it after relocation, where the word is in that and the
 * object in the index; where that is large, or not alike any more, over the word's page. Returns the size of what
 * is open, from *ret_lo on; 0: as above.
 */
uintptr_t lgr_windows_open_relro(const struct lgr_object *object, uintptr_t at, uintptr_t *ret_lo);
void lgr_windows_close(void); /* all, and gives the room back */

/* One word by a window of its own, wherever in the object it is. False: the kernel refuses. */
bool lgr_patch_word(const struct lgr_object *object, uintptr_t *at, uintptr_t value);

#endif
