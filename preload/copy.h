/*
 * copy.h - a file's content into a new file, and its hash, within a time.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_COPY_H
#define LGR_COPY_H

#include <sys/stat.h>

#include "base.h"
#include "hash.h"

enum lgr_copied { LGR_COPIED, LGR_COPY_SLOW, LGR_COPY_UNREAD, LGR_COPY_UNWRITTEN };

struct lgr_content {
	uint8_t hash[LGR_HASH_SIZE]; /* of what was written */
	uint32_t crc;		     /* CRC-32 (ISO 3309), if it was asked for */
	uint64_t size;
};

/* False: it cannot be copied in time, as far as is known. @link: it need only be read. */
bool lgr_copy_possible(const struct stat *st, bool link);

/*
 * lgr_copy_file - copies all of from to the empty file at to, and says what was copied.
 * Shares the blocks of a large file where the file system can, and need not write them first (FICLONE):
 * then only reading takes time. Else what is larger than could be copied in time is not begun.
 * @st: what from is like. @to: negative: nothing is written.
 * @deadline: CLOCK_MONOTONIC; past it, it gives up, unless half a MiB is all there is.
 *
 * The caller is the one thread that archives. Raw system calls.
 */
enum lgr_copied lgr_copy_file(int from, int to, const struct stat *st, bool crc, uint64_t deadline,
			      struct lgr_content *ret);

#endif
