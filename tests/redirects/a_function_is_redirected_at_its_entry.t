#!/bin/bash
# LINGER_AT_ENTRY: objects built with -fpatchable-function-entry=N. Calls that the linker bound inside
# reach the replacement, also while other threads call; the bytes come back; nothing is ever writable
# and executable.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # the loader's $ORIGIN
. "$(dirname "$0")/redirects.sh"
need strace strace
need clang clang

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
library def "$HERE/lib_definer.c"
library rep "$HERE/lib_replacer.c" "${beside[@]}" def.so
program entry
for cc in gcc clang; do
	for n in 5 16 16,14; do
		name=$cc-${n/,/-}
		CC=$cc library $name "$HERE/lib_inside.c" -DPROTECTED -fpatchable-function-entry=$n
		run_host $name.out ./entry "$TMP" $name.so
		well "$cc, -fpatchable-function-entry=$n" $name.out 'done'
	done
done
library cet "$HERE/lib_inside.c" -DPROTECTED -fpatchable-function-entry=5 -fcf-protection=full
run_host cet.out ./entry "$TMP" cet.so
well "behind endbr64" cet.out 'done'
library short "$HERE/lib_inside.c" -DPROTECTED -fpatchable-function-entry=4
run_host short.out ./entry "$TMP" short.so
like "four bytes are too few: EOPNOTSUPP" "$(cat short.out)" 'Operation not supported: ..........'
