/*
 * text.h - bytes and strings without a C library.
 *
 * A preload may be called before the C library is ready, and sanitizers interpose even memcpy, so
 * nothing here calls anything. All functions are pure: MT-safe and async-signal-safe.
 *
 * Rank 1: may include base.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_TEXT_H
#define LGR_TEXT_H

#include "base.h"

void lgr_copy(void *to, const void *from, size_t n);
void lgr_zero(void *to, size_t n);
bool lgr_same(const void *a, const void *b, size_t n);
size_t lgr_len(const char *s);
bool lgr_equal(const char *a, const char *b);

/* The first c in s, or NULL. lgr_last: the last one. */
const char *lgr_first(const char *s, char c);
const char *lgr_last(const char *s, char c);

/* Does all of s fit a pattern, in which * stands for anything and ? for one character? */
bool lgr_glob(const char *pattern, const char *s);

/* What stands behind prefix in s, or NULL when s does not begin with it. */
const char *lgr_after(const char *s, const char *prefix);

/*
 * struct lgr_text - a text being built in the caller's buffer; always NUL-terminated.
 * What does not fit is cut, and cut is set.
 */
struct lgr_text {
	char *at;
	size_t size; /* of the buffer, with the NUL */
	size_t len;
	bool cut;
};

void lgr_text_init(struct lgr_text *t, char *buffer, size_t size);
void lgr_text_add(struct lgr_text *t, const char *s);
void lgr_text_add_n(struct lgr_text *t, const char *s, size_t n);
void lgr_text_add_number(struct lgr_text *t, uint64_t n);
void lgr_text_add_hex(struct lgr_text *t, uint64_t n);			  /* lower case */
void lgr_text_add_bytes(struct lgr_text *t, const void *bytes, size_t n); /* two digits each */

/*
 * Reads a decimal number and moves *s behind it. Returns false, with *s unmoved, when there is no
 * digit or the number does not fit.
 */
bool lgr_number(const char **s, uint64_t *ret);

/* Reads hexadecimal digits (lower case) as far as there are, and moves *s behind them. */
uint64_t lgr_hex(const char **s);

#endif
