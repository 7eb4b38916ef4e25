/*
 * index.h - which slots of which objects are bound by which name.
 *
 * Made when the first redirect wants it, and kept up to date then: a redirect of one name among
 * 10,000 objects costs one store for each of its slots, in the order of an array. An object is taken
 * in once, after its relocation, and taken out when it is gone; what its slots hold is not remembered.
 *
 * All of these: the caller holds lgr_lock_registry. None blocks.
 *
 * Rank 6: may include all of core below it.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_INDEX_H
#define LGR_INDEX_H

#include "elf.h"
#include "wire.h"

/* One slot. An address has 56 bits at most. */
struct lgr_entry {
	uint64_t at : 56;
	uint64_t kind : 4;    /* enum lgr_slot_kind */
	uint64_t guarded : 1; /* in a part of the object that is not to be written */
	uint64_t refused : 1; /* the kernel did not let it be written */
	uint64_t spare : 2;
	uint32_t owner; /* slot of its object in the registry */
	uint32_t nth;	/* which one it is there */
};
static_assert(sizeof(struct lgr_entry) == 16, "four to a cache line");

struct lgr_name {
	struct lgr_name *next;	/* with the same hash, or nearly */
	struct lgr_site *sites; /* definitions that are redirected: of whoever redirects */
	struct lgr_entry *entries;
	uint32_t count, room;
	uint32_t hash;
	uint32_t users; /* redirects that know it */
	uint32_t size;	/* of all this */
	char text[];
};

/* What the index has of an object. */
struct lgr_indexed {
	struct lgr_elf elf;
	uintptr_t relro_lo, relro_hi; /* equal: none */
	uint32_t n, room;
	struct {
		struct lgr_name *name;
		uint32_t at;	 /* which of its entries */
		uint32_t symbol; /* the number of its symbol in the object */
	} slot[];
};

static inline const struct lgr_indexed *lgr_indexed_of(const struct lgr_object *object)
{
	return (const struct lgr_indexed *)(uintptr_t)object->slots;
}

/* What of an object is of interest; headers NULL: not readable, so what is protected is not known. */
struct lgr_image {
	struct lgr_elf elf;
	const ElfW(Phdr) *headers;
	size_t header_count;
};

/* Takes in the object's slots. False: there is no memory, and nothing is taken in. */
bool lgr_index_add(struct lgr_object *object, const struct lgr_image *image);

/* Takes them out; nothing where there are none. Does not look at the object's own memory. */
void lgr_index_remove(struct lgr_object *object);

/*
 * The name, with all its slots; made where it is not known. It is there until as many calls of
 * lgr_index_drop. NULL: there is no memory.
 */
struct lgr_name *lgr_index_name(const char *text);

/* The same without making it: NULL, too, where nobody knows the name. */
struct lgr_name *lgr_index_find(const char *text);
void lgr_index_drop(struct lgr_name *name);

/* For the tests: is every place where the other side says? */
bool lgr_index_check(const struct lgr_object *object);

#endif
