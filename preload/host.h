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

/*
 * Flags with LGR_FL_PROVEN, of what is kept, all that the hosts, the pins, the needs of what stays and the
 * threads' stacks let go, under policy:host. Returns whether there is anything.
 * @frame: as for lgr_stacks_look. The caller holds the loads' lock and lgr_lock_registry.
 */
bool lgr_host_prove(const void *frame);

#endif
