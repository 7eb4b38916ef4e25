/*
 * known.h - which file had which content, so that it need not be read again.
 *
 * Two tables of fixed size, in which a newer record takes an older one's place: one in the process, and
 * one for all, the file DIR/known.
 *
 * The caller is the one thread that archives. Raw system calls.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_KNOWN_H
#define LGR_KNOWN_H

#include "store.h"

struct lgr_known {
	struct lgr_identity file;
	struct lgr_key key;
	uint64_t seen_ns; /* CLOCK_MONOTONIC_COARSE: when it was found in the archive last */
	uint64_t check;	  /* of all before, against a torn write by another process */
	uint32_t fresh;	  /* 1: the file may have changed since */
	uint32_t absent;  /* 1: it could not be archived; the key is empty */
};

/* The process's record of the file; the shared one is taken over. NULL: none. */
struct lgr_known *lgr_known_find(const struct lgr_identity *file);

/* The last one of that file, whatever it was like then: for one that nothing can be asked about any more. */
struct lgr_known *lgr_known_recall(uint64_t dev, uint64_t ino);

/* Notes the record in the process and, unless it is fresh or absent, for all. */
void lgr_known_add(const struct lgr_known *record);

/* What was noted is not true any more: what had the key is gone. */
void lgr_known_forget(struct lgr_known *record);

#endif
