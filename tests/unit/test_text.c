/*
 * test_text.c - core/text.c: strings without a C library.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include "text.h"

static void what_does_not_fit_is_cut_and_said(void **state)
{
	char buffer[8];
	struct lgr_text t;

	lgr_text_init(&t, buffer, sizeof(buffer));
	lgr_text_add(&t, "1234567");
	assert_false(t.cut);
	assert_string_equal(buffer, "1234567");
	lgr_text_add(&t, "8");
	assert_true(t.cut);
	assert_string_equal(buffer, "1234567");
}

static void numbers_are_written_in_full(void **state)
{
	char buffer[64];
	struct lgr_text t;

	lgr_text_init(&t, buffer, sizeof(buffer));
	lgr_text_add_number(&t, 0);
	lgr_text_add(&t, " ");
	lgr_text_add_number(&t, UINT64_MAX);
	assert_string_equal(buffer, "0 18446744073709551615");
}

static void a_number_too_large_is_no_number(void **state)
{
	const char *s = "18446744073709551615x", *t = "18446744073709551616", *u = "x1", *v = t;
	uint64_t n = 7;

	assert_true(lgr_number(&s, &n));
	assert_true(n == UINT64_MAX && *s == 'x');
	n = 7;
	assert_false(lgr_number(&t, &n));
	assert_false(lgr_number(&u, &n));
	assert_true(n == 7 && t == v);
}

static void prefixes_and_separators(void **state)
{
	const char *path = "/a/b";

	assert_string_equal(lgr_after("policy:off", "policy:"), "off");
	assert_null(lgr_after("pol", "policy"));
	assert_ptr_equal(lgr_last(path, '/'), path + 2);
	assert_ptr_equal(lgr_first(path, '/'), path);
	assert_null(lgr_first(path, 'x'));
	assert_true(lgr_equal("", "") && !lgr_equal("a", "ab") && !lgr_equal("ab", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_is_cut_and_said),
		cmocka_unit_test(numbers_are_written_in_full),
		cmocka_unit_test(a_number_too_large_is_no_number),
		cmocka_unit_test(prefixes_and_separators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
