/*
 * publish.h - a file into the archive.
 *
 * It is made in DIR/tmp, with its separate debug file, and gets its name when it is complete. Where
 * the same content is there already, it is dropped again.
 *
 * The caller is the one thread that archives, with no lock. Raw system calls.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_PUBLISH_H
#define LGR_PUBLISH_H

#include "store.h"

enum lgr_stored {
	LGR_STORED,
	LGR_STORE_SLOW,	  /* not in time */
	LGR_STORE_NO_ELF, /* it is no ELF file, or cannot be read */
	LGR_STORE_BROKEN, /* DIR cannot be written */
};

/* What is to be archived, and how. */
struct lgr_wish {
	int fd;		   /* the file, open for reading */
	const char *path;  /* where it lies; "": nowhere */
	const char *name;  /* what else the copy is to be called */
	bool link;	   /* a hard link will do */
	uint64_t deadline; /* CLOCK_MONOTONIC */
};

/* lgr_publish - archives the file. ret_bytes: what was copied; 0: it was there. */
enum lgr_stored lgr_publish(const struct lgr_wish *wish, struct lgr_key *ret, uint64_t *ret_bytes);

#endif
