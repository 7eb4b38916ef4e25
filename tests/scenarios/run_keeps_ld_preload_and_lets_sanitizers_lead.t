#!/bin/bash
# run_keeps_ld_preload_and_lets_sanitizers_lead.t - what LD_PRELOAD is for the program.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"
S=$TMP/bin/liblinger.so

# preload BEFORE: LD_PRELOAD as the program gets it. Names nothing finds are only warned of.
preload() { LD_PRELOAD=$1 "$RUN" run printenv LD_PRELOAD 2> /dev/null; }
is "nothing before" "$("$RUN" run printenv LD_PRELOAD)" "$S"
is "an empty one" "$(preload '')" "$S"
is "others stay behind the shim, in order" "$(preload '/x/a.so:/x/b.so c.so')" "$S:/x/a.so:/x/b.so:c.so"
is "sanitizers that lead stay in front" "$(preload '/x/libasan.so.8:liblsan.so.0:/x/a.so')" \
	"/x/libasan.so.8:liblsan.so.0:$S:/x/a.so"
is "one that does not lead stays where it was" "$(preload '/x/a.so:libtsan.so.2')" "$S:/x/a.so:libtsan.so.2"
is "names that only look like one" "$(preload '/x/libasanity.so /libasan.so/a.so')" "$S:/x/libasanity.so:/libasan.so/a.so"
is "the shim is there once" "$(preload "$S:/x/a.so")" "$S:/x/a.so"
is "another linger's shim is replaced" "$(preload "/else/where/liblinger.so:/x/a.so")" "$S:/x/a.so"
is "linger run within linger run" "$("$RUN" run "$RUN" run printenv LD_PRELOAD)" "$S"

# A program with a sanitizer in it: gcc's runtime refuses to run behind anything.
for sanitizer in address thread; do
	compile -fsanitize=$sanitizer -shared-libgcc -o $sanitizer report.c
	soname=$(readelf -dW $sanitizer | sed -n 's/.*NEEDED.*\[\(lib[at]san[^]]*\)\].*/\1/p')
	if [ -z "$soname" ]; then # clang links its runtime statically
		ok "$sanitizer: the runtime is in the program" true
		continue
	fi
	is "$sanitizer: its runtime is put in front" \
		"$(printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { puts(getenv("LD_PRELOAD")); }' |
			"$CC" -fsanitize=$sanitizer -o print -x c - && "$RUN" run ./print)" "$soname:$S"
	is "$sanitizer: not twice" "$(LD_PRELOAD=$soname "$RUN" run ./print)" "$soname:$S"
	printf '#!%s/print\n' "$TMP" > script && chmod 755 script
	is "$sanitizer: for a script's interpreter too" "$("$RUN" run ./script)" "$soname:$S"
	is "$sanitizer: not for env, which only looks for it" \
		"$(printf '#!/usr/bin/env print\n' > script && PATH=$TMP:$PATH "$RUN" run ./script)" "$soname:$S"
	like "$sanitizer: the program runs with linger in it" "$("$RUN" run ./$sanitizer 2>&1)" 'shim=1 secure=0'
done
