/*
 * loader.h - the loader's two locks, found by value.
 *
 * The list's (glibc's dl_load_write_lock) is taken without ever waiting: whoever iterates over the
 * objects holds it, a callback of the program included, which may wait for the very thread that is in
 * a hook of ours. dl_iterate_phdr would wait for it; so the lock is found at start, and tried.
 *
 * The loads' (glibc's dl_load_lock) is held by whoever loads or unloads, constructors and destructors
 * included. A hook of dlopen or dlclose may wait for it: the real function does nothing else first
 * (elf/dl-open.c, elf/dl-close.c). With it the list does not change, and the loader's structures may
 * be written.
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
 * In the hooks of dlopen, dlmopen and dlclose: finds the loads' lock, which stands before the list's
 * in _rtld_global (sysdeps/generic/ldsodefs.h, 2.35 to 2.42), and makes sure that it is the one: it is
 * what dladdr takes. Where another thread has it, the next call tries again.
 */
void lgr_loads_find_lock(void);

/*
 * The same for who may wait: behind a dladdr the lock is mostly free. Where other threads load and unload all
 * the time it may still not be found, and the next call tries again.
 */
void lgr_loads_seek_lock(void);

/* Waits for it. Returns how often this thread has it then: 1 outside of any load; 0: not known. */
uint32_t lgr_loads_lock(void);
uint32_t lgr_loads_try(void); /* the same without waiting; also 0: another thread has it */
void lgr_loads_unlock(void);
uint32_t lgr_loads_depth(void); /* for who has it: how often */

/*
 * In the child of a fork: frees the lock if a look of ours held it, in a thread that is gone. glibc
 * renews its other lock there, but not this one (posix/fork.c).
 */
void lgr_loader_forked(void);

#endif
