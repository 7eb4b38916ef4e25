#!/bin/bash
# LINGER_LATER: nobody defines the name yet. Its definer and callers come in one dlopen or one after
# the other; it goes, and another one takes over.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
library def "$HERE/lib_definer.c"
library rep "$HERE/lib_replacer.c" "${beside[@]}" def.so
library a "$HERE/lib_second.c"
library b "$HERE/lib_second.c" -DSECOND=3
program later
for how in lazy now; do
	library with_a "$HERE/lib_late.c" "${beside[@]}" a.so -Wl,-z,$how -Wl,-z,relro
	library with_b "$HERE/lib_late.c" "${beside[@]}" b.so -Wl,-z,$how -Wl,-z,relro
	library without "$HERE/lib_late.c" -Wl,-z,$how -Wl,-z,relro
	for policy in off safe never; do
		[ $policy = off ] || export LINGER_SETTINGS=reopen:fresh
		POLICY=$policy run_host "$how-$policy" ./later "$TMP"
		well "callers bound $how, policy $policy" "$how-$policy" 'done'
	done
	unset LINGER_SETTINGS
done
