/*
 * resolver.h - resolvers that stand in for those of redirected IFUNCs.
 *
 * The type of a symbol and its value cannot be changed at once, so an IFUNC stays one, and its value leads
 * to a resolver here, which returns the replacement. There is a fixed number of them, in linger's own code:
 * nothing executable is made at run time.
 *
 * The caller holds lgr_lock_registry.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_RESOLVER_H
#define LGR_RESOLVER_H

/* How many there are, for resolver_<machine>.S too. */
#define LGR_RESOLVERS 256

#ifndef __ASSEMBLER__
#include "base.h"

/* One that nobody uses, + 1; 0: there is none. The last one given back is given out again last. */
uint32_t lgr_resolver_get(void);
void lgr_resolver_put(uint32_t stub);

/* Makes it say target; its address. */
uintptr_t lgr_resolver(uint32_t i, uintptr_t target);
#endif

#endif
