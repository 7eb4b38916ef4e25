/*
 * valgrind.h - does valgrind run the process? It sees what a look reads, memory that was freed among it, and
 * would fill the screen with errors; and it knows no clone(2) of ours.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_VALGRIND_H
#define LGR_VALGRIND_H

#include "base.h"

/* The caller holds lgr_lock_registry, in which what was loaded at the start is by then. */
bool lgr_in_valgrind(void);

#endif
