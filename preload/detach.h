/*
 * detach.h - making a kept object independent of its file.
 *
 * A file that is overwritten in place changes, or takes away, the pages of whoever has it mapped,
 * private copies included (mmap(2), "SIGBUS"; truncate drops them). Once the program has closed a
 * library, overwriting its file is its good right; so a kept object's pages are replaced, each
 * mapping at once, by those of the archive's copy of the file, whose name profilers find in the maps, or
 * else of a private copy in memory (memfd_create(2)).
 *
 * Left as they are: files in the system's library directories (package managers replace by renaming), the
 * archive's own, and files above 64 MiB that are in no archive.
 *
 * All of these: the caller holds the loads' lock (loader.h) and lgr_lock_registry.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_DETACH_H
#define LGR_DETACH_H

#include "base.h"
#include "wire.h"

/*
 * In the object's notice, before any code of it runs: where there are other threads, which may write into
 * its data later in the very moment of its replacement, the data goes to memory of its own now.
 */
void lgr_detach_data(struct lgr_object *object);

/*
 * Detaches the object, if its file may be overwritten. Where that fails it stays as it is, and the log
 * says so. A thread that runs in the object notices nothing. Only if it was loaded when there was one
 * thread, and is kept when there are several, what another one writes into its data within the
 * microsecond of its replacement may be lost.
 */
void lgr_detach(struct lgr_object *object);

/*
 * Back to the file where it is unchanged, so that profilers that are started now find its name in the
 * maps; the data stays in memory of its own.
 */
void lgr_attach(struct lgr_object *object);

/* Is the descriptor of the copy still there? It is not where there are too many, or it was closed. */
bool lgr_has_copy(struct lgr_object *object);

/* Lets go of the copy, of which the mappings, if any, have their share. */
void lgr_detach_forget(struct lgr_object *object);

/*
 * lgr_file_changed - whether the object's file is not any more what was loaded.
 * SAME: it is. REPLACED: its path leads to another file, or nowhere. REWRITTEN: it leads to the same
 * file, with other bytes.
 */
enum lgr_change { LGR_SAME, LGR_REPLACED, LGR_REWRITTEN };
enum lgr_change lgr_file_changed(struct lgr_object *object);

#endif
