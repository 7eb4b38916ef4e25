/*
 * scope.h - looking a symbol up as the loader does, without calling it.
 *
 * The loader's own lookup (elf/dl-lookup.c) takes the first definition in a list of scopes, each a list of
 * objects. These lists are read here; the loader is not asked, so no dlerror is cleared and no dependency
 * is noted.
 *
 * All of these: the caller holds the loads' lock (loader.h), under which the lists stay as they are, or
 * is in a load of its own.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_SCOPE_H
#define LGR_SCOPE_H

#include "elf.h"
#include "fields.h"

struct lgr_found {
	struct link_map *map;
	struct lgr_elf elf;
	uint32_t symbol;
};

/*
 * What a reference of this object leads to. skip: an object that is left out; may be NULL. False: to nothing, or
 * nobody knows (a field is missing).
 */
bool lgr_scope_find(const struct link_map *from, const struct link_map *skip,
		    const struct lgr_wanted *wanted, struct lgr_found *ret);

/* The global scope: the program, what it was started with, and what was opened with RTLD_GLOBAL. */
const struct lgr_scope *lgr_scope_global(void);

/* An object and what it needs; NULL: not known, or it was never opened by itself. */
const struct lgr_scope *lgr_scope_of(const struct link_map *map);

/*
 * The first definition in one scope, from the object behind `after` on; NULL: from the first.
 * skip: an object that is left out; may be NULL.
 */
bool lgr_scope_search(const struct lgr_scope *scope, const struct link_map *after,
		      const struct link_map *skip, const struct lgr_wanted *wanted,
		      struct lgr_found *ret);

#endif
