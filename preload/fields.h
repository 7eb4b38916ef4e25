/*
 * fields.h - the private fields of glibc's link map that linger reads.
 *
 * Their offsets differ between versions of glibc, so they are found by value at start, and only with
 * exactly one hit; otherwise what needs them is off and the log says so.
 *
 * Rank 10 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_FIELDS_H
#define LGR_FIELDS_H

#include <link.h>

#include "base.h"

/*
 * Finds the offsets and publishes them in lgr_region. Once, at start: it opens the shim itself twice
 * (RTLD_NOLOAD) and closes it again.
 */
void lgr_fields_find(void);

/* The loader's number of this load (l_serial), UINT64_MAX: the field was not found. */
uint64_t lgr_field_serial(const struct link_map *map);

/* Handles the program has on the object (l_direct_opencount), UINT32_MAX: not found. */
uint32_t lgr_field_handles(const struct link_map *map);

#endif
