#!/bin/bash
# a_repl_redefines_functions.t - with override:GLOB the newest definition is called: by libraries compiled at run
# time, by gcc and by tcc (no DT_JMPREL, no GNU hash, and linker-made symbols that it exports), by those opened
# before them, lazily bound, with BIND_NOW and full RELRO and without a PLT, through pointers in data and by
# dlsym. When it is closed, in whatever order, the newest of the others is. Definitions that are weak, in files
# that do not match, or opened without RTLD_GLOBAL take nothing over. What is closed goes.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
need tcc tcc
POLICY=
# The default millisecond is less than a look needs on a busy machine; then more is kept for a while.
LINGER_SETTINGS='override:*/generation*,children:off,budget:100ms'

build() { $CC -O1 -fPIC -shared -o "$@" || bail "$1 cannot be built"; }
echo 'extern int answer(void); int ask(void) { return answer(); } int (*pointer)(void) = answer;' > caller.c
echo '__attribute__((weak)) int answer(void) { return -1; }' > weak.c
echo 'int answer(void) { return -2; }' > strong.c
build lazy.so -Wl,-z,lazy caller.c
build now.so -Wl,-z,now,-z,relro caller.c
build no_plt.so -fno-plt caller.c
build generation_weak.so weak.c
build generation_local.so strong.c
build elsewhere.so strong.c
like "one has all of its slots read-only" "$(readelf -lWd now.so)" 'GNU_RELRO.*BIND_NOW'
like "one has no PLT" "$(readelf -rW no_plt.so | grep answer)" 'GLOB_DAT'
others=()
for name in lazy now no_plt; do others+=("local:$PWD/$name.so"); done
others+=("global:$PWD/generation_weak.so" "global:$PWD/elsewhere.so" "local:$PWD/generation_local.so")

# The program alone, without linger: five generations, to see that the oldest definition is called.
run_plain plain "$(host redefines)" stack "$TMP" 5 "${others[@]}" -- tcc
is "without linger the oldest is called" "$(cat plain)" \
	$'3 others\nopened: 0 of 5\nclosed: 1 of 5\nstatus 0'

# redefined NAME TIMES COMPILER...
redefined() {
	local name=$1 n=$2 value
	shift 2
	run_linger stack "$(host redefines)" stack "$TMP" "$n" "${others[@]}" -- "$@"
	is "$name: the newest is called, and when it is closed the newest of the others" \
		"$(cat stack stack.err)" "3 others"$'\n'"opened: $n of $n"$'\n'"closed: $n of $n"$'\nstatus 0'
	is "$name: nothing else is taken over" \
		"$(events stack.log redirect | grep -vc '"path":"answer=')" 0
	run_plain plain "$(host redefines)" turns "$TMP" "$n" "${others[@]}" -- "$@"
	run_linger turns "$(host redefines)" turns "$TMP" "$n" "${others[@]}" -- "$@"
	is "$name: one at a time" "$(grep -v = turns; cat turns.err)" \
		"3 others"$'\n'"turns: $n of $n"$'\n'"back: 1"$'\nstatus 0'
	# On the average: on a busy machine some are kept for a moment.
	value=$(sed -n 's/.*maps=//p' turns)
	ok "$name: mappings: ${value:=none}, at most twice $(sed -n 's/.*maps=//p' plain)" \
		[ "${value/none/99999}" -le $((2 * $(sed -n 's/.*maps=//p' plain))) ]
}
times=${CHECK_ALL:+200}
times=${times:-25} # a compilation takes 50 ms
redefined tcc 200 tcc
redefined gcc "$times" "$CC"
