#!/bin/bash
# A program that has its own copy of a library's vtable, or of a table of functions (a COPY relocation).
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"
need readelf binutils
need g++ g++

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
# has_copy PROGRAM NAME: the test is about nothing where the linker has made no copy.
has_copy() { ok "$1 has its own copy of $2" grep -q "R_.*_COPY .* $2 " <(readelf -rW "$1"); }

library def "$HERE/lib_definer.c"
library rep "$HERE/lib_replacer.c" "${beside[@]}" def.so
library table "$HERE/lib_table.c"
library copied -x c++ -fno-exceptions "$HERE/lib_copied.cc"
library r_copied -x c++ -fno-exceptions "$HERE/lib_copied.cc" -DREPLACES
for link in "-Wl,-z,lazy" "-Wl,-z,now -Wl,-z,relro" "-no-pie -Wl,-z,norelro"; do
	program copied $link "${beside[@]}" table.so
	has_copy copied t_table
	run_host out ./copied "$TMP"
	well "a table, $link" out 'done'

	"${CXX:-g++}" -O1 -iquote "$HERE" $link -o objects "$HERE/copied_objects.cc" "${beside[@]}" copied.so || bail "cannot build objects"
	has_copy objects _ZTV6Copied
	run_host out ./objects
	well "a vtable, $link" out 'answer 1'
	LINGER_SETTINGS="redirect:_ZN6Copied6answerEi=$TMP/r_copied.so#r_answer" run_host out ./objects
	well "the same redirected" out 'answer 101'
done

echo 'T_1 {}; T_2 {} T_1;' >versions.map
library versions "$HERE/lib_apart.c" -DVERSIONED=1 -Wl,--version-script=versions.map
library table "$HERE/lib_table.c" -DELSEWHERE "${beside[@]}" versions.so
program copied "${beside[@]}" table.so
has_copy copied t_table
run_host out ./copied "$TMP" versions
well "a table, bound to one of two versions at one address" out 'done'
