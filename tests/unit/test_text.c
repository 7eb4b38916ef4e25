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

static void a_star_stands_for_anything(void **state)
{
	assert_true(lgr_glob("*", "") && lgr_glob("*", "/a/b.so"));
	assert_true(lgr_glob("**", "") && lgr_glob("a**", "a") && lgr_glob("**a", "xa"));
	assert_true(lgr_glob("/lib*.so", "/lib.so") && lgr_glob("/lib*.so", "/lib/x/libz.so"));
	assert_true(lgr_glob("*libz*", "/usr/lib/libz.so.1"));
	assert_false(lgr_glob("/lib*.so", "/lib.so.1") || lgr_glob("*.so", "/lib.s"));
	assert_false(lgr_glob("*x", "") || lgr_glob("x*", "ax"));
}

/* The first place where what follows a star fits need not be the right one. */
static void a_star_takes_as_much_as_it_must(void **state)
{
	assert_true(lgr_glob("*ab", "aab") && lgr_glob("*ab", "abab") && lgr_glob("a*a*a", "aaaa"));
	assert_true(lgr_glob("*a*bc*d", "xabxbcd") && lgr_glob("*.so.*", "/x.so/y.so.6"));
	assert_false(lgr_glob("*ab", "aba") || lgr_glob("a*a*a", "aa"));
	assert_false(lgr_glob("*a*bc*d", "bcad"));
}

static void a_question_mark_stands_for_one(void **state)
{
	assert_true(lgr_glob("?", "a") && lgr_glob("li?z.??", "libz.so") && lgr_glob("?*", "ab"));
	assert_true(lgr_glob("*?b", "xab") && lgr_glob("?", "?") && lgr_glob("?", "*"));
	assert_false(lgr_glob("?", "") || lgr_glob("?", "ab") || lgr_glob("?*", ""));
}

static void all_of_it_must_fit(void **state)
{
	assert_true(lgr_glob("", "") && lgr_glob("libz.so", "libz.so"));
	assert_false(lgr_glob("", "a") || lgr_glob("a", "") || lgr_glob("libz", "libz.so"));
	assert_false(lgr_glob("libz.so", "libz") || lgr_glob("z.so", "libz.so"));
	assert_false(lgr_glob("LIBZ", "libz") || lgr_glob("[a]", "a") || lgr_glob("\\*", "x"));
}

/* Nothing in it takes time that grows faster than the product of the lengths. */
static void many_stars_end_soon(void **state)
{
	char s[2001];

	memset(s, 'a', sizeof(s) - 1);
	s[sizeof(s) - 1] = '\0';
	assert_false(lgr_glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", s));
	assert_true(lgr_glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*", s));
}

static void hexadecimal_digits_end_at_the_first_that_is_none(void **state)
{
	const char *s = "7f00a-", *none = "x";

	assert_int_equal(lgr_hex(&s), 0x7f00a);
	assert_string_equal(s, "-");
	assert_int_equal(lgr_hex(&none), 0);
	assert_string_equal(none, "x");
}

static void bytes_are_two_digits_each(void **state)
{
	char buffer[64];
	struct lgr_text t;

	lgr_text_init(&t, buffer, sizeof(buffer));
	lgr_text_add_hex(&t, 0);
	lgr_text_add(&t, " ");
	lgr_text_add_hex(&t, UINT64_C(0xfedcba9876543210));
	lgr_text_add(&t, " ");
	lgr_text_add_bytes(&t, "\x00\x0f\xf0", 3);
	assert_string_equal(buffer, "0 fedcba9876543210 000ff0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hexadecimal_digits_end_at_the_first_that_is_none),
		cmocka_unit_test(what_does_not_fit_is_cut_and_said),
		cmocka_unit_test(numbers_are_written_in_full),
		cmocka_unit_test(bytes_are_two_digits_each),
		cmocka_unit_test(a_number_too_large_is_no_number),
		cmocka_unit_test(prefixes_and_separators),
		cmocka_unit_test(a_star_stands_for_anything),
		cmocka_unit_test(a_star_takes_as_much_as_it_must),
		cmocka_unit_test(a_question_mark_stands_for_one),
		cmocka_unit_test(all_of_it_must_fit),
		cmocka_unit_test(many_stars_end_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
