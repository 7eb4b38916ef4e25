/*
 * region.c - the one instance of struct lgr_region. See region.h, wire.h.
 *
 * Owns: lgr_region. Written at start and by the registry (under lgr_lock_registry); its counters by
 * anybody, atomically.
 * SPDX-License-Identifier: MIT
 */
#include "region.h"

#include "text.h"

struct lgr_region lgr_region __attribute__((section(".bss.a")));

void lgr_region_init(uint32_t pid, uint64_t now_ns)
{
	struct lgr_text text;

	lgr_text_init(&text, lgr_region.version_text, sizeof(lgr_region.version_text));
	lgr_text_add(&text, LGR_VERSION);
	lgr_region.version = LGR_WIRE_VERSION;
	lgr_region.size = sizeof(lgr_region);
	lgr_region.pid = pid;
	lgr_region.start_ns = now_ns;
	/* The magic last: a reader that sees it finds the rest filled in. */
	lgr_copy(lgr_region.magic, LGR_REGION_MAGIC, sizeof(lgr_region.magic));
}

void lgr_region_off(enum lgr_reason why)
{
	lgr_region.off_reason = why;
	atomic_store_explicit(&lgr_region.phase, LGR_PH_OFF, memory_order_release);
}
