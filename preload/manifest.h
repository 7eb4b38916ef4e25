/*
 * manifest.h - what was loaded where and when, for those who look at a recording later.
 *
 * One text file for each process, DIR/manifest/PID.START_NS, to which whole lines are added:
 *
 *	linger-manifest 1 PID START_NS REALTIME_NS EXE
 *	open    TIME_NS ID LO-HI MAJOR:MINOR:INO BUILDID KEY PATH
 *	map     TIME_NS ID LO-HI MAJOR:MINOR:INO	its pages are another file's from now on
 *	unload  TIME_NS ID
 *
 * Times are CLOCK_MONOTONIC. START_NS is linger's start; of a forked child, the fork. LO, HI, BUILDID and
 * KEY are hexadecimal. MAJOR:MINOR:INO are those of /proc/PID/maps and of perf, which stat(2) does not
 * always give. KEY is - for what is not archived. In PATH, which is the last, newline and backslash are
 * \012 and \134.
 *
 * No descriptor is kept: a program that closes all there are would close it. Raw system calls.
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_MANIFEST_H
#define LGR_MANIFEST_H

#include "base.h"

struct lgr_manifest_object {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t id, lo, hi;
	uint32_t major, minor;
	uint64_t inode;
	const uint8_t *build_id;
	uint32_t build_id_len; /* 0: none; then that of the key stands for it */
	const char *key;       /* "": not archived */
	const char *path;
};

/*
 * Begins this process's file. The caller is the one thread that archives. 0 or a negative errno. From
 * then on each of the others adds a line; they fail in the same way. MT-safe.
 */
int lgr_manifest_begin(uint32_t pid, uint64_t start_ns, const char *exe);
bool lgr_manifest_begun(void);
int lgr_manifest_open(const struct lgr_manifest_object *object); /* the one thread that archives */
int lgr_manifest_map(const struct lgr_manifest_object *object);
int lgr_manifest_unload(uint64_t time_ns, uint64_t id);

/* In a forked child: what was begun is the parent's. */
void lgr_manifest_forget(void);

#endif
