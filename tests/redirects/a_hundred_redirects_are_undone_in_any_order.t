#!/bin/bash
# A hundred redirects on one symbol, whose replacements each call their previous; undone in a random
# order (SEED). After each step every binding and every previous is right.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"
SEED=${SEED:-1}

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
library def "$HERE/lib_definer.c"
library call1 "$HERE/lib_caller.c" "${beside[@]}" def.so
library call2 "$HERE/lib_caller.c" "${beside[@]}" def.so -Wl,-z,now -Wl,-z,relro
library links "$HERE/lib_links.c"
# One object, whose names are changed in each copy, is a third of the time of a hundred compilers.
"$CC" "${flags[@]}" -S -fPIC -DONE=10 -o one.s "$HERE/lib_links.c" || bail "cannot compile"
for ((i = 0; i < 100; i++)); do
	sed "s/r_previous10/r_previous$i/g; s/r_link10/r_link$i/g; s/\$1010,/\$$((1000 + i)),/" one.s >"link$i.s"
done
printf '%s\n' {0..99} | xargs -P 2 -I{} "$CC" -shared -Wl,-soname,link{}.so -o link{}.so link{}.s
program chain "${beside[@]}" def.so
for seed in $SEED $((SEED + 1)); do
	for how in one many; do
		run_host $how.$seed ./chain "$TMP" "$seed" $how
		well "replacements in $how, seed $seed" $how.$seed 'done'
	done
done
