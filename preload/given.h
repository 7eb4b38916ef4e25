/*
 * given.h - the redirects that the settings ask for.
 *
 * Rank 14 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_GIVEN_H
#define LGR_GIVEN_H

/*
 * Loads the libraries and makes the redirects, once, as soon as the C library is initialised: in the first
 * notice, which is before any other constructor, or in the first dl* call. What fails is logged. The caller
 * holds no lock of linger's; the loader's dlopen is called, and constructors of these libraries run.
 */
void lgr_given(void);

#endif
