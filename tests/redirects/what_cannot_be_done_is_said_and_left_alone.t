#!/bin/bash
# Each error that linger.h names: its code, one sentence, all slots and protections as found, also when
# it is the third of three changes.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"

link=(-Wl,-z,now -Wl,-z,relro)
beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
library def "$HERE/lib_definer.c" "${link[@]}"
library call1 "$HERE/lib_caller.c" "${link[@]}" "${beside[@]}" def.so
library rep "$HERE/lib_replacer.c" "${beside[@]}" def.so
library versions "$HERE/lib_versions.c" -Wl,--version-script,"$HERE/versions.map"
library symbolic "$HERE/lib_inside.c" -Wl,-Bsymbolic
program errors -fno-pie -no-pie "${beside[@]}" def.so
readelf -rW errors | grep -q 'R_X86_64_COPY.*t_data' || bail "the program has no copy of t_data"

run_host all ./errors "$TMP"
well "each error" all
run_host refused ./errors "$TMP" refused
well "pages that the kernel keeps read-only" refused
run_host busy ./errors "$TMP" busy
well "a signal handler that interrupted linger" busy
program errors -fsanitize=address "${beside[@]}" def.so
ASAN_OPTIONS=detect_leaks=0 PRELOAD_FIRST=$("$CC" -print-file-name=libasan.so) \
	run_host sanitized setarch -R ./errors "$TMP" sanitized
well "a definition in a sanitizer's runtime" sanitized
