/*
 * test_json.c - the JSON writer of the command: every byte a path can hold survives.
 *
 * Includes the file under test, which is part of the command and not of core.
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/json.c"

/* What `write` puts on its one line, with key "k". */
static char *line_of(const char *s, size_t n)
{
	char *line = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&line, &size);
	struct lgr_json j;

	assert_non_null(out);
	lgr_json_begin(&j, out);
	lgr_json_bytes(&j, "k", s, n);
	lgr_json_end(&j);
	assert_int_equal(fclose(out), 0);
	return line;
}

static void assert_written(const char *s, size_t n, const char *wanted)
{
	char *line = line_of(s, n), *want = NULL;

	assert_true(asprintf(&want, "{\"k\":\"%s\"}\n", wanted) > 0);
	assert_string_equal(line, want);
	free(line);
	free(want);
}
#define WRITTEN(literal, wanted) assert_written(literal, sizeof(literal) - 1, wanted)

static void plain_text_is_left_alone(void **state)
{
	WRITTEN("", "");
	WRITTEN("/usr/lib/libz.so.1 (a b)", "/usr/lib/libz.so.1 (a b)");
	WRITTEN("/ünïcödé/\xe2\x82\xac/\xf0\x9f\x98\x80", "/ünïcödé/\xe2\x82\xac/\xf0\x9f\x98\x80");
	WRITTEN("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"); /* U+10FFFF */
}

static void quotes_and_control_characters_are_escaped(void **state)
{
	WRITTEN("\"", "\\\"");
	WRITTEN("\\", "\\\\");
	WRITTEN("a\nb\tc", "a\\nb\\tc");
	WRITTEN("\x01\x1b[0m\x7f", "\\u0001\\u001b[0m\\u007f");
	WRITTEN("nul\0inside", "nul\\u0000inside");
}

static void bytes_that_are_not_utf8_become_lone_surrogates(void **state)
{
	WRITTEN("\x80", "\\udc80");
	WRITTEN("\xff", "\\udcff");
	WRITTEN("a\xe9z", "a\\udce9z");				     /* Latin-1 */
	WRITTEN("\xc0\xaf", "\\udcc0\\udcaf");			     /* overlong / */
	WRITTEN("\xe0\x80\xaf", "\\udce0\\udc80\\udcaf");	     /* overlong / */
	WRITTEN("\xed\xa0\x80", "\\udced\\udca0\\udc80");	     /* a surrogate in UTF-8 */
	WRITTEN("\xf4\x90\x80\x80", "\\udcf4\\udc90\\udc80\\udc80"); /* past U+10FFFF */
	WRITTEN("\xf8\x88\x80\x80\x80", "\\udcf8\\udc88\\udc80\\udc80\\udc80");
}

static void a_character_cut_off_at_the_end_is_bytes(void **state)
{
	WRITTEN("x\xe2\x82", "x\\udce2\\udc82");
	WRITTEN("x\xf0\x9f\x98", "x\\udcf0\\udc9f\\udc98");
	WRITTEN("\xe2\x82\x41", "\\udce2\\udc82\x41");
	assert_written("\xe2\x82\xac", 2, "\\udce2\\udc82"); /* not read past the length given */
}

static void every_byte_gives_ascii_or_itself(void **state)
{
	for (int c = 0; c < 256; c++) {
		char byte = (char)c, *line = line_of(&byte, 1);

		for (const char *s = line; *s && *s != '\n'; s++)
			assert_in_range((unsigned char)*s, 0x20, 0x7e);
		assert_int_equal(strchr(line, '\n')[1], '\0'); /* one line, always */
		free(line);
	}
}

static void values_of_all_kinds_are_separated(void **state)
{
	char *line = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&line, &size);
	struct lgr_json j;

	lgr_json_begin(&j, out);
	lgr_json_number(&j, "n", UINT64_MAX);
	lgr_json_signed(&j, "s", -1);
	lgr_json_address(&j, "a", 0x7f0000001000);
	lgr_json_bool(&j, "b", true);
	lgr_json_null(&j, "z");
	lgr_json_list_begin(&j, "none");
	lgr_json_list_end(&j);
	lgr_json_list_begin(&j, "l");
	lgr_json_list_item(&j, "x");
	lgr_json_list_item(&j, "\"");
	lgr_json_list_end(&j);
	lgr_json_object_begin(&j, "empty");
	lgr_json_object_end(&j);
	lgr_json_object_begin(&j, "o");
	lgr_json_number(&j, "x", 1);
	lgr_json_number(&j, "y", 2);
	lgr_json_object_end(&j);
	lgr_json_string(&j, "t", "end");
	lgr_json_end(&j);
	fclose(out);
	assert_string_equal(line, "{\"n\":18446744073709551615,\"s\":-1,\"a\":\"0x7f0000001000\","
				  "\"b\":true,\"z\":null,\"none\":[],\"l\":[\"x\",\"\\\"\"],"
				  "\"empty\":{},\"o\":{\"x\":1,\"y\":2},\"t\":\"end\"}\n");
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_is_left_alone),
		cmocka_unit_test(quotes_and_control_characters_are_escaped),
		cmocka_unit_test(bytes_that_are_not_utf8_become_lone_surrogates),
		cmocka_unit_test(a_character_cut_off_at_the_end_is_bytes),
		cmocka_unit_test(every_byte_gives_ascii_or_itself),
		cmocka_unit_test(values_of_all_kinds_are_separated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
