/*
 * loaded.h - what of an object's image is of interest.
 *
 * Rank 10 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_LOADED_H
#define LGR_LOADED_H

#include "index.h"

/* At start: the program's own headers, as the loader has them. */
void lgr_loaded_note_program(const ElfW(Phdr) *headers, size_t n);
const ElfW(Phdr) *lgr_loaded_program(size_t *ret_n);

/* Of an object in the registry. No headers: they are not readable where its file begins. */
void lgr_loaded_of(const struct lgr_object *object, struct lgr_loaded *ret);

/*
 * ld.so, the vDSO, a sanitizer's runtime: bindings of theirs are never touched, nor what they define. What
 * a sanitizer has put into a program is the program's.
 */
bool lgr_loaded_is_untouchable(const struct lgr_object *object, const struct lgr_elf *elf);

#endif
