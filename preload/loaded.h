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

/*
 * Those of any other object that is mapped there. Tools that add headers (patchelf) move them all behind the first
 * page; then they are where glibc says, if that field was found by value. NULL: not readable. The caller holds
 * lgr_lock_registry.
 */
const ElfW(Phdr) *lgr_loaded_headers(const struct link_map *map, uintptr_t lo, uintptr_t hi,
				     size_t *ret_n);

/* Of an object in the registry: as the index has it, else read into room. */
const struct lgr_elf *lgr_loaded_elf(const struct lgr_object *object, struct lgr_elf *room);

/* The same, and its headers; none: they are not readable. */
void lgr_loaded_of(const struct lgr_object *object, struct lgr_loaded *ret);

/*
 * Takes it into the index, if it is not there. Of linger itself what it defines, but no slots. False: there is
 * no memory. The caller holds lgr_lock_registry.
 */
bool lgr_loaded_index(struct lgr_object *object);

#endif
