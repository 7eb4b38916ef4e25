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

/*
 * What a slot is like, above the 56 bits that an address has at most. A slot without any mark may be written
 * as it is: of most names, all of them.
 */
enum lgr_mark {
	LGR_MARK_NONE = 0,
	LGR_MARK_RELRO = 1,   /* in what the loader has protected after relocation */
	LGR_MARK_REFUSED = 2, /* the kernel did not let it be written */
	LGR_MARK_SINGLED = 4, /* of an object that gets something else than everybody */
	LGR_MARK_FIXED = 8,   /* no binding that can be changed: COPY, TLS */
	LGR_MARK_CODE = 16,   /* in another segment that is not writable (DT_TEXTREL) */
	LGR_MARK_KNOWN = 32   /* whose it is is noted, since what it holds does not tell */
};
#define LGR_MARK_SHIFT 56

/* Whose slot it is. */
struct lgr_owner {
	uint32_t slot;	   /* of the object in the registry */
	uint32_t nth : 28; /* which one it is there */
	uint32_t kind : 4; /* enum lgr_slot_kind */
	uint32_t bound;	   /* with LGR_MARK_KNOWN: the lower half of the id of who defines it */
};

struct lgr_name {
	struct lgr_name *next;	 /* with the same hash, or nearly */
	struct lgr_site *sites;	 /* definitions that are redirected: of whoever redirects */
	uint64_t *at;		 /* the slots, with their marks: read in a row */
	struct lgr_owner *owner; /* and whose they are */
	uint32_t count, room;
	uint32_t copies; /* COPY relocations among them */
	uint32_t hash;
	uint32_t users; /* redirects that know it */
	uint32_t size;	/* of all this */
	char text[];
};

static inline uintptr_t *lgr_slot_of(const struct lgr_name *name, uint32_t i)
{
	return (uintptr_t *)(uintptr_t)(name->at[i] << 8 >> 8);
}

static inline uintptr_t lgr_slot_load(const struct lgr_name *name, uint32_t i)
{
	return __atomic_load_n(lgr_slot_of(name, i), __ATOMIC_RELAXED);
}

static inline void lgr_slot_store(const struct lgr_name *name, uint32_t i, uintptr_t value)
{
	__atomic_store_n(lgr_slot_of(name, i), value, __ATOMIC_RELEASE);
}

static inline bool lgr_slot_is(const struct lgr_name *name, uint32_t i, enum lgr_mark mark)
{
	return name->at[i] >> LGR_MARK_SHIFT & mark;
}

static inline void lgr_slot_mark(struct lgr_name *name, uint32_t i, enum lgr_mark mark, bool on)
{
	uint64_t bit = (uint64_t)mark << LGR_MARK_SHIFT;

	name->at[i] = on ? name->at[i] | bit : name->at[i] & ~bit;
}

/* Notes, or forgets, whose definition it is bound to. */
static inline void lgr_slot_know(struct lgr_name *name, uint32_t i, uint64_t id, bool on)
{
	lgr_slot_mark(name, i, LGR_MARK_KNOWN, on);
	name->owner[i].bound = (uint32_t)id;
}

/* What the index has of an object. */
struct lgr_indexed {
	struct lgr_elf elf;
	bool untouchable;
	uint32_t sites;		      /* definitions that are redirected: of whoever redirects */
	uintptr_t relro_lo, relro_hi; /* equal: none */
	uint32_t n, room;
	struct {
		struct lgr_name *name;
		uint32_t at;	 /* which of its slots */
		uint32_t symbol; /* the number of its symbol in the object */
	} slot[];
};

static inline struct lgr_indexed *lgr_indexed_of(const struct lgr_object *object)
{
	return (struct lgr_indexed *)(uintptr_t)object->slots;
}

/* What of an object is of interest; headers NULL: not readable, so what is protected is not known. */
struct lgr_loaded {
	struct lgr_elf elf;
	const ElfW(Phdr) *headers;
	size_t header_count;
	bool untouchable; /* nothing is to be changed of what it binds, or defines */
	bool no_slots;	  /* nothing of what it binds */

	struct lgr_slot *copied; /* more slots, of no relocation of its own */
	uint32_t copies, copied_room;
};

/* Takes in the object and its slots. False: there is no memory, and nothing is taken in. */
bool lgr_index_add(struct lgr_object *object, const struct lgr_loaded *image);

/* Marks all slots of an object that is in the index. */
void lgr_index_mark(const struct lgr_object *object, enum lgr_mark mark, bool on);

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
