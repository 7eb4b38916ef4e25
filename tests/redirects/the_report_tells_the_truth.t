#!/bin/bash
# linger_report: each verdict occurs, where it is right; calls that the linker bound inside are counted.
# linger_each_slot and linger_each_symbol show what the ELF image has. (LINGER_UNSETTLED is in
# no_redirect_is_lost_to_a_first_call.t.)
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
lazy=(-Wl,-z,lazy)
library def "$HERE/lib_definer.c"
# With lld one symbol has a slot of the PLT and one of the GOT.
for i in 1 2 3; do library call$i "$HERE/lib_caller.c" "${lazy[@]}" -fuse-ld=lld "${beside[@]}" def.so; done
library full "$HERE/lib_caller.c" -Wl,-z,now -Wl,-z,relro "${beside[@]}" def.so
library rep "$HERE/lib_replacer.c" "${lazy[@]}" "${beside[@]}" def.so
library versions "$HERE/lib_versions.c" -Wl,--version-script,"$HERE/versions.map"
library of_versions "$HERE/lib_of_versions.c" "${beside[@]}" versions.so
library early "$HERE/lib_early.c" "${beside[@]}" def.so
library uses_early "$HERE/lib_uses_early.c" "${beside[@]}" early.so
library symbolic "$HERE/lib_inside.c" -Wl,-Bsymbolic
library protected "$HERE/lib_inside.c" -DPROTECTED
library alias "$HERE/lib_inside.c" -DHIDDEN_ALIAS
program report "${beside[@]}" def.so

run_host all ./report "$TMP"
well "each verdict, and what the iterators show" all 'done'
run_host refused ./report "$TMP" refused
well "an object loaded since the kernel refuses to make pages writable" refused 'done'
