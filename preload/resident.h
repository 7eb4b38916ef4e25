/*
 * resident.h - which pages of a mapping have bytes that no file has, and reading them.
 *
 * Of private mappings those pages that were written to (pagemap: not of a file), whatever their
 * protection is now; of shared ones, and of files in memory, all that are there. Pages that have never
 * been touched are not touched here either, and nothing here can fault: what cannot be loaded from
 * directly is read through /proc/self/mem.
 * Source: Documentation/admin-guide/mm/pagemap.rst; PAGEMAP_SCAN since Linux 6.7; mincore(2).
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_RESIDENT_H
#define LGR_RESIDENT_H

#include "base.h"
#include "maps.h"
#include "wire.h"

/*
 * A stretch of such pages, readable at from; its address in the process is at. n is 0 now and then where
 * nothing was for long.
 */
typedef bool lgr_resident_visit(void *arg, const void *from, size_t n, uintptr_t at);

/* For the process, or the forked child, that calls it. False: /proc/self cannot be read. */
bool lgr_resident_open(void);
void lgr_resident_close(void);

/*
 * lgr_resident_each - visits the stretches of a mapping, in ascending order. What is not contiguous in
 * the process is never in one stretch; a long one may come in several.
 * Returns LGR_UN_NOTHING when all was seen, or visit wanted no more; else why not.
 * The caller holds lgr_lock_registry with the other threads stopped, or is alone.
 */
enum lgr_unseen lgr_resident_each(const struct lgr_mapping *m, lgr_resident_visit *visit,
				  void *arg);

/* One word of this process, without a fault; false: it is not there. Needs nothing opened. */
bool lgr_peek(uintptr_t at, void *to, size_t n);

#endif
