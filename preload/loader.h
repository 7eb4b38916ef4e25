/*
 * loader.h - the lock of the loader's list (glibc's dl_load_write_lock), taken without ever waiting.
 *
 * Whoever iterates over the objects holds it, a callback of the program included, which may wait for
 * the very thread that is in a hook of ours. dl_iterate_phdr would wait for it; so the lock is found
 * by value at start, and tried.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_LOADER_H
#define LGR_LOADER_H

#include "base.h"

/* At start: finds the lock in ld.so's _rtld_global, as what one dl_iterate_phdr takes. Logs if not. */
void lgr_loader_find_lock(void);

/*
 * Takes the lock if it is free or this thread's already. False: it is not to be had now, or not known.
 * Async-signal-safe as far as dl_iterate_phdr is.
 */
bool lgr_loader_try(void);
void lgr_loader_unlock(void);

/*
 * In the child of a fork: frees the lock if a look of ours held it, in a thread that is gone. glibc
 * renews its other lock there, but not this one (posix/fork.c).
 */
void lgr_loader_forked(void);

#endif
