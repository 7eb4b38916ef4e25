/*
 * given.c - the redirects that the settings ask for. See given.h.
 *
 * Owns: whether they have been made. The libraries are never closed.
 * SPDX-License-Identifier: MIT
 */
#include "given.h"

#include "environment.h"
#include "fields.h"
#include "linger.h"
#include "log.h"
#include "real.h"
#include "site.h"
#include "spec.h"
#include "text.h"

/* SYM@VER as the API wants it. */
static bool join(const struct lgr_redirect_spec *spec, char *to, size_t size)
{
	struct lgr_text t;

	lgr_text_init(&t, to, size);
	lgr_text_add(&t, spec->symbol);
	if (spec->version) {
		lgr_text_add(&t, "@");
		lgr_text_add(&t, spec->version);
	}
	return !t.cut;
}

static uint64_t make(const struct lgr_redirect_spec *spec, struct lgr_text *why)
{
	void *(*dlsym)(void *, const char *) =
		(void *(*)(void *, const char *))lgr_real_libc[LGR_REAL_dlsym];
	char symbol[1024], reason[512];
	struct linger_change change = { .symbol = symbol,
					.callers = spec->callers,
					.flags = LINGER_LATER };
	void *handle = lgr_libc.dlopen(spec->library, RTLD_LAZY);
	linger_redirect *made;
	const char *error;

	change.replacement = handle ? dlsym(handle, spec->replacement) : NULL;
	if (!change.replacement) {
		error = lgr_libc.dlerror();
		lgr_text_add(why, error ? error : "the replacement's address is NULL");
		return 0;
	}
	if (!join(spec, symbol, sizeof(symbol))) {
		lgr_text_add(why, "the name is too long");
		return 0;
	}
	if (linger_redirect_(&change, 1, &made, reason, sizeof(reason)) < 0) {
		lgr_text_add(why, reason);
		return 0;
	}
	made->given = true; /* nobody else has the handle: it cannot go meanwhile */
	if (!made->home) {
		lgr_text_add(why, symbol);
		lgr_text_add(why,
			     " is defined by no loaded object; once it is, it will be redirected");
	}
	return made->number;
}

uint64_t lgr_given_make(char *text, struct lgr_text *why)
{
	struct lgr_redirect_spec spec;

	if (lgr_redirect_parse(text, &spec))
		return make(&spec, why);
	lgr_text_add(why, "it takes " LGR_REDIRECT_FORM);
	return 0;
}

/* The text is cut up already: the symbol is left of it. */
static void log_failure(const char *symbol, const char *why)
{
	static char line[1024] LGR_BIG; /* one at a time: made once */
	struct lgr_text t;

	lgr_text_init(&t, line, sizeof(line));
	lgr_text_add(&t, symbol);
	lgr_text_add(&t, ": ");
	lgr_text_add(&t, why);
	lgr_log_error(LGR_RSN_E_REDIRECT, line);
}

void lgr_given(void)
{
	static _Atomic bool made;
	int saved;

	if (lgr_likely(!lgr_settings.redirects) || !lgr_fields_libc_is_ready() ||
	    atomic_exchange(&made, true))
		return;
	saved = *lgr_libc.errno_location();
	for (unsigned i = 0; i < lgr_settings.redirects; i++) {
		char buffer[512];
		struct lgr_text why;

		lgr_text_init(&why, buffer, sizeof(buffer));
		if (!lgr_given_make(lgr_settings.redirect[i], &why))
			log_failure(lgr_settings.redirect[i], buffer);
	}
	*lgr_libc.errno_location() = saved;
}
