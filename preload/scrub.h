/*
 * scrub.h - scrub:on: what the program frees is cleared first, so that nothing in it leads anywhere.
 *
 * For programs whose memory is reused late. Each object's slot of free(3) is pointed at us, where it led,
 * or would lead, to the program's own; free called through a pointer from dlsym is not seen, nor what
 * realloc leaves behind. Costs what clearing costs.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_SCRUB_H
#define LGR_SCRUB_H

#include "registry.h"

/* Settles one object of the base namespace, which is relocated; nothing unless the setting asks for it.
 * The caller holds lgr_lock_registry. */
void lgr_scrub_settle(const struct lgr_load *load);

#endif
