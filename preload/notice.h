/*
 * notice.h - hearing of objects that come and go.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_NOTICE_H
#define LGR_NOTICE_H

#include <stdatomic.h>

#include "base.h"

/*
 * lgr_look - brings the registry up to date with the loader's list.
 *
 * Cheap when nothing changed (one dl_iterate_phdr that stops at its first object). Never waits: while
 * another thread is inside the list, in dl_iterate_phdr for one, it is left to the next look.
 * Returns whether it looked.
 */
bool lgr_look(void);

/*
 * The same, but only if an object is known to be about to leave. Before a fork: otherwise parent and
 * child would both find it gone, and log it.
 */
void lgr_look_if_closing(void);

/* The first look, at start: whatever is loaded now was loaded before main. */
void lgr_look_first(void);

/*
 * The same for whoever has the loads' lock (loader.h), under which the list stays as it is: what the
 * registry then has is what there is. False: a signal handler inside our own code.
 */
bool lgr_look_in_load(void);

/*
 * An object's _init runs: the objects of its load are mapped and relocated, no constructor ran. What
 * the program is loading is held from here on (hold.h); what libc loads for itself is marked so.
 */
void lgr_notice(const void *caller);

/* An object's destructors have run to their end; unmapping is next, unless the process exits. */
void lgr_finishing(const void *inside);

/* The process exits: the loader has lent every object a handle, and runs destructors to the end. */
bool lgr_exiting(void);

/*
 * Loads that may have begun and are not in the registry yet. Each thread counts for one at most,
 * from its dlopen to its next notice or dl* call: dlopen has no end that we see.
 */
extern _Atomic uint32_t lgr_loads_pending;
/* frame: where the program's return address is; on aarch64, its stack pointer. global: RTLD_GLOBAL. */
void lgr_load_begins(const uintptr_t *frame, bool global);
void lgr_load_seen(void);
bool lgr_load_pending(void); /* this thread's last load may not be in the registry yet */
bool lgr_load_unused(void); /* this thread has opened something, and not asked for a symbol since */
void lgr_loads_forked(void);

#endif
