/*
 * fuzz_settings.c - libFuzzer on the parser of LINGER: any bytes may be in an environment variable.
 *
 * Checked beside what the sanitizers see: applying is repeatable, texts stay inside the buffer.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(void *arg, const char *word, size_t len, const char *problem)
{
	const char *text = arg;

	if (word < text || word + len > text + strlen(text) + 4096 || !problem)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lgr_settings s, again;
	char *a = calloc(1, size + 1), *b = calloc(1, size + 1);
	int wrong;

	memcpy(a, data, size);
	memcpy(b, data, size);
	lgr_settings_init(&s);
	lgr_settings_init(&again);
	wrong = lgr_settings_apply(&s, a, inside, a);
	if (wrong != lgr_settings_apply(&again, b, inside, b))
		abort();
	for (int i = 0; i < LGR_SET_COUNT; i++)
		if (s.of[i].given != again.of[i].given || s.of[i].number != again.of[i].number ||
		    strcmp(s.of[i].text, again.of[i].text))
			abort();
	if (s.redirects != again.redirects)
		abort();
	for (unsigned i = 0; i < s.redirects; i++) {
		struct lgr_redirect_spec spec;

		if (!lgr_redirect_parse(s.redirect[i], &spec) || !*spec.symbol || !*spec.library ||
		    !*spec.replacement || (spec.version && !*spec.version) ||
		    (spec.callers && !*spec.callers))
			abort();
	}
	free(a);
	free(b);
	return 0;
}
