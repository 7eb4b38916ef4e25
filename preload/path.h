/*
 * path.h - absolute names.
 *
 * Rank 10 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_PATH_H
#define LGR_PATH_H

#include "text.h"

/*
 * lgr_path_absolute - writes the absolute form of name to buffer: behind the working directory if it
 * is relative, without its leading "./"; links are left alone.
 * Returns false, with buffer worth nothing, when that has no name (it was removed, or is outside the
 * root) or the whole does not fit. Leaves errno alone; async-signal-safe.
 */
bool lgr_path_absolute(const char *name, char *buffer, size_t size);

/*
 * Is it in one of the system's library directories? What is there comes from packages, which replace by
 * renaming. A path that leads up again is not: its beginning says nothing.
 */
bool lgr_path_is_systems(const char *path);

/* What stands behind the last slash. */
const char *lgr_path_base(const char *path);

#endif
