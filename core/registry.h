/*
 * registry.h - every object loaded in this process.
 *
 * Guarantees, cited by the tests:
 *  G1  An id is given once and never again, whatever link-map addresses or ranges are reused.
 *  G2  Each page belongs to at most one object, the one loaded last.
 *  G3  An object that is gone is found by nobody: not by address, not by map, not from outside.
 *  G4  States change in lgr_registry_set_state alone, and along these ways:
 *      LOADING -> LIVE -> KEPT -> CONDEMNED -> CLOSING -> GONE; KEPT -> LIVE (opened again);
 *      CONDEMNED -> LIVE or KEPT (a destructor saved it); and from any to CLOSING and to GONE
 *      (the loader does as it likes with what is not held). LOADING is what linger_query says of
 *      an object that the loader knows and the registry does not yet.
 *
 * Rank 5: may include all of core below it.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_REGISTRY_H
#define LGR_REGISTRY_H

#include "base.h"
#include "elf.h"
#include "wire.h"

/* What whoever walks the loader's list knows about an object. Strings are copied. */
struct lgr_load {
	uintptr_t map;		   /* the link map's address */
	uint64_t serial;	   /* the loader's own number of the load, UINT64_MAX: not known */
	struct lgr_elf elf;	   /* its image */
	uintptr_t lo, hi;	   /* span of the mapping, for want of headers */
	const ElfW(Phdr) *headers; /* NULL: not readable */
	size_t header_count;
	const char *path;     /* absolute, or a name that is no path (the vDSO) */
	struct lgr_file file; /* all zero: nobody asked */
	uint32_t namespace;
	uint32_t flags; /* enum lgr_flag, as far as the walker knows */
};

/* All of these: the caller holds lgr_lock_registry. None blocks, none calls the loader. */

/*
 * Takes in a new object, relocated and about to start, as LIVE; logs "open" if it was not there at
 * start.
 * Returns NULL when there is no room (logged): the object then is as if linger were absent.
 */
struct lgr_object *lgr_registry_add(const struct lgr_load *load);

/* Called for an object that is gone, before its slot is freed; NULL at first. Set once, at start. */
extern void (*lgr_registry_gone)(struct lgr_object *object);

/* The object of this link map; NULL: none. serial UINT64_MAX: whatever its serial is. */
struct lgr_object *lgr_registry_find(uintptr_t map, uint64_t serial);

/*
 * The only place where a state changes. Logs "keep" (reason: of KEPT; else NONE), "reopen", "close",
 * and "unload", with which the object's slot is freed. A change that is none, or away from GONE, is
 * ignored.
 */
void lgr_registry_set_state(struct lgr_object *object, enum lgr_state state,
			    enum lgr_reason reason);

static inline struct link_map *lgr_map_of(const struct lgr_object *object)
{
	return (struct link_map *)(uintptr_t)object->map;
}

static inline const char *lgr_path_of(const struct lgr_object *object)
{
	return (const char *)(uintptr_t)object->path;
}

static inline enum lgr_state lgr_state_of(const struct lgr_object *object)
{
	return atomic_load_explicit(&object->state, memory_order_relaxed);
}

/* Flags that come and go: HELD, LIBC, UNNAMED, HIDDEN, DETACHED. */
void lgr_registry_set_flags(struct lgr_object *object, uint32_t set, uint32_t clear);

static inline bool lgr_is(const struct lgr_object *object, uint32_t any_of)
{
	return atomic_load_explicit(&object->flags, memory_order_relaxed) & any_of;
}

/* Every object: start with NULL. The same for those that are kept, the last one kept first. */
struct lgr_object *lgr_registry_next(const struct lgr_object *after);
struct lgr_object *lgr_registry_next_kept(const struct lgr_object *after);

/* Logs an event, or a refusal (an error, once for each object and reason), about the object. */
void lgr_registry_log(const struct lgr_object *object, enum lgr_event event,
		      enum lgr_reason reason);
void lgr_registry_refuse(struct lgr_object *object, enum lgr_reason reason);

/* The id of the object taken in last. */
uint64_t lgr_registry_last_id(void);

/*
 * The sweep: everything that was not marked since lgr_registry_sweep_begin is gone, or rather
 * becomes so in lgr_registry_sweep_end.
 */
void lgr_registry_sweep_begin(void);
void lgr_registry_mark(struct lgr_object *object);
void lgr_registry_sweep_end(void);

/* --------------------------------------------------- without the lock, from anywhere */

/* What stands in a slot of the registry, taken or free; NULL: there never was anything. */
struct lgr_object *lgr_registry_at(uint32_t slot);

/* The object a word names, if it is still that one; NULL otherwise. Its memory stays readable. */
struct lgr_object *lgr_registry_object(uint64_t word);

#endif
