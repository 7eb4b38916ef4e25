/*
 * door.h - the entry of a function that was compiled to be redirected there.
 *
 * -fpatchable-function-entry=N[,M] leaves N bytes of nops at a function's entry, M of them before it. They
 * have room for a jump, which every call passes, also one that the linker bound inside the object, or a
 * pointer that the program has stored. The other threads are stopped while it is written, and none is
 * between the nops then; the page is never writable and executable at once.
 *
 * The caller holds lgr_lock_registry.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_DOOR_H
#define LGR_DOOR_H

#include "base.h"
#include "wire.h"

#define LGR_DOOR_JUMP 14 /* bytes of the longest jump */

struct lgr_door {
	struct lgr_door *next;
	struct lgr_site *sites; /* the names of the function that lead here (site.h) */
	uintptr_t function;
	uintptr_t at;	       /* the first nop behind the function's beginning */
	uint32_t nops, before; /* bytes of them there, and before the function */
	uintptr_t beyond;      /* where the function goes on: it can be called there */
	uintptr_t target;      /* where the jump leads now; 0: there is none */
	uint8_t was[LGR_DOOR_JUMP], was_before[LGR_DOOR_JUMP];
};

/*
 * The one door that the function has, whatever its names. NULL: there are no nops, or not enough for a jump of any
 * kind, or there is no memory. lgr_door_free when no site has it any more, and its target is 0 or its code gone.
 */
struct lgr_door *lgr_door_of(uintptr_t function);
void lgr_door_free(struct lgr_door *door);

/* Has the function one, or would it have, from where a jump can reach target? */
bool lgr_door_fits(uintptr_t function, uintptr_t target);

/* Can a jump there reach target? */
bool lgr_door_reaches(const struct lgr_door *door, uintptr_t target);

/* Does the kernel let what was written be executed? */
bool lgr_door_opens(void);

/* Makes it lead to target; 0: as it was. False: the threads could not be stopped, or the page not be written. */
bool lgr_door_set(struct lgr_door *door, uintptr_t target);

#endif
