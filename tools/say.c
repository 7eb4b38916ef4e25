/*
 * say.c - words for people: sentences on standard error, text that cannot upset a terminal.
 *
 * Owns no state.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "tool.h"
#include "wire.h"

/* Is the character of @n bytes at @s one that acts on a terminal (C0, DEL, C1) or no character? */
static bool is_unsafe(const unsigned char *s, size_t n)
{
	if (n == 0)
		return true;
	if (n == 1)
		return *s < 0x20 || *s == 0x7f;
	return s[0] == 0xc2 && s[1] < 0xa0;
}

void lgr_put_text(FILE *out, const char *string, size_t n)
{
	const unsigned char *s = (const unsigned char *)string;
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		size_t shown = lgr_utf8_length(s + i, n - i);

		len = shown ? shown : 1;
		if (!is_unsafe(s + i, shown)) {
			fwrite(s + i, 1, len, out);
			continue;
		}
		for (size_t k = 0; k < len; k++)
			fprintf(out, "\\x%02x", s[i + k]);
	}
}

void lgr_say(const char *who, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	FILE *memory;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return;
	}
	/* One write, so that sentences of several processes do not mix. */
	memory = open_memstream(&line, &size);
	if (!memory)
		return;
	fprintf(memory, "%s: ", who);
	lgr_put_text(memory, text, (size_t)n);
	fputc('\n', memory);
	if (fclose(memory) == 0)
		fwrite(line, 1, size, stderr);
}

char *lgr_format(const char *format, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&s, format, ap) < 0)
		s = NULL;
	va_end(ap);
	return s;
}

int lgr_finish(const char *who, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	lgr_say(who, "cannot write to standard output: %s", strerror(errno));
	return status ? status : LGR_EXIT_FAILED;
}

void *lgr_grow(void *array, size_t *cap, size_t used, size_t size)
{
	size_t wanted = *cap ? *cap * 2 : 64;
	void *grown;

	if (array && used < *cap)
		return array;
	grown = reallocarray(array, wanted, size);
	if (grown)
		*cap = wanted;
	return grown;
}

static const struct {
	const char *name, *text;
} reasons[] = {
#define X(id, name, text) { name, text },
	LGR_REASONS(X)
#undef X
};

const char *lgr_reason_name(unsigned reason)
{
	return reasons[reason].name;
}

const char *lgr_reason_text(unsigned reason)
{
	return reasons[reason].text;
}
