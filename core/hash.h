/*
 * hash.h - a 160-bit name for the content of a file.
 *
 * It tells files apart that differ by accident, at the speed of memory: a build that changed, another
 * copy. It is no defence against somebody who makes files to collide; the archive that is named by it is
 * private to its user. (SHA-1 takes 130 ms for 64 MiB, and dlopen waits for it.)
 *
 * All functions are pure: MT-safe and async-signal-safe.
 *
 * Rank 1: may include base.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_HASH_H
#define LGR_HASH_H

#include "base.h"

#define LGR_HASH_SIZE 20u

struct lgr_hash {
	uint64_t lane[4];
	uint64_t total;	  /* bytes so far */
	uint8_t held[32]; /* the last total % 32 of them */
};

void lgr_hash_init(struct lgr_hash *h);
void lgr_hash_add(struct lgr_hash *h, const void *bytes, size_t n);

/* The hash of all that was added, however it was cut into pieces. h is worth nothing afterwards. */
void lgr_hash_end(struct lgr_hash *h, uint8_t ret[LGR_HASH_SIZE]);

#endif
