#!/bin/bash
# thousands_of_libraries_in_turn_need_no_more_than_a_few.t - a program that opens and closes one library
# after another has, under the default policy, at most twice the mappings that it has without linger,
# and half as much memory again: what is not needed goes (a dlclose that does nothing ends at some 10,900
# libraries). On the average: on a busy machine a few are kept for a moment. 15,000 of them in
# `make check-all`.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
POLICY=
LINGER_SETTINGS=log_max:64K # the log is memory, too
times=${CHECK_ALL:+15000}
times=${times:-2000}
value() { sed -n "s/.*$2=\([0-9]*\).*/\1/p" "$TMP/$1.out"; }

mkdir "$TMP/folder"
"$(host turns)" "$times" "$(plug base)" "$TMP/folder" > "$TMP/plain.out" || bail "it fails without linger"
with_linger "$TMP/log" "$(host turns)" "$times" "$(plug base)" "$TMP/folder" > "$TMP/safe.out"
is "$times libraries: it comes to its end" $? 0
ok "mappings: $(value safe maps), at most twice $(value plain maps)" \
	[ "$(value safe maps)" -le $((2 * $(value plain maps))) ]
ok "mappings at most: $(value safe most), a bounded number" [ "$(value safe most)" -le 1000 ]
ok "KiB: $(value safe kib), at most 1.5 times $(value plain kib)" \
	[ "$(value safe kib)" -le $((3 * $(value plain kib) / 2)) ]
# The log has room for the last ones only.
ok "they are unloaded in their dlclose" [ "$(events "$TMP/log" keep | wc -l)" -lt $((times / 100)) ]
