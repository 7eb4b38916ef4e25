/*
 * json.c - writes JSON, one object per line.
 *
 * Owns no state but the caller's struct lgr_json. Errors of the stream are left to its owner
 * (lgr_finish). Paths are bytes, JSON is Unicode: a byte that is no part of well-formed UTF-8 is
 * written as the lone surrogate U+DC00 + byte, as Python's "surrogateescape" does, so that
 * os.fsencode(json.loads(line)["path"]) gives the file's name back whatever it is.
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <string.h>

#include "tool.h"

size_t lgr_utf8_length(const unsigned char *s, size_t n)
{
	size_t len;

	if (n == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4) /* continuation bytes, overlong pairs, past U+10FFFF */
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* The second byte decides: overlong (e0, f0), a surrogate (ed), past U+10FFFF (f4). */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return len;
}

static void put_escaped(FILE *out, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\': fprintf(out, "\\%c", c); return;
	case '\n': fputs("\\n", out); return;
	case '\t': fputs("\\t", out); return;
	default: fprintf(out, "\\u%04x", c < 0x80 ? c : 0xdc00u + c);
	}
}

static void put_string(FILE *out, const char *string, size_t n)
{
	const unsigned char *s = (const unsigned char *)string;
	size_t len;

	fputc('"', out);
	for (size_t i = 0; i < n; i += len) {
		len = lgr_utf8_length(s + i, n - i);
		if (len == 0 || s[i] < 0x20 || s[i] == 0x7f || s[i] == '"' || s[i] == '\\') {
			put_escaped(out, s[i]);
			len = 1;
		} else {
			fwrite(s + i, 1, len, out);
		}
	}
	fputc('"', out);
}

static void put_key(struct lgr_json *j, const char *key)
{
	if (j->comma)
		fputc(',', j->out);
	if (key)
		fprintf(j->out, "\"%s\":", key);
	j->comma = true;
}

void lgr_json_begin(struct lgr_json *j, FILE *out)
{
	j->out = out;
	j->comma = false;
	fputc('{', out);
}

void lgr_json_end(struct lgr_json *j)
{
	fputs("}\n", j->out);
}

void lgr_json_bytes(struct lgr_json *j, const char *key, const char *s, size_t n)
{
	put_key(j, key);
	put_string(j->out, s, n);
}

void lgr_json_string(struct lgr_json *j, const char *key, const char *s)
{
	lgr_json_bytes(j, key, s, strlen(s));
}

void lgr_json_number(struct lgr_json *j, const char *key, uint64_t value)
{
	put_key(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void lgr_json_signed(struct lgr_json *j, const char *key, int64_t value)
{
	put_key(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void lgr_json_address(struct lgr_json *j, const char *key, uint64_t value)
{
	put_key(j, key);
	fprintf(j->out, "\"0x%" PRIx64 "\"", value);
}

void lgr_json_bool(struct lgr_json *j, const char *key, bool value)
{
	put_key(j, key);
	fputs(value ? "true" : "false", j->out);
}

void lgr_json_null(struct lgr_json *j, const char *key)
{
	put_key(j, key);
	fputs("null", j->out);
}

void lgr_json_list_begin(struct lgr_json *j, const char *key)
{
	put_key(j, key);
	fputc('[', j->out);
	j->comma = false;
}

void lgr_json_list_item(struct lgr_json *j, const char *s)
{
	if (j->comma)
		fputc(',', j->out);
	put_string(j->out, s, strlen(s));
	j->comma = true;
}

void lgr_json_list_end(struct lgr_json *j)
{
	fputc(']', j->out);
	j->comma = true;
}

void lgr_json_object_begin(struct lgr_json *j, const char *key)
{
	put_key(j, key);
	fputc('{', j->out);
	j->comma = false;
}

void lgr_json_object_end(struct lgr_json *j)
{
	fputc('}', j->out);
	j->comma = true;
}
