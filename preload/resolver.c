/*
 * resolver.c - resolvers that stand in for those of redirected IFUNCs. See resolver.h.
 *
 * Owns: which are taken, and what each says. Guard: lgr_lock_registry; the loader calls them at any time,
 * one that was given back, too, a moment later, so it goes on saying what it said.
 * SPDX-License-Identifier: MIT
 */
#include "resolver.h"

/* resolver_<machine>.S: code of 16 bytes each, which returns the word of its number. */
extern const char lgr_resolver_code[LGR_RESOLVERS][16];
extern uintptr_t lgr_resolver_says[LGR_RESOLVERS];

uintptr_t lgr_resolver_says[LGR_RESOLVERS] LGR_BIG;
static bool taken[LGR_RESOLVERS];
static uint32_t next;

uint32_t lgr_resolver_get(void)
{
	for (uint32_t i = 0; i < LGR_RESOLVERS; i++) {
		uint32_t at = (next + i) % LGR_RESOLVERS;

		if (taken[at])
			continue;
		taken[at] = true;
		next = at + 1;
		return at + 1;
	}
	return 0;
}

void lgr_resolver_put(uint32_t stub)
{
	if (stub)
		taken[stub - 1] = false;
}

uintptr_t lgr_resolver(uint32_t i, uintptr_t target)
{
	__atomic_store_n(&lgr_resolver_says[i], target, __ATOMIC_RELEASE);
	return (uintptr_t)lgr_resolver_code[i];
}
