#!/bin/bash
# SQLite's own loadext.test and loadext2.test, run by its testfixture: an interpreter with SQLite and
# all of its commands for tests inside.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/suites.sh"
need make make

# Half a minute, most of it in one call of the compiler.
build() {
	mkdir build
	cd build
	../source/configure --with-tcl=/usr/lib/tcl8.6 --disable-readline CC="$CC" CFLAGS=-O0
	make testfixture
	# The test would build it, too, with a compiler under the shim.
	$CC -w -fPIC -shared -I. -I../source/src -o libtestloadext.so ../source/src/test_loadext.c
}
suite() {
	local name status=0
	cp "$SUITE/build/libtestloadext.so" .
	export CPATH=$SUITE/build # for the header, where the test builds it all the same
	for name in loadext loadext2; do
		"$SUITE/build/testfixture" "$SUITE/source/test/$name.test" || status=$?
	done
	return $status
}
# What failed is on the lines after the dots; and the last test of each file is not on a line.
results() {
	sed -n '/^loadext.*\.\.\./ { s/\.\.\.\( ([^)]*) \)\? Ok$/: ok/; s/\.\.\.[^:]*$/: failed/; p }
		s/^0 errors out of \([0-9]*\) tests .*/all \1: ok/p
		s/^[1-9][0-9]* errors out of \([0-9]*\) tests .*/all \1: failed/p' "$TMP/$1.out"
}

built_from sqlite3 build
in_every_way suite
passes 77
really dlopen 30
really dlclose 30
really unload 18
differs_only off
differs_only never
differs_only fresh
differs_only safe
differs_only proven
differs_only trusting
keeps never request=18 keep=18 reopen=17
keeps fresh request=18 keep=18 open=18
by_default 18
