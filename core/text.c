/*
 * text.c - bytes and strings without a C library. See text.h.
 *
 * Owns nothing. Callable from anywhere.
 * SPDX-License-Identifier: MIT
 */
#include "text.h"

/* Eight bytes, wherever they are: whole pages are copied and compared here. */
typedef uint64_t __attribute__((aligned(1), may_alias)) word;

void lgr_copy(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	for (; n >= sizeof(word); n -= sizeof(word), t += sizeof(word), f += sizeof(word))
		*(word *)t = *(const word *)f;
	while (n--)
		*t++ = *f++;
}

void lgr_zero(void *to, size_t n)
{
	unsigned char *t = to;

	for (; n >= 4 * sizeof(word); n -= 4 * sizeof(word), t += 4 * sizeof(word))
		((word *)t)[0] = ((word *)t)[1] = ((word *)t)[2] = ((word *)t)[3] = 0;
	for (; n >= sizeof(word); n -= sizeof(word), t += sizeof(word))
		*(word *)t = 0;
	while (n--)
		*t++ = 0;
}

bool lgr_same(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n >= sizeof(word); n -= sizeof(word), x += sizeof(word), y += sizeof(word))
		if (*(const word *)x != *(const word *)y)
			return false;
	while (n--)
		if (*x++ != *y++)
			return false;
	return true;
}

size_t lgr_len(const char *s)
{
	const char *e = s;

	while (*e)
		e++;
	return (size_t)(e - s);
}

bool lgr_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const char *lgr_first(const char *s, char c)
{
	for (; *s; s++)
		if (*s == c)
			return s;
	return NULL;
}

const char *lgr_last(const char *s, char c)
{
	const char *last = NULL;

	for (; *s; s++)
		if (*s == c)
			last = s;
	return last;
}

/* Only the last star is ever gone back to: what came before it fits as it is. */
bool lgr_glob(const char *pattern, const char *s)
{
	const char *star = NULL, *from = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = ++pattern;
			from = s;
		} else if (*pattern && (*pattern == '?' || *pattern == *s)) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star;
			s = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

const char *lgr_after(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return NULL;
	return s;
}

void lgr_text_init(struct lgr_text *t, char *buffer, size_t size)
{
	*t = (struct lgr_text){ .at = buffer, .size = size };
	buffer[0] = '\0';
}

void lgr_text_add_n(struct lgr_text *t, const char *s, size_t n)
{
	size_t room = t->size - 1 - t->len;

	if (n > room) {
		n = room;
		t->cut = true;
	}
	lgr_copy(t->at + t->len, s, n);
	t->len += n;
	t->at[t->len] = '\0';
}

void lgr_text_add(struct lgr_text *t, const char *s)
{
	lgr_text_add_n(t, s, lgr_len(s));
}

static void add_in_base(struct lgr_text *t, uint64_t n, uint64_t base)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = "0123456789abcdef"[n % base];
	while (n /= base);
	lgr_text_add_n(t, digits + i, sizeof(digits) - i);
}

void lgr_text_add_hex(struct lgr_text *t, uint64_t n)
{
	add_in_base(t, n, 16);
}

void lgr_text_add_number(struct lgr_text *t, uint64_t n)
{
	add_in_base(t, n, 10);
}

void lgr_text_add_bytes(struct lgr_text *t, const void *bytes, size_t n)
{
	for (const uint8_t *b = bytes; n--; b++) {
		if (*b < 16)
			lgr_text_add(t, "0");
		lgr_text_add_hex(t, *b);
	}
}

bool lgr_number(const char **s, uint64_t *ret)
{
	const char *p = *s;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	*s = p;
	*ret = n;
	return true;
}

uint64_t lgr_hex(const char **s)
{
	uint64_t n = 0;

	for (;; ++*s) {
		char c = **s;

		if (c >= '0' && c <= '9')
			n = n * 16 + (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			n = n * 16 + (uint64_t)(c - 'a') + 10;
		else
			return n;
	}
}
