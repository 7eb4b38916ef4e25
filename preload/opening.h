/*
 * opening.h - archive_mode:open: the loader gets the archived copy in place of the file.
 *
 * What is loaded then stays what it is whatever becomes of the file, and every tool opens the right bytes by
 * the path it finds in the maps. The program sees the archive's path in dladdr(3).
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_OPENING_H
#define LGR_OPENING_H

#include "base.h"
#include "store.h"

/*
 * lgr_opening_path - the copy's path for a dlopen of the file, or NULL: the file itself is to be opened.
 * That is where the copy would not be the same to the program: where what the file needs is found by
 * where it lies ($ORIGIN), where the file is loaded already from its own place, where the copy is
 * loaded already for another file of the same content; and where nothing can be loaded from the
 * archive (noexec), which is logged once.
 * @path: absolute. @name: what the copy is called. @loads: false: only what is loaded is asked for
 * (RTLD_NOLOAD). The result lives for ever. The caller is the one thread that archives, with no lock.
 */
const char *lgr_opening_path(const char *path, const char *name, const struct lgr_identity *file,
			     const struct lgr_key *key, bool loads);

/*
 * The path of the file whose copy this is, and its key; where it is a copy and that is not known any
 * more, path itself; NULL: it is no copy.
 */
const char *lgr_opening_original(const char *path, char ret_key[LGR_KEY_MAX]);

#endif
