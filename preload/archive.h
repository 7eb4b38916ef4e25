/*
 * archive.h - private, content-addressed copies of loaded files, so that names, lines and unwind data are
 * found whatever becomes of the file.
 *
 * What lies outside the system's library directories is archived: the file that a dlopen names before the
 * loader opens it, everything else when it is noticed, before its constructors; and what is loaded at
 * start. What it takes of a call is bounded (50 ms): what is not done by then is not archived, and the
 * log says so. One thread at a time archives, and no other one waits for it: it finds what the others
 * have left. A directory that cannot be written switches the archive off.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_ARCHIVE_H
#define LGR_ARCHIVE_H

#include "base.h"
#include "wire.h"

/* At start, behind the first look: the settings, the directory, what is loaded already. */
void lgr_archive_start(void);

/*
 * Archives and lists what was taken in since. The caller holds no lock of ours; nothing is done where
 * nothing is new.
 * @call: a call of the program begins, and with it the time for it; else it goes on.
 */
void lgr_archive_look(bool call);

/* The same when the process exits; a forked child that has said nothing yet goes without. */
void lgr_archive_end(void);

/*
 * In the hooks of dlopen and dlmopen: archives what is about to be opened. Returns what the loader is to
 * open: file itself, but in archive_mode:open where replaces. mode: dlopen's. Same conditions.
 */
const char *lgr_archive_before_open(const char *file, int mode, bool replaces);

/* The object's pages are another file's now; the object is gone. The caller holds lgr_lock_registry. */
void lgr_archive_moved(const struct lgr_object *object);
void lgr_archive_gone(struct lgr_object *object);

/*
 * lgr_archive_copy - opens the copy of the object's file, under the file's name; negative: there is none.
 * lgr_archive_is_copy - is this the path of a copy? One that nobody changes: a hard link changes with the
 * file. The caller holds lgr_lock_registry.
 */
int lgr_archive_copy(const struct lgr_object *object);
bool lgr_archive_is_copy(const char *path);

/* In the child of a fork, under no lock: it has a manifest of its own from its next event on. */
void lgr_archive_forked(void);

#endif
