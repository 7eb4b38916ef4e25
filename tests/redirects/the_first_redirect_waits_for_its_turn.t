#!/bin/bash
# Another thread is inside a dlopen, in a constructor, when the process makes its first redirect.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
library def "$HERE/lib_definer.c"
library rep "$HERE/lib_replacer.c" "${beside[@]}" def.so
library slowly "$HERE/lib_constructs_slowly.c"
program waits -rdynamic "${beside[@]}" def.so
for policy in off safe never; do
	POLICY=$policy run_host $policy ./waits "$TMP"
	well "policy $policy" $policy 'done'
done
