/*
 * host.h - what language runtimes report of their heaps. The contract: linger.h.
 *
 * Rank 13 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_HOST_H
#define LGR_HOST_H

#include "base.h"
#include "wire.h"

/*
 * An object is being kept: every host has to report it anew. Returns why it is kept. The caller holds
 * lgr_lock_registry.
 */
enum lgr_reason lgr_host_kept(struct lgr_object *object);

/* Is there any host? Needs no lock. */
bool lgr_host_any(void);

/*
 * Flags with LGR_FL_REAPED what has LGR_FL_PROVEN: what no host, thread, pin, or need of what stays held at
 * the end of the last report, and nothing has pinned since. Reports that end meanwhile leave it alone.
 * Returns whether there is any. The caller holds the loads' lock and lgr_lock_registry.
 */
bool lgr_host_take_proven(void);

#endif
