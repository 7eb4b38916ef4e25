/*
 * log.h - the event log: one mapped file per process, FILE.PID. Layout: wire.h.
 *
 * What it survives: SIGKILL and crashes of the program (the records are in the file's pages), a
 * full disk (blocks are allocated before they are touched, since a store into an unallocated page
 * would be a SIGBUS in the host), fork (a child that has something to say begins its own file),
 * exec (the new program begins a new file; the old one's is kept as FILE.PID.1, .2, ...).
 * What it does not: somebody truncating the file while the program runs.
 *
 * Rank 3: may include wire.h, base.h, sys.h, text.h, lock.h, region.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_LOG_H
#define LGR_LOG_H

#include "base.h"
#include "wire.h"

struct lgr_log_setup {
	const char *file;     /* absolute, without .PID; must live for ever */
	uint64_t size;	      /* of the file at most, in bytes */
	const char *settings; /* for the start record; may be NULL */
	const char *libc;     /* same */
};

/*
 * lgr_log_open - begins the log of this process. Once, at start, before other threads log.
 * Returns 0 or a negative errno: then nothing is logged, and lgr_log_write does nothing.
 */
int lgr_log_open(const struct lgr_log_setup *setup);

struct lgr_log_entry {
	enum lgr_event event;
	enum lgr_reason reason;
	uint64_t id, arg;
	const char *path; /* may be NULL */
};

/*
 * lgr_log_write - appends one record. Does nothing when there is no log.
 * MT-safe, async-signal-safe. Does not block, but for the rare call that has to allocate the next
 * piece of the file or to begin a forked child's file.
 */
void lgr_log_write(const struct lgr_log_entry *entry);

/* Visits all memory of the log: files of this process and of its last ancestors, and a page. */
void lgr_log_each(void (*visit)(void *arg, uintptr_t lo, uintptr_t hi), void *arg);

/* Whether records go anywhere: a caller may spare itself the work of making one. */
bool lgr_log_is_on(void);

/*
 * The program's path as the start record has it; "" without a log: finding it costs 30 us of a
 * program's start, and readers outside have /proc/PID/exe.
 */
const char *lgr_log_exe(void);

/* Counts a failure of a part of linger and logs it; detail may be NULL. MT-safe, AS-safe. */
void lgr_log_error(enum lgr_reason reason, const char *detail);

/* In the child of a fork: the parent's file is let go; the next record begins the child's own. */
void lgr_log_forked(void);

#endif
