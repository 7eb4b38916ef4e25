/*
 * probe.h - fields that show only when something happens to them.
 *
 * Between fields.c and probe.c; everybody else includes fields.h.
 *
 * Rank 10 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_PROBE_H
#define LGR_PROBE_H

#include "fields.h"

/* Stores the offset of a field; 0: not found, which is logged. */
void lgr_fields_publish(enum lgr_field field, uint32_t offset);

/* The one offset at which fits says yes, 0: none, or several. */
uint32_t lgr_fields_only(bool (*fits)(uint32_t offset, const void *arg), const void *arg);

/* At start: remembers which bits all the objects of the start have in common. */
void lgr_probe_remember(void);

#endif
