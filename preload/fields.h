/*
 * fields.h - the private fields of glibc's link map that linger reads and writes.
 *
 * Their offsets differ between versions of glibc, so they are found by value, and only with exactly
 * one hit; otherwise what needs them is off, and the log and `linger stat` say so. Which there are,
 * and what they mean: LGR_FIELDS in wire.h.
 * Source: glibc include/link.h, the same fields from 2.35 to 2.42.
 *
 * Rank 10 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_FIELDS_H
#define LGR_FIELDS_H

#include <link.h>

#include "base.h"
#include "region.h"

/* At start: finds what can be found by reading alone, and publishes it in lgr_region. */
void lgr_fields_find(void);

/*
 * At the program's first dlopen, dlmopen or dlclose: finds the others, by opening the shim itself and
 * the C library (RTLD_NOLOAD), and by registering a thread-local destructor. Not at start: the C
 * library is not initialised then, and a dlopen would do it, with no arguments and no environment. It
 * clears this thread's pending dlerror, as the call that is about to follow does anyway.
 */
void lgr_fields_probe(void);

/* At each notice: is the C library initialised? Once it is, a clearenv(3) cannot hide it again. */
void lgr_fields_watch(void);
bool lgr_fields_libc_is_ready(void);

/* At each notice, inside the load of this map: learns which bit is l_global, as none such has it. */
void lgr_fields_learn(const struct link_map *loading);

static inline bool lgr_field_known(enum lgr_field field)
{
	return lgr_region.field[field] != 0;
}

/* Its address; only where it is known. */
static inline void *lgr_field_at(const struct link_map *map, enum lgr_field field)
{
	return (char *)map + lgr_region.field[field];
}

/* The loader's number of this load, UINT64_MAX: the field was not found. */
uint64_t lgr_field_serial(const struct link_map *map);

/* Where its handles are counted, under the loads' lock; NULL: not found. */
static inline uint32_t *lgr_field_handle_count(const struct link_map *map)
{
	return lgr_field_known(LGR_FIELD_HANDLES) ? lgr_field_at(map, LGR_FIELD_HANDLES) : NULL;
}

/* Handles the program has on the object, UINT32_MAX: not found. */
uint32_t lgr_field_handles(const struct link_map *map);

/* Will glibc never unload it (l_nodelete_active)? Only where the field is known. */
static inline bool lgr_field_nodelete(const struct link_map *map)
{
	/* Lazy binding sets it at any time. */
	return *(const volatile uint8_t *)lgr_field_at(map, LGR_FIELD_NODELETE);
}

/* Clears l_global, which is one bit; nothing where it is not known. */
void lgr_field_clear_global(struct link_map *map);

/* A list of maps in the scope of a lookup (glibc's struct r_scope_elem). */
struct lgr_scope {
	struct link_map **list;
	uint32_t count;
};

/* An alias (glibc's struct libname_list, sysdeps/generic/ldsodefs.h). */
struct lgr_alias {
	const char *name;
	struct lgr_alias *next;
	int dont_free;
};

#endif
