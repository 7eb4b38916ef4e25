/*
 * source.h - where the bytes of a loaded object can be had, whatever has become of its path.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_SOURCE_H
#define LGR_SOURCE_H

#include <sys/stat.h>

#include "base.h"
#include "maps.h"
#include "store.h"
#include "wire.h"

/* What has to be known of the object, so that it may be gone while its file is read. */
struct lgr_source {
	uint64_t id, lo, hi;
	uint32_t slot, flags;
	uint64_t dev, ino;	  /* of its file, as the loader opened it; ino 0: not known */
	struct lgr_mapping first; /* whose its first page is; inode 0: not known */
	uint8_t build_id[LGR_BUILD_ID_MAX];
	uint32_t build_id_len;
	struct lgr_key key; /* found for it before a fork */
	char path[4096];    /* of the main program, that in /proc/self/exe */
};

/* The caller holds lgr_lock_registry. */
void lgr_source_fill(struct lgr_source *source, const struct lgr_object *object);

/* Does the path lead to the very file that was loaded? Then ret_st says what it is like. */
bool lgr_source_stat(const struct lgr_source *source, struct stat *ret_st);

/*
 * Opens that file for reading: by its path where that leads there; else by the program's own descriptor
 * of it, by /proc/self/exe, or by its mapping (which takes privileges, proc(5), map_files). Negative: it
 * is not to be had.
 */
int lgr_source_open(const struct lgr_source *source, bool by_path, struct stat *ret_st);

/* Device and inode of that file as stat(2) had them, as far as is known; inode 0: not at all. */
void lgr_source_file(const struct lgr_source *source, uint64_t *ret_dev, uint64_t *ret_ino);

/* What the file is called: for a memfd, its name with ".so" behind it. Lives until the next call. */
const char *lgr_source_name(const char *path);

#endif
