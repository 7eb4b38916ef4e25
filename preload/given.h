/*
 * given.h - the redirects that the settings ask for.
 *
 * Rank 14 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_GIVEN_H
#define LGR_GIVEN_H

#include "text.h"

/*
 * Loads the libraries and makes the redirects, once, as soon as the C library is initialised: in the first
 * notice, which is before any other constructor, or in the first dl* call. What fails is logged. The caller
 * holds no lock of linger's; the loader's dlopen is called, and constructors of these libraries run.
 */
void lgr_given(void);

/*
 * lgr_given_make - loads the library, and makes one redirect, of which no program has a handle.
 * @text: as spec.h has it; cut up. @why: gets one sentence on failure, or
 * where nothing defines the symbol yet; empty before.
 * Returns its number, or 0. The same holds for the caller; dlerror's state is lost.
 */
uint64_t lgr_given_make(char *text, struct lgr_text *why);

#endif
