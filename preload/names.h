/*
 * names.h - taking a kept object out of every lookup by name, and putting it back.
 *
 * While an object is kept, a search must end where it would end if the object were gone. The loader
 * compares a name with l_name, with the aliases and with the soname of each object before it looks
 * for a file, and looks for symbols in the global scope; so a kept object has none of these. What is
 * left is the identity of its file: a search that ends at the very same file gets the kept
 * instance back (elf/dl-load.c, _dl_map_object and _dl_map_object_from_fd). A hidden object has lost
 * that, too.
 *
 * l_name stays a path that opens the bytes that are mapped: unwinders, profilers, debuggers and
 * sanitizers read it.
 *
 * All of these: the caller holds the loads' lock (loader.h) and lgr_lock_registry.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_NAMES_H
#define LGR_NAMES_H

#include "base.h"
#include "fields.h"
#include "wire.h"

/*
 * Unnames it. An unnamed one that was opened again meanwhile loses what names it has gained by that.
 * False, with nothing changed: a field is not known, or there is no memory.
 */
bool lgr_names_take(struct lgr_object *object);

/* Names it again, as it was, with the aliases it was opened by meanwhile. Undoes hiding as well. */
void lgr_names_give_back(struct lgr_object *object);

/* Hides an unnamed object. False: the field is not known. */
bool lgr_names_hide(struct lgr_object *object);

/* Its file has changed: the mapped bytes are found in the private copy, if there is one (detach.h). */
void lgr_names_use_copy(struct lgr_object *object);

/*
 * Aliases that nobody needs any more, in the memory of the program's malloc, as the loader's own are:
 * taken under the locks, and freed with the loads' lock alone, as in the loader's dlclose.
 */
struct lgr_alias *lgr_names_spare(void);
void lgr_names_free(struct lgr_alias *list);

/* Frees what undoing needs, when the object is gone. */
void lgr_names_forget(struct lgr_object *object);

/* In the child of a fork: paths that have the process's id in them. */
void lgr_names_forked(void);

/* The loader's own l_name, also of an unnamed object. */
const char *lgr_names_real(const struct lgr_object *object);

/* Whether a search for this name ends at the object without looking at any file. */
bool lgr_names_match(const struct lgr_object *object, const char *name);

#endif
