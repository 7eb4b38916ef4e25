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

/* An object's _init runs: the objects of its load are mapped and relocated, no constructor ran. */
void lgr_notice(const void *caller);

/* An object's destructors have run to their end; unmapping is next, unless the process exits. */
void lgr_finishing(const void *inside);

/*
 * Loads that may have begun and are not in the registry yet. Each thread counts for one at most,
 * from its dlopen to its next notice or dl* call: dlopen has no end that we see.
 */
extern _Atomic uint32_t lgr_loads_pending;
void lgr_load_begins(bool announced); /* false: by dlmopen, whose objects announce nothing */
void lgr_load_seen(void);
bool lgr_load_unannounced(void); /* this thread's last load was, and nobody has looked since */
void lgr_loads_forked(void);

#endif
