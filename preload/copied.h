/*
 * copied.h - words of the program that are bound because it has copied them.
 *
 * A program that is not position independent, or whose compiler takes its data for near, has its own copy of
 * the data that it uses of a library (a COPY relocation); the library itself uses that one, too. A vtable, or a
 * table of functions, so stands in the program, bound by names that only the library's relocations tell.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_COPIED_H
#define LGR_COPIED_H

#include "loaded.h"
#include "scope.h"

/*
 * Adds these slots to the program's image; nothing where no scope is known (scope.h). lgr_copied_done gives them
 * back. False: there is no memory. The caller holds the loads' lock (loader.h) and lgr_lock_registry.
 */
bool lgr_copied_find(struct lgr_loaded *program);
void lgr_copied_done(struct lgr_loaded *program);

/*
 * Of such a word: the library whose reference it is, and the number of its symbol there. False: it is none. Takes
 * as long as going through the library's relocations.
 */
bool lgr_copied_from(const struct lgr_elf *program, uintptr_t at, struct lgr_found *ret);

#endif
