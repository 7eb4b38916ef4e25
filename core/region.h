/*
 * region.h - what the process says about linger to readers outside it. Layout: wire.h.
 *
 * Rank 2: may include base.h, wire.h, text.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_REGION_H
#define LGR_REGION_H

#include "base.h"
#include "wire.h"

extern struct lgr_region lgr_region;

/* Fills in what is known before anything else: magic, version, size, pid. */
void lgr_region_init(uint32_t pid, uint64_t now_ns);

/* Switches linger off for good. MT-safe, async-signal-safe. */
void lgr_region_off(enum lgr_reason why);

static inline void lgr_count_by(enum lgr_counter which, uint64_t n)
{
	atomic_fetch_add_explicit(&lgr_region.counter[which], n, memory_order_relaxed);
}

static inline void lgr_count(enum lgr_counter which)
{
	lgr_count_by(which, 1);
}

static inline uint64_t lgr_counted(enum lgr_counter which)
{
	return atomic_load_explicit(&lgr_region.counter[which], memory_order_relaxed);
}

static inline bool lgr_on(void)
{
	return atomic_load_explicit(&lgr_region.phase, memory_order_acquire) == LGR_PH_ON;
}

#endif
