/*
 * quarantine.c - addresses of what was unloaded are not used again soon. See quarantine.h.
 *
 * Owns: the ranges. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "quarantine.h"

#include "registry.h"
#include "sys.h"

#define RANGES 256
#define MOST ((uint64_t)64 << 20)   /* bytes; neighbours are one mapping of the kernel's */
#define LARGEST ((uint64_t)8 << 20) /* of a range, which is given back as a whole */
#define RLIMIT_AS_ 9

static struct {
	struct {
		uintptr_t lo, hi;
	} of[RANGES];
	uint32_t oldest, n;
	uint64_t bytes;
} ranges LGR_BIG;

static void give_back_oldest(void)
{
	uintptr_t lo = ranges.of[ranges.oldest].lo, hi = ranges.of[ranges.oldest].hi;

	lgr_sys_munmap((void *)lo, hi - lo);
	ranges.bytes -= hi - lo;
	ranges.oldest = (ranges.oldest + 1) % RANGES;
	ranges.n--;
}

/* The kernel goes downwards: one after the other is one range. */
static bool extends_newest(uintptr_t lo, uintptr_t hi)
{
	uint32_t i = (ranges.oldest + ranges.n - 1) % RANGES;

	if (!ranges.n || hi != ranges.of[i].lo || ranges.of[i].hi - lo > LARGEST)
		return false;
	ranges.of[i].lo = lo;
	return true;
}

static void reserve(uintptr_t lo, uintptr_t hi)
{
	uint32_t i;

	while (ranges.n && (ranges.n == RANGES || ranges.bytes + (hi - lo) > MOST))
		give_back_oldest();
	if (!lgr_sys_reserve((void *)lo, hi - lo))
		return;
	ranges.bytes += hi - lo;
	if (extends_newest(lo, hi))
		return;
	i = (ranges.oldest + ranges.n++) % RANGES;
	ranges.of[i].lo = lo;
	ranges.of[i].hi = hi;
}

/* A limit of the address space counts what is reserved, too. */
void lgr_quarantine(const struct lgr_object *object)
{
	if (lgr_sys_limit(RLIMIT_AS_) == UINT64_MAX && object->hi - object->lo <= MOST)
		reserve(object->lo, object->hi);
}
