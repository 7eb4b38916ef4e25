#!/bin/bash
# LINGER_AT_ENTRY: objects built with -fpatchable-function-entry=N. Calls that the linker bound inside
# reach the replacement, also while other threads call; the bytes come back; nothing is ever writable
# and executable.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
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
library edge "$HERE/lib_edge.c" -nostdlib
like "the function ends its segment" "$(readelf -lW edge.so)" 'LOAD +0x[0-9a-f]+ 0x[0-9a-f]+ 0x[0-9a-f]+ 0x([0-9a-f]*)000 0x[0-9a-f]*000 R E'
run_host edge.out ./entry "$TMP" edge.so
well "at the end of a segment" edge.out 'done'
library short "$HERE/lib_inside.c" -DPROTECTED -fpatchable-function-entry=4
run_host short.out ./entry "$TMP" short.so
like "four bytes are too few: EOPNOTSUPP" "$(cat short.out)" 'Operation not supported: ..........'
library plain "$HERE/lib_inside.c" -DPROTECTED
run_host later.out ./entry "$TMP" plain.so later
well "one that comes later and has no such entry" later.out 'done'
run_host filter.out ./entry "$TMP" gcc-16-14.so filter
well "a filter refuses PROT_EXEC: nothing is touched" filter.out 'done'
run_host mdwe.out ./entry "$TMP" gcc-16-14.so mdwe
if grep -qx 'not here' mdwe.out; then
	skip "the kernel refuses to make anything executable" "no PR_SET_MDWE"
else
	well "the kernel refuses to make anything executable: nothing is touched" mdwe.out 'done'
fi

# Code is written while it cannot be executed, and threads that would execute it stand still.
LINGER=$(words_for "$TMP/traced") strace -f -qq -e trace=mprotect,mmap,mremap,pkey_mprotect -o trace -E LD_PRELOAD="$SHIM" \
	./entry "$TMP" gcc-16-14.so alone >traced.out 2>&1
like "traced" "$(cat traced.out)" '^done$'
like "code is made writable" "$(cat trace)" 'PROT_READ\|PROT_WRITE\).*PROT_READ\|PROT_EXEC\)'
is "and never executable at the same time" "$(grep -E 'PROT_WRITE\|PROT_EXEC|PROT_EXEC\|PROT_WRITE' trace)" ""
