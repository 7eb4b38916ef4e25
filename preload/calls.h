/*
 * calls.h - calls that the linker bound inside an object, past every slot.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_CALLS_H
#define LGR_CALLS_H

#include "base.h"
#include "wire.h"

/*
 * Every place in the object's code that has the distance to target in it: calls, jumps, addresses taken.
 * (By chance one in 2^32 bytes of code has.) Reads all of the code. Stops when visit returns false.
 * The caller sees to it that the object stays.
 */
void lgr_calls_each(const struct lgr_object *object, uintptr_t target,
		    bool (*visit)(void *arg, uintptr_t at), void *arg);

#endif
