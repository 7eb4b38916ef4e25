/*
 * test_settings.c - core/settings.c: the parser of LINGER.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <stdbool.h>

#include "settings.h"

static struct lgr_settings settings;
static char text[2048], wrong[256], help[8192];

static void note_bad(void *arg, const char *word, size_t len, const char *problem)
{
	snprintf(wrong + strlen(wrong), sizeof(wrong) - strlen(wrong), "[%.*s|%s]", (int)len, word,
		 problem);
}

static int apply(const char *words)
{
	snprintf(text, sizeof(text), "%s", words);
	wrong[0] = '\0';
	lgr_settings_init(&settings);
	return lgr_settings_apply(&settings, text, note_bad, NULL);
}

static void nothing_given_is_the_table_s_default(void **state)
{
	assert_int_equal(apply(""), 0);
	assert_int_equal(settings.of[LGR_SET_LOG_MAX].number, 4 << 20);
	assert_int_equal(settings.of[LGR_SET_KEPT_MAX].number, 16);
	assert_int_equal(settings.of[LGR_SET_BUDGET].number, 1000000);
	assert_int_equal(settings.of[LGR_SET_RETRY].number, 20000000);
	assert_int_equal(settings.of[LGR_SET_RETRY].upper, 60000000000);
	assert_int_equal(settings.of[LGR_SET_ARCHIVE_MAX].number, 1u << 30);
	assert_int_equal(settings.of[LGR_SET_OFF].number, 0);
	assert_string_equal(settings.of[LGR_SET_LOG].text, "");
	for (int i = 0; i < LGR_SET_COUNT; i++)
		assert_false(settings.of[i].given);
}

static void what_is_reached_is_kept_unless_told(void **state)
{
	assert_int_equal(apply(""), 0);
	assert_int_equal(settings.of[LGR_SET_POLICY].number, LGR_POLICY_SAFE);
	assert_int_equal(settings.of[LGR_SET_REOPEN].number, 0); /* same */
	assert_int_equal(settings.of[LGR_SET_FRESH].number, 0);	 /* kept */
	assert_int_equal(apply("policy:off,reopen:fresh,fresh:nodelete,kept_max:0"), 0);
	assert_int_equal(settings.of[LGR_SET_POLICY].number, LGR_POLICY_OFF);
	assert_int_equal(settings.of[LGR_SET_REOPEN].number, 1);
	assert_int_equal(settings.of[LGR_SET_FRESH].number, 1);
	assert_int_equal(settings.of[LGR_SET_KEPT_MAX].number, 0);
}

static void every_word_of_the_table_is_understood(void **state)
{
	assert_int_equal(
		apply("off,help,control,policy:host,reopen:fresh,fresh:nodelete,kept_max:3,"
		      "budget:2us,retry:1ms..2s,scan:byte,scrub:on,trust:*x*"),
		0);
	assert_int_equal(settings.of[LGR_SET_POLICY].number, LGR_POLICY_HOST);
	assert_int_equal(settings.of[LGR_SET_BUDGET].number, 2000);
	assert_int_equal(settings.of[LGR_SET_RETRY].number, 1000000);
	assert_int_equal(settings.of[LGR_SET_RETRY].upper, 2000000000);
	assert_string_equal(settings.of[LGR_SET_TRUST].text, "*x*");
	assert_int_equal(
		apply("redirect:f@V=lib.so#g;in=*x,override:*,archive:/d,archive_mode:open,"
		      "archive_max:3K,log:/x,log_max:1M,children:off,leakcheck:on"),
		0);
	assert_int_equal(settings.of[LGR_SET_ARCHIVE_MAX].number, 3072);
	assert_int_equal(settings.of[LGR_SET_CHILDREN].number, 1);
	assert_int_equal(settings.redirects, 1);
	assert_string_equal(settings.redirect[0], "f@V=lib.so#g;in=*x");
}

static void the_last_word_wins(void **state)
{
	assert_int_equal(apply("policy:never,policy:safe,log:/a,log:/b"), 0);
	assert_int_equal(settings.of[LGR_SET_POLICY].number, LGR_POLICY_SAFE);
	assert_string_equal(settings.of[LGR_SET_LOG].text, "/b");
}

static void a_backslash_escapes_separators(void **state)
{
	assert_int_equal(apply("log:/a\\,b\\;c\\\\d,scan:byte"), 0);
	assert_string_equal(settings.of[LGR_SET_LOG].text, "/a,b;c\\d");
	assert_int_equal(settings.of[LGR_SET_SCAN].number, 1);
	assert_int_equal(apply("log:/end\\"), 0);
	assert_string_equal(settings.of[LGR_SET_LOG].text, "/end\\");
}

static void redirects_add_up(void **state)
{
	char many[LGR_REDIRECTS_MAX * 16 + 32] = "", *end = many;

	assert_int_equal(apply(""), 0);
	assert_int_equal(settings.redirects, 0);
	assert_int_equal(apply("redirect:a=l#b,scan:byte,redirect:c\\,d=l#e,redirect:a=l#b"), 0);
	assert_int_equal(settings.redirects, 3);
	assert_true(settings.of[LGR_SET_REDIRECT].given);
	assert_string_equal(settings.redirect[0], "a=l#b");
	assert_string_equal(settings.redirect[1], "c\\,d=l#e");
	assert_string_equal(settings.redirect[2], "a=l#b");
	for (unsigned i = 0; i < LGR_REDIRECTS_MAX; i++)
		end += sprintf(end, "redirect:%c=l,", 'a' + i % 26);
	assert_int_equal(apply(many), 0);
	assert_int_equal(settings.redirects, LGR_REDIRECTS_MAX);
	strcpy(end, "redirect:z=l,scan:byte");
	assert_int_equal(apply(many), 1);
	assert_string_equal(wrong, "[redirect:z=l|there are too many of them]");
	assert_int_equal(settings.redirects, LGR_REDIRECTS_MAX);
	assert_int_equal(settings.of[LGR_SET_SCAN].number, 1);
}

/* What a setting came to, its parts in brackets; NULL: it is malformed. */
static const char *parts(const char *spec)
{
	static char buffer[256], result[512];
	struct lgr_redirect_spec p;

	snprintf(buffer, sizeof(buffer), "%s", spec);
	if (lgr_redirect_valid(buffer) != lgr_redirect_parse(buffer, &p))
		return "lgr_redirect_valid and lgr_redirect_parse differ";
	if (!lgr_redirect_valid(spec))
		return strcmp(buffer, spec) ? "changed though malformed" : NULL;
	snprintf(result, sizeof(result), "[%s][%s][%s][%s][%s]", p.symbol,
		 p.version ? p.version : "-", p.library, p.replacement,
		 p.callers ? p.callers : "-");
	return result;
}

static void a_redirect_has_its_parts(void **state)
{
	assert_string_equal(parts("f=lib.so#g"), "[f][-][lib.so][g][-]");
	assert_string_equal(parts("f=lib.so"), "[f][-][lib.so][f][-]");
	assert_string_equal(parts("f@V=/l#g;in=*x"), "[f][V][/l][g][*x]");
	assert_string_equal(parts("f@@V_1.2=/l"), "[f][V_1.2][/l][f][-]");
	assert_string_equal(parts("f=/a=b@c"), "[f][-][/a=b@c][f][-]");
	assert_string_equal(parts("f=l;in=/a#b=c@d"), "[f][-][l][f][/a#b=c@d]");
}

static void separators_in_names_are_escaped(void **state)
{
	assert_string_equal(parts("a\\=b\\@c@v\\@w=/x\\#y\\;in=z#s\\;t;in=u\\;v\\,w"),
			    "[a=b@c][v@w][/x#y;in=z][s;t][u;v,w]");
	assert_string_equal(parts("f=/a\\\\#g"), "[f][-][/a\\][g][-]");
	assert_string_equal(parts("f=/a\\b\\"), "[f][-][/a\\b\\][f][-]");
	assert_string_equal(parts("f=/l;in=\\*"), "[f][-][/l][f][\\*]");
}

static void a_malformed_redirect_is_refused(void **state)
{
	static const char *const malformed[] = {
		"",	     "f",	"f#g",	     "=l",   "=l#g",	  "f=",
		"f=#g",	     "f=l#",	"f=l#;in=x", "@V=l", "@=l",	  "f@=l",
		"f@@=l",     "f=;in=x", "f=l;in=",   "f=l;", "f=l;out=x", "f=l;in=a;in=b",
		"f=l;in=a;", "f\\=l",	";in=x",     "=",    "@",	  "#",
		";",	     "\\",
	};

	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		assert_null(parts(malformed[i]));
	assert_int_equal(apply("redirect:f,scan:byte,redirect,redirect:"), 3);
	assert_non_null(strstr(wrong, "[redirect:f|it takes SYM[@VER]=LIB[#SYM][;in=GLOB]]"));
	assert_int_equal(settings.redirects, 0);
	assert_false(settings.of[LGR_SET_REDIRECT].given);
}

static void a_bad_word_is_named_and_the_others_count(void **state)
{
	assert_int_equal(apply("foo,policy:foo,,scan:byte,log,log:,off:1,retry:2s..1s,kept_max:3x,"
			       "log_max:4T,budget:1,policy:of,policy:"),
			 11);
	assert_int_equal(settings.of[LGR_SET_SCAN].number, 1);
	assert_false(settings.of[LGR_SET_POLICY].given);
	assert_false(settings.of[LGR_SET_OFF].given);
	assert_non_null(strstr(wrong, "[foo|there is no such setting]"));
	assert_non_null(strstr(wrong, "[policy:foo|"));
	assert_non_null(strstr(wrong, "[off:1|it takes no value]"));
}

static void two_times_are_a_lower_and_an_upper_one(void **state)
{
	static const char *const wrong_ones[] = {
		"retry:2s..1999ms",
		"retry:1s",
		"retry:1s..",
		"retry:..1s",
		"retry:1s.2s",
		"retry:1s...2s",
		"retry:1..2",
		"retry:1s-2s",
		"retry:1s..2s..3s",
		"retry:1s..2s ",
		"retry:1s..99999999999999999999s",
	};

	assert_int_equal(apply("retry:5us..5us"), 0);
	assert_int_equal(settings.of[LGR_SET_RETRY].number, 5000);
	assert_int_equal(settings.of[LGR_SET_RETRY].upper, 5000);
	assert_int_equal(apply("retry:0ns..18446744073s,budget:7ms"), 0);
	assert_int_equal(settings.of[LGR_SET_RETRY].number, 0);
	assert_true(settings.of[LGR_SET_RETRY].upper == UINT64_C(18446744073000000000));
	assert_int_equal(settings.of[LGR_SET_BUDGET].upper, 0);
	for (size_t i = 0; i < sizeof(wrong_ones) / sizeof(*wrong_ones); i++) {
		assert_int_equal(apply(wrong_ones[i]), 1);
		assert_false(settings.of[LGR_SET_RETRY].given);
		assert_int_equal(settings.of[LGR_SET_RETRY].number, 20000000);
		assert_int_equal(settings.of[LGR_SET_RETRY].upper, 60000000000);
	}
}

/* The pair of the word before is not left over when a setting is given twice. */
static void the_last_two_times_win(void **state)
{
	assert_int_equal(apply("retry:1s..9s,retry:2s..3s"), 0);
	assert_int_equal(settings.of[LGR_SET_RETRY].number, 2000000000);
	assert_int_equal(settings.of[LGR_SET_RETRY].upper, 3000000000);
}

static void sizes_that_overflow_are_refused(void **state)
{
	assert_int_equal(apply("log_max:99999999999999999999"), 1);
	assert_int_equal(apply("log_max:18446744073709551615G"), 1);
}

static void put(void *arg, const char *piece, size_t len)
{
	strncat(help, piece, len);
}

static void the_help_names_every_setting(void **state)
{
	static const char *const names[] = {
#define X(id, name, ...) "\n  " name,
		LGR_SETTINGS(X)
#undef X
	};

	lgr_settings_help(put, NULL);
	for (int i = 0; i < LGR_SET_COUNT; i++)
		assert_non_null(strstr(help, names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_given_is_the_table_s_default),
		cmocka_unit_test(what_is_reached_is_kept_unless_told),
		cmocka_unit_test(every_word_of_the_table_is_understood),
		cmocka_unit_test(the_last_word_wins),
		cmocka_unit_test(a_backslash_escapes_separators),
		cmocka_unit_test(redirects_add_up),
		cmocka_unit_test(a_redirect_has_its_parts),
		cmocka_unit_test(separators_in_names_are_escaped),
		cmocka_unit_test(a_malformed_redirect_is_refused),
		cmocka_unit_test(a_bad_word_is_named_and_the_others_count),
		cmocka_unit_test(two_times_are_a_lower_and_an_upper_one),
		cmocka_unit_test(the_last_two_times_win),
		cmocka_unit_test(sizes_that_overflow_are_refused),
		cmocka_unit_test(the_help_names_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
