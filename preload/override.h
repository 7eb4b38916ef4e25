/*
 * override.h - the newest definition wins (`override:GLOB`).
 *
 * What the loader binds a name to is the first definition in the order of loading. A read-eval-print loop
 * wants the last one: so each symbol that a newly opened library defines, and an earlier one, too, is
 * redirected to it, until the library is closed. Among what one dlopen brings the loader's order stays: a library
 * may wrap what its own dependency defines.
 *
 * The caller holds the loads' lock (loader.h) and lgr_lock_registry.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_OVERRIDE_H
#define LGR_OVERRIDE_H

#include "base.h"
#include "wire.h"

/* Does the setting ask for it, and can it be had? Needs no lock. */
bool lgr_override_is_on(void);

/*
 * A new object, or one that was opened again: its redirects are on the list of the next pass. before: the id of the
 * first object that came with it. Of these the last is to be seen to first.
 */
void lgr_override(struct lgr_object *object, uint64_t before);

#endif
