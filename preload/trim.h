/*
 * trim.h - the archive stays below archive_max.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_TRIM_H
#define LGR_TRIM_H

#include "base.h"

/* At start. */
void lgr_trim_limit(uint64_t bytes);

/*
 * Adds bytes that were written to the archive. Where that makes it too large, what was used longest ago
 * is removed: objects, and manifests of processes that have ended. Whoever finds another process at it
 * leaves it to that one, or to the next time; nobody waits.
 * @deadline: CLOCK_MONOTONIC; the rest is left to the next time.
 *
 * The caller is the one thread that archives. Raw system calls.
 */
void lgr_trim_count(uint64_t bytes, uint64_t deadline);

#endif
