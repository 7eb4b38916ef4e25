/*
 * filter.h - may a look make its system calls? A system-call filter (seccomp(2)) may kill who makes one.
 *
 * Container runtimes and service managers give filters to all they start; most refuse with an error. So
 * what was there at the start is tried out, in a forked child that alone would be killed. A filter that
 * the program has installed for itself is a sandbox, in which nothing is tried at all.
 *
 * Rank 10 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_FILTER_H
#define LGR_FILTER_H

#include "base.h"

/* At start: how many filters there are already. */
void lgr_filter_find(void);

/* Has the program installed one of its own since? The caller holds lgr_lock_registry. */
bool lgr_filter_is_new(void);

/* False: a look might be the process's end. The caller holds lgr_lock_registry. */
bool lgr_filter_allows(void);

#endif
