/*
 * debugfile.h - where an object's separate debug file is.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_DEBUGFILE_H
#define LGR_DEBUGFILE_H

#include "base.h"
#include "image.h"

/*
 * lgr_debugfile_find - looks where gdb does: /usr/lib/debug/.build-id/xx/yyyy.debug; and, under the name
 * in .gnu_debuglink, beside the file, in .debug/ there, and in /usr/lib/debug/ plus that directory.
 * @path: the object's file, absolute.
 * Writes the path of the one that belongs to it to buffer, and returns it open for reading, or -1. It
 * belongs where it has the same build-id; for an object that has none the caller compares the CRC, and
 * goes on with the next one: *place counts, and begins with 0.
 *
 * The caller is the one thread that archives. Raw system calls.
 */
int lgr_debugfile_find(const struct lgr_image *image, const char *path, char *buffer, size_t size,
		       int *place);

#endif
