/*
 * store.h - the archive's directory: files by their content.
 *
 *   DIR/.build-id/xx/yyyy -> ../../objects/KEY	where profilers look (perf's build-id cache)
 *   DIR/objects/KEY/{elf,debug,NAME}		made in DIR/tmp, and renamed when complete
 *   DIR/manifest/PID.START_NS			manifest.h
 *   DIR/known					which file had which key: a table of fixed size
 *   DIR/used					the archive's size, and the lock of who removes (trim.h)
 *
 * Any number of processes may be at work. Nobody waits: who comes second finds the name taken, and drops
 * his own copy, which is the same.
 *
 * All of these: the caller is the one thread that archives (archive.c), with no lock. Raw system calls.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_STORE_H
#define LGR_STORE_H

#include <sys/stat.h>

#include "base.h"
#include "image.h"

#define LGR_STORE_DIR 3072u /* the longest DIR, with its NUL */
#define LGR_STORE_PATH 4096u
#define LGR_KEY_MAX 112u /* BUILDID-CONTENT in hex, and a NUL */

/* Under which name a file is archived. */
struct lgr_key {
	char text[LGR_KEY_MAX]; /* "": it is not */
	uint64_t relative;	/* 1: what it needs is found by where it lies ($ORIGIN) */
};

extern char lgr_store_dir[LGR_STORE_DIR];

/*
 * Makes what is missing of the directory. 0 or a negative errno; -EPERM where somebody else could write
 * there: what is loaded from it, or read, must be the user's own.
 */
int lgr_store_open(const char *dir);

/* Writes DIR/abc to buffer. c may be NULL. Returns buffer. */
char *lgr_store_path(char buffer[LGR_STORE_PATH], const char *a, const char *b, const char *c);

/*
 * Opens a file in DIR for writing; close-on-exec. Never as standard input, output or error, which a
 * program may have closed and write to all the same. Returns a descriptor or a negative errno.
 */
int lgr_store_write(const char *path, int flags, unsigned mode);

/* How a file is known again without reading it. */
struct lgr_identity {
	uint64_t dev, ino, size;
	uint64_t changed_ns; /* mtime or ctime, the later one */
};
struct lgr_identity lgr_store_identity(const struct stat *st);

/*
 * The key under which the very same file was archived before, if that is there still.
 * @fresh: an answer about a file that was written so lately that it may have changed since, without its
 * times telling, will do: it has just been archived for this load.
 */
bool lgr_store_find(const struct lgr_identity *file, bool fresh, struct lgr_key *ret);

/* The same for a file that cannot be had any more, but was archived by this process before it was loaded. */
bool lgr_store_recall(uint64_t dev, uint64_t ino, struct lgr_key *ret);

/* Is the copy there, and whole? After a power failure it may be empty. */
bool lgr_store_has(const char *key, uint64_t size);

/*
 * Where no build-id link leads to the key's object, makes one. replace: takes the place of one that is
 * there; a name behind DIR that nobody has, for the time being. Else NULL.
 */
void lgr_store_link(const char *key, const char *replace);

/* Gives the copy in FOLDER and KEY, behind DIR, one more name. */
void lgr_store_name(const char *folder, const char *key, const char *name);

/* Removes a folder behind DIR, with the files in it; returns how many bytes they had. */
uint64_t lgr_store_empty(const char *folder);

/* Removes what is archived under the key; returns how many bytes it had. */
uint64_t lgr_store_remove(const char *key);

/* The name of the build-id link of a key, behind DIR: ".build-id/xx/yyyy". */
void lgr_store_link_name(const char *key, char *buffer, size_t size);

#endif
