/*
 * addresses.h - names of addresses, of functions whose definition is redirected.
 *
 * Rank 14 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_ADDRESSES_H
#define LGR_ADDRESSES_H

#include "base.h"

struct lgr_called {
	const char *object; /* its path, as dladdr says it */
	const char *name;
	uintptr_t address;
};

/*
 * The redirected definition that the address is in. False: it is in none, or in a symbol that begins behind
 * it (at or above `above`). Takes a leaf lock. Strings live as long as the object.
 */
bool lgr_address_find(uintptr_t address, uintptr_t above, struct lgr_called *ret);

#endif
