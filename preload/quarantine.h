/*
 * quarantine.h - addresses of what was unloaded are not used again soon.
 *
 * The kernel puts the next library where the last one was. What the last one left behind in freed memory,
 * the loader's own records of it first of all, would then point into the new one, and keep it. So the
 * range stays reserved for a while, without access: whoever still uses it crashes as before.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_QUARANTINE_H
#define LGR_QUARANTINE_H

#include "base.h"
#include "wire.h"

/*
 * The object has gone: reserves its range, if nobody has it already. The oldest ranges are given back
 * when there are too many. The caller holds lgr_lock_registry.
 */
void lgr_quarantine(const struct lgr_object *object);

#endif
