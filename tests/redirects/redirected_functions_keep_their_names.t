#!/bin/bash
# dladdr, dladdr1 and backtrace_symbols give replaced functions their own names while redirected.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
library def "$HERE/lib_definer.c"
library rep "$HERE/lib_replacer.c" "${beside[@]}" def.so
program names "${beside[@]}" def.so
run_host all ./names "$TMP"
well "the names of what is redirected" all 'done'
program names
run_host loaded ./names "$TMP"
well "of what was opened" loaded 'done'
