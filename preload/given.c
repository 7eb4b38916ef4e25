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
#include "spec.h"
#include "text.h"

static void say(const char *spec, const char *why)
{
	static char line[1024] LGR_BIG; /* one at a time: made once */
	struct lgr_text t;

	lgr_text_init(&t, line, sizeof(line));
	lgr_text_add(&t, spec);
	lgr_text_add(&t, ": ");
	lgr_text_add(&t, why);
	lgr_log_error(LGR_RSN_E_REDIRECT, line);
}

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

static void make(const struct lgr_redirect_spec *spec)
{
	void *(*dlsym)(void *, const char *) =
		(void *(*)(void *, const char *))lgr_real_libc[LGR_REAL_dlsym];
	static char symbol[1024] LGR_BIG, why[512] LGR_BIG;
	struct linger_change change = { .symbol = symbol,
					.callers = spec->callers,
					.flags = LINGER_LATER };
	void *handle = lgr_libc.dlopen(spec->library, RTLD_LAZY);
	linger_redirect *made;

	change.replacement = handle ? dlsym(handle, spec->replacement) : NULL;
	if (!change.replacement) {
		say(spec->symbol, lgr_libc.dlerror());
		return;
	}
	if (!join(spec, symbol, sizeof(symbol)))
		say(spec->symbol, "the name is too long");
	else if (linger_redirect_(&change, 1, &made, why, sizeof(why)) < 0)
		say(symbol, why);
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
		struct lgr_redirect_spec spec;

		if (lgr_redirect_parse(lgr_settings.redirect[i], &spec))
			make(&spec);
	}
	*lgr_libc.errno_location() = saved;
}
