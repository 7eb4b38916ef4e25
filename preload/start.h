/*
 * start.h - how linger starts in a process.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_START_H
#define LGR_START_H

#include "base.h"
#include "region.h"

/*
 * lgr_start - makes linger ready, once; envp as for lgr_environment_read. Any call but the first
 * returns at once, also while the first is under way (in another thread, or below us).
 */
void lgr_start(char **envp);

/*
 * Whether a hook has anything to do. Starts linger when its constructor has not run yet: another
 * library's constructor may call dlopen before. Afterwards lgr_real is filled in, whatever happened.
 */
bool lgr_ready(void);

/* fork.c: what a child of a fork must find right; and the first of the handlers that it registers. */
int lgr_fork_register(void);
void lgr_fork_before(void);

#endif
