#!/bin/bash
# The counter against a program whose calls are known by heart (calls.c), and the same program with
# linger: nested calls, threads, a second namespace, fork, exec, SIGKILL, _exit, calls at the end.
# Then a counter that forgets one call on purpose: the comparison must notice.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"

mkdir "$TMP/lib"
compile() {
	$CC -D_GNU_SOURCE -Wall -Wextra -Wno-unused-parameter -O2 -pthread "$@" "$HERE/calls.c" ||
		bail "calls.c cannot be compiled"
}
compile -DPLUGIN -fPIC -shared -o "$TMP/lib/libplugin.so"
compile -DPLUGIN -fPIC -shared -o "$TMP/lib/libcopy1.so"
compile -DPLUGIN -fPIC -shared -o "$TMP/lib/libcopy2.so"
compile -DOUTER -fPIC -shared -Wl,--enable-new-dtags,-rpath,'$ORIGIN' -o "$TMP/lib/libouter.so"
compile -Wl,--enable-new-dtags,-rpath,'$ORIGIN/lib' -o "$TMP/calls"

CALLS_OF_CONSTRUCTORS=1 # libouter.so's, opened twice
same_with_linger "$TMP/calls"
like "the program works" "$(cat "$TMP/bare.out")" \
	'answer: 42.*not_there.so.*not open.*child: signal 9.*child: exit 3.*child: exit 4'
short='dlopen=2 dlmopen=0 dlclose=1 open=1 unload=1'
is "every call is counted, process by process" "$(counted counted)" "$(sort <<-END
	$TMP/calls dlopen=1008 dlmopen=1 dlclose=1009 open=1008 unload=1006
	$TMP/calls $short
	$TMP/calls $short
	$TMP/calls $short
	$TMP/calls $short
END
)"

COUNT_DROP=1 run dropped with_counter "$TMP/calls"
is "a counter that forgets a dlclose has one less in every process" \
	"$(counted dropped)" "$(sed 's/dlclose=1009/dlclose=1008/; s/dlclose=1 /dlclose=0 /' \
		<(counted counted) | sort)"
ok "and the comparison with the log notices" \
	[ "$(counted dropped | calls_of)" != "$(logged linger | calls_of)" ]
