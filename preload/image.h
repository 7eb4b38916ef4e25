/*
 * image.h - what of an object's image is of interest.
 *
 * Rank 10 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_IMAGE_H
#define LGR_IMAGE_H

#include "index.h"

/* At start: the program's own headers, as the loader has them. */
void lgr_image_of_program(const ElfW(Phdr) *headers, size_t n);
const ElfW(Phdr) *lgr_image_program(size_t *ret_n);

/* Of an object in the registry. No headers: they are not readable where its file begins. */
void lgr_image_of(const struct lgr_object *object, struct lgr_image *ret);

/*
 * ld.so, the vDSO, a sanitizer's runtime: bindings of theirs are never touched, nor what they define. What
 * a sanitizer has put into a program is the program's.
 */
bool lgr_image_is_untouchable(const struct lgr_object *object, const struct lgr_elf *elf);

#endif
