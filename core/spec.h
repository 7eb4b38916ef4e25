/*
 * spec.h - the text of one redirect, SYM[@VER]=LIB[#SYM][;in=GLOB].
 *
 * Used by the shim, and by `linger run`, which judges it before it starts anything. Pure: MT-safe and
 * async-signal-safe.
 *
 * Rank 2: may include base.h, text.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_SPEC_H
#define LGR_SPEC_H

#include "base.h"

#define LGR_REDIRECT_FORM "SYM[@VER]=LIB[#SYM][;in=GLOB]"

/* All in the text that was parsed. In it `\` stands before any of , ; \ = # @ that means itself. */
struct lgr_redirect_spec {
	const char *symbol;	 /* without its version; never "" */
	const char *version;	 /* NULL: none was given; SYM@@VER is SYM@VER */
	const char *library;	 /* a path, or a name that the loader searches for; never "" */
	const char *replacement; /* in library; symbol itself where no #SYM is given */
	const char *callers;	 /* their paths, * is anything, ? one character; NULL: all */
};

/* Can it be parsed? */
bool lgr_redirect_valid(const char *spec);

/* Cuts spec, NUL-terminated, into its parts. False, with spec and *ret untouched: it is malformed. */
bool lgr_redirect_parse(char *spec, struct lgr_redirect_spec *ret);

#endif
