/*
 * spec.c - the text of one redirect. See spec.h.
 * SPDX-License-Identifier: MIT
 */
#include "spec.h"

#include "text.h"

/* Offsets of the separators, 0: absent (none can be the first character of a valid spec). */
struct marks {
	size_t at, equals, hash, semicolon;
};

/* The first c that is not escaped, in spec from `from` on and before `end`; 0: none. */
static size_t find(const char *spec, size_t from, size_t end, char c)
{
	for (size_t i = from; i < end; i++) {
		if (spec[i] == '\\' && i + 1 < end)
			i++;
		else if (spec[i] == c)
			return i;
	}
	return 0;
}

/* Where the version begins: of SYM@@VER, which names the default one, behind both. */
static size_t version_of(const char *spec, const struct marks *m)
{
	return m->at + (spec[m->at + 1] == '@' ? 2 : 1);
}

static bool find_marks(const char *spec, struct marks *m)
{
	size_t end = lgr_len(spec), in = sizeof(";in=") - 1;

	m->equals = find(spec, 0, end, '=');
	m->at = find(spec, 0, m->equals, '@');
	m->semicolon = m->equals ? find(spec, m->equals + 1, end, ';') : 0;
	if (!m->equals || spec[0] == '@' || (m->at && version_of(spec, m) >= m->equals))
		return false;
	if (spec[0] == ';' || spec[0] == '#' || find(spec, 0, m->equals, ';') ||
	    find(spec, 0, m->equals, '#'))
		return false;
	if (m->semicolon) {
		if (!lgr_after(spec + m->semicolon, ";in=") || !spec[m->semicolon + in] ||
		    find(spec, m->semicolon + 1, end, ';'))
			return false;
		end = m->semicolon;
	}
	m->hash = find(spec, m->equals + 1, end, '#');
	return (m->hash ? m->hash : end) > m->equals + 1 && m->hash + 1 != end;
}

bool lgr_redirect_valid(const char *spec)
{
	struct marks m;

	return find_marks(spec, &m);
}

static const char *unescape(char *s)
{
	const char *from = s;
	char *to = s;

	while (*from) {
		if (*from == '\\' && from[1] && lgr_first(",;\\=#@", from[1]))
			from++;
		*to++ = *from++;
	}
	*to = '\0';
	return s;
}

bool lgr_redirect_parse(char *spec, struct lgr_redirect_spec *ret)
{
	size_t version = 0;
	struct marks m;

	if (!find_marks(spec, &m))
		return false;
	if (m.at)
		version = version_of(spec, &m);
	/* An absent separator's offset is 0, and there the symbol begins. */
	spec[m.equals] = '\0';
	if (m.at)
		spec[m.at] = '\0';
	if (m.hash)
		spec[m.hash] = '\0';
	if (m.semicolon)
		spec[m.semicolon] = '\0';
	ret->symbol = unescape(spec);
	ret->version = version ? unescape(spec + version) : NULL;
	ret->library = unescape(spec + m.equals + 1);
	ret->replacement = m.hash ? unescape(spec + m.hash + 1) : ret->symbol;
	ret->callers = m.semicolon ? unescape(spec + m.semicolon + sizeof(";in=") - 1) : NULL;
	return true;
}
