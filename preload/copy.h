/*
 * copy.h - a file's content into a new file, and its hash, within a time.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_COPY_H
#define LGR_COPY_H

#include "base.h"
#include "hash.h"

enum lgr_copied { LGR_COPIED, LGR_COPY_SLOW, LGR_COPY_UNREAD, LGR_COPY_UNWRITTEN };

struct lgr_content {
	uint8_t hash[LGR_HASH_SIZE]; /* of what was written */
	uint32_t crc;		     /* CRC-32 (ISO 3309), if it was asked for */
	uint64_t size;
};

/*
 * lgr_copy_file - copies all of from to the empty file at to, and says what was copied.
 * Shares the blocks where the file system can (FICLONE): then only reading takes time. Else what is
 * larger than could be copied in time is not begun.
 * @to: negative: nothing is written.
 * @deadline: CLOCK_MONOTONIC; past it, it gives up, unless half a MiB is all there is.
 *
 * The caller is the one thread that archives. Raw system calls.
 */
enum lgr_copied lgr_copy_file(int from, int to, uint64_t size, bool crc, uint64_t deadline,
			      struct lgr_content *ret);

#endif
