/*
 * records.h - where glibc keeps records that lead into objects without being references.
 *
 * Private to glibc, and found by value: by a record of our own in each, or by what is known of its
 * content; with exactly one hit. What is not found is logged, and its records count as references.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_RECORDS_H
#define LGR_RECORDS_H

#include <link.h>

#include "base.h"

/* glibc's struct exit_function and struct exit_function_list (stdlib/exit.h). */
struct lgr_exit_function {
	long flavor;
	uintptr_t function, arg, dso;
};
struct lgr_exit_list {
	const struct lgr_exit_list *next;
	size_t used;
	struct lgr_exit_function function[32];
};
enum { LGR_EXIT_FREE = 0, LGR_EXIT_CXA = 4 };

/* glibc's struct pthread_key_struct (sysdeps/nptl/internaltypes.h). */
struct lgr_key {
	uintptr_t sequence; /* odd: in use */
	uintptr_t destructor;
};
#define LGR_KEYS 1024u /* PTHREAD_KEYS_MAX */

/* glibc's struct fork_handler (include/register-atfork.h), and a dynarray of them. */
struct lgr_fork_handler {
	uintptr_t before, after, in_child, dso;
	uint64_t id;
};
struct lgr_fork_handlers {
	size_t used, allocated;
	uintptr_t array;
};
#define LGR_HANDLERS_MOST 65536u

/* glibc's struct r_found_version (sysdeps/generic/ldsodefs.h). */
struct lgr_version {
	const char *name;
	uint32_t hash, hidden;
	const char *file;
};

/* glibc's struct dlfo_mappings_segment (elf/dl-find_object.c). */
struct lgr_found_object {
	uintptr_t lo, hi, map, frames;
};
struct lgr_found_segment {
	uintptr_t previous, to_free;
	size_t used, allocated;
};

/* The addresses; 0: not found. */
struct lgr_records {
	uintptr_t exit_functions; /* __exit_funcs: head of a list */
	uintptr_t fork_handlers;  /* the header of an array */
	uintptr_t keys;		  /* __pthread_keys: an array */
	uintptr_t versions;	  /* l_versions in a link map; l_nversions is the next word */
	uintptr_t tables[2];	  /* _dlfo_loaded_mappings, in any order */
};
extern struct lgr_records lgr_records;

/*
 * At the first dlclose: finds what takes a registration of our own to find, and logs what is not found.
 * Takes lgr_lock_registry.
 */
void lgr_records_find(void);

/* All of these: the caller holds lgr_lock_registry. */

/* Finds _dlfo_loaded_mappings, which is made with the first dlopen, and its second table later. */
void lgr_records_find_tables(void);

/* Is this a segment of such a table? Fills it in. */
bool lgr_records_segment(uintptr_t at, struct lgr_found_segment *segment);

/* Each writable segment of an object. */
void lgr_records_each_writable(const struct link_map *map,
			       void (*visit)(void *arg, uintptr_t lo, uintptr_t hi), void *arg);

/* libc's own data, with the part behind it that the file has not. */
void lgr_records_libc_data(uintptr_t *ret_lo, uintptr_t *ret_hi);

static inline uintptr_t lgr_records_word(uintptr_t at)
{
	return *(const volatile uintptr_t *)at;
}

#endif
