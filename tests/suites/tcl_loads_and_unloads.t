#!/bin/bash
# Tcl's own load.test and unload.test, with the extensions that Tcl makes for them.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/suites.sh"
need tclsh8.6 tcl8.6
need make make

# They are looked for beside the interpreter. Not built: the interpreter with commands for tests of
# its inside, which 12 of the 57 tests ask for, and say so.
build() {
	local name
	mkdir dltest
	cp "$(command -v tclsh8.6)" .
	for name in pkga pkgb pkgc pkgd pkge pkgua pkgooa; do
		$CC -O2 -w -fPIC -shared -I/usr/include/tcl8.6/tcl-private/generic -DUSE_TCL_STUBS \
			-o dltest/$name.so source/unix/dltest/$name.c -ltclstub8.6
	done
}
suite() {
	local name
	for name in load unload; do
		"$SUITE/tclsh8.6" "$SUITE/source/tests/$name.test" -verbose 'pass skip body error' || return
	done
}
results() {
	sed -n 's/^++++ \([^ ]*\) PASSED$/\1: ok/p; s/^++++ \([^ ]*\) SKIPPED:.*/\1: skipped/p
		s/^==== \([^ ]*\) .*FAILED$/\1: failed/p' "$TMP/$1.out"
}

built_from tcl8.6 build
in_every_way suite
passes 45
is "57 tests in all" "$(results plain | wc -l)" 57
really dlopen 14
really dlclose 6
really unload 6
for r in off never fresh safe proven trusting; do
	is "$r: same output" "$(cat "$TMP/$r.out" "$TMP/$r.err")" "$(cat "$TMP/plain.out" "$TMP/plain.err")"
	differs_only $r
done
keeps never request=6 keep=6 reopen=4
keeps fresh request=6 keep=6 open=10
by_default 6
