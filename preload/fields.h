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

/* At start: finds what can be found by reading alone (l_serial), and publishes it in lgr_region. */
void lgr_fields_find(void);

/*
 * At the program's first dlopen, dlmopen or dlclose: finds the count of handles, by opening the shim
 * itself twice (RTLD_NOLOAD). Not at start: the C library is not initialised
 * then, and a dlopen would do it, with no arguments and no environment. It clears this thread's
 * pending dlerror, as the call that is about to follow does anyway.
 */
void lgr_fields_probe(void);

/* At each notice: is the C library initialised? Once it is, a clearenv(3) cannot hide it again. */
void lgr_fields_watch(void);

/* The loader's number of this load (l_serial), UINT64_MAX: the field was not found. */
uint64_t lgr_field_serial(const struct link_map *map);

/* Handles the program has on the object (l_direct_opencount), UINT32_MAX: not found. */
uint32_t lgr_field_handles(const struct link_map *map);

#endif
