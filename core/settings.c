/*
 * settings.c - the parser of `LINGER=word,word:value,...`. See settings.h.
 *
 * Owns the table. Pure: callable from anywhere, by several threads on different settings.
 * SPDX-License-Identifier: MIT
 */
#include "settings.h"
#include "text.h"

static const struct row {
	const char *name;
	enum lgr_kind kind;
	const char *form, *standard;
	const char *meaning;
} table[] = {
#define X(id, name, kind, form, standard, meaning) { name, kind, form, standard, meaning },
	LGR_SETTINGS(X)
#undef X
};

/* The index of value among choices separated by |. */
static bool read_choice(const char *choices, const char *value, uint64_t *ret)
{
	uint64_t index = 0;

	for (;;) {
		const char *behind = lgr_after(choices, value);

		if (behind && (*behind == '|' || !*behind)) {
			*ret = index;
			return true;
		}
		choices = lgr_first(choices, '|');
		if (!choices)
			return false;
		choices++;
		index++;
	}
}

struct unit {
	const char *name;
	uint64_t factor;
};
static const struct unit sizes[] = {
	{ "K", 1u << 10 }, { "M", 1u << 20 }, { "G", 1u << 30 }, { "", 1 }
};
static const struct unit times[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }
};

/* A number with one of the units, ended by stop. Moves *s behind it. */
static bool read_unit(const char **s, const struct unit *units, size_t n, uint64_t *ret)
{
	uint64_t number;

	if (!lgr_number(s, &number))
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *behind = lgr_after(*s, units[i].name);

		if (behind && (!*behind || *behind == '.')) {
			*s = behind;
			return !__builtin_mul_overflow(number, units[i].factor, ret);
		}
	}
	return false;
}

static bool read_value(const struct row *row, const char *value, uint64_t *ret, uint64_t *ret_upper)
{
	const char *s = value;

	switch (row->kind) {
	case LGR_WORD: *ret = 1; return true;
	case LGR_CHOICE: return read_choice(row->form, value, ret);
	case LGR_NUMBER: return lgr_number(&s, ret) && !*s;
	case LGR_SIZE: return read_unit(&s, sizes, LGR_COUNT(sizes), ret) && !*s;
	case LGR_TIME: return read_unit(&s, times, LGR_COUNT(times), ret) && !*s;
	case LGR_TIMES:
		if (!read_unit(&s, times, LGR_COUNT(times), ret))
			return false;
		s = lgr_after(s, "..");
		return s && read_unit(&s, times, LGR_COUNT(times), ret_upper) && !*s &&
		       *ret <= *ret_upper;
	case LGR_STRING: return *value != '\0';
	case LGR_REDIRECT: return lgr_redirect_valid(value);
	}
	return false;
}

/* What a word of this kind should have looked like. */
static const char *problem_of(enum lgr_kind kind)
{
	switch (kind) {
	case LGR_WORD: return "it takes no value";
	case LGR_CHOICE: return "its value is none of the words it takes";
	case LGR_NUMBER: return "it takes a whole number";
	case LGR_SIZE: return "it takes a size such as 64K, 4M or 1G";
	case LGR_TIME: return "it takes a time such as 500us, 1ms or 2s";
	case LGR_TIMES: return "it takes two times such as 20ms..60s";
	case LGR_REDIRECT: return "it takes " LGR_REDIRECT_FORM;
	case LGR_STRING: break;
	}
	return "it takes a value";
}

/* Ends the word at the first separator that is not escaped; returns what follows, or NULL. */
static char *cut_word(char *word)
{
	for (; *word; word++) {
		if (*word == '\\' && word[1])
			word++;
		else if (*word == ',') {
			*word = '\0';
			return word + 1;
		}
	}
	return NULL;
}

static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && (s[1] == ',' || s[1] == ';' || s[1] == '\\'))
			s++;
		*to++ = *s;
	}
	*to = '\0';
}

/* False: no more than LGR_REDIRECTS_MAX count. */
static bool add_redirect(struct lgr_settings *s, char *value)
{
	if (s->redirects == LGR_REDIRECTS_MAX)
		return false;
	s->redirect[s->redirects++] = value;
	return true;
}

/* Returns NULL, or what is wrong with the word. Cuts the word at its colon only when it is right. */
static const char *apply_word(struct lgr_settings *s, char *word)
{
	const char *colon = lgr_first(word, ':');
	size_t len = colon ? (size_t)(colon - word) : lgr_len(word);
	uint64_t number = 0, upper = 0;

	for (size_t i = 0; i < LGR_COUNT(table); i++) {
		const struct row *row = &table[i];
		char *value = word + len + (colon ? 1 : 0);

		if (lgr_len(row->name) != len || !lgr_same(row->name, word, len))
			continue;
		if ((row->kind == LGR_WORD) != !colon || !read_value(row, value, &number, &upper))
			return problem_of(row->kind);
		if (row->kind == LGR_REDIRECT && !add_redirect(s, value))
			return "there are too many of them";
		if (row->kind == LGR_STRING)
			unescape(value);
		s->of[i].given = true;
		s->of[i].number = number;
		s->of[i].upper = upper;
		s->of[i].text = value;
		return NULL;
	}
	return "there is no such setting";
}

int lgr_settings_apply(struct lgr_settings *s, char *text, lgr_settings_bad *bad, void *arg)
{
	int wrong = 0;

	while (text) {
		char *next = cut_word(text);
		const char *problem = *text ? apply_word(s, text) : NULL;

		if (problem) {
			wrong++;
			if (bad)
				bad(arg, text, lgr_len(text), problem);
		}
		text = next;
	}
	return wrong;
}

void lgr_settings_init(struct lgr_settings *s)
{
	s->redirects = 0;
	for (size_t i = 0; i < LGR_COUNT(table); i++) {
		uint64_t number = 0, upper = 0;

		if (table[i].kind != LGR_WORD)
			read_value(&table[i], table[i].standard, &number, &upper);
		s->of[i].given = false;
		s->of[i].number = number;
		s->of[i].upper = upper;
		s->of[i].text = table[i].standard;
	}
}

static void put(lgr_settings_put *to, void *arg, const char *s)
{
	to(arg, s, lgr_len(s));
}

void lgr_settings_help(lgr_settings_put *to, void *arg)
{
	put(to, arg,
	    "LINGER=word,word:value,...  (the last word wins, redirects add up; \\ escapes , and "
	    ";)\n");
	for (size_t i = 0; i < LGR_COUNT(table); i++) {
		const struct row *row = &table[i];

		put(to, arg, "  ");
		put(to, arg, row->name);
		if (*row->form) {
			put(to, arg, ":");
			put(to, arg, row->form);
		}
		put(to, arg, "\n        ");
		put(to, arg, row->meaning);
		if (*row->standard) {
			put(to, arg, " (default ");
			put(to, arg, row->standard);
			put(to, arg, ")");
		}
		put(to, arg, "\n");
	}
}
