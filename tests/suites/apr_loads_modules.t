#!/bin/bash
# APR's own testdso. It opens with RTLD_GLOBAL and looks into the whole program after the close.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/suites.sh"
need apr-1-config libapr1-dev

# Of APR's many tests this one alone; and each of its parts says how it ended, not the first that
# fails alone.
build() {
	local flags
	flags="-O2 -w -I. -Isource/test $(apr-1-config --includes --cppflags)"
	mkdir .libs
	cat >abts_tests.h <<-END
		#include "testutil.h"
		const struct testlist {
			abts_suite *(*func)(abts_suite *suite);
		} alltests[] = { { testdso } };
	END
	cat >report.h <<-END
		#include <stdio.h>
		#include "abts.h"
		#define abts_run_test(suite, test, data) \\
			do { \\
				int before = suite->tail->failed; \\
				abts_run_test(suite, test, data); \\
				printf("%s: %s\\n", #test, suite->tail->failed == before ? "ok" : "failed"); \\
			} while (0)
	END
	# Beside ours, an include by quotation marks would find the one with all tests first.
	cp source/test/abts.c .
	# shellcheck disable=SC2046,SC2086
	$CC $flags -include report.h -c source/test/testdso.c
	# shellcheck disable=SC2046,SC2086
	$CC $flags -o testdso testdso.o abts.c source/test/testutil.c $(apr-1-config --link-ld)
	# shellcheck disable=SC2086
	$CC $flags -fPIC -shared -o .libs/mod_test.so source/test/mod_test.c
	cp .libs/mod_test.so .libs/libmod_test.so
}
suite() {
	cp -r "$SUITE/.libs" .
	"$SUITE/testdso" -v
}
results() {
	# APR's own report is on the same lines.
	grep -o 'test_[a-z_]*: [a-z]*$' "$TMP/$1.out"
}

built_from apr build
in_every_way suite
passes 9
really dlopen 9
really dlclose 8
really unload 8
for r in off never fresh safe proven trusting; do
	is "$r: same output" "$(cat "$TMP/$r.out" "$TMP/$r.err")" "$(cat "$TMP/plain.out" "$TMP/plain.err")"
	differs_only $r
done
keeps never request=8 keep=8 reopen=6
keeps fresh request=8 keep=8 open=8
by_default 8
