#!/bin/bash
# every_function_of_the_header_says_what_it_should.t - api.c calls each function of linger.h, also wrongly,
# as C99 and as C++11: preloaded, linked, absent, switched off, and under a policy that keeps everything.
# Without linger the same program runs, and what it unloads stays.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
need g++ g++
need clang clang

# A symbol at address 0; a library that needs something, so that a lookup goes there; one that cannot be loaded.
cat > lib.c <<'C'
int answer(void);
int answer(void) { return 42; }
__asm__(".globl null_symbol\n.set null_symbol, 0");
C
echo 'int nowhere(void); int broken(void); int broken(void) { return nowhere(); }' > broken.c
gcc -fPIC -shared -o lib.so lib.c -Wl,--no-as-needed -lc || bail 'cannot build lib.so'
gcc -fPIC -shared -o broken.so broken.c || bail 'cannot build broken.so'

# What it says: absent | present where they differ, . where it does not come so far.
cat > table <<'TABLE'
query, a variable: -ENOSYS | -ENOENT
load what is not there: -ELIBACC
/no/such.so: cannot open shared object file: No such file or directory
load what is broken: -ELIBACC
broken.so: undefined symbol: nowhere
load, no text wanted: -ELIBACC
load: 0
lookup of nothing: -ENOENT
lookup of NULL: 0
lookup in what it needs: 0
lookup: 0
answer: 42
state: -ENOSYS | live
on, requested: -ENOSYS | 0
on, unloading: -ENOSYS | 0
on, another: -ENOSYS | 0
on, unloaded: -ENOSYS | 0
on, nobody's: -ENOSYS | -ENOENT
on, the program: -ENOSYS | -EPERM
on, no such time: -ENOSYS | -EINVAL
on, no function: -ENOSYS | -EINVAL
pin: -ENOSYS | 0
pin again: -ENOSYS | 0
unpin: -ENOSYS | 0
unpin again: -ENOSYS | 0
unpin once more: -ENOSYS | -EINVAL
pin nothing: -ENOSYS | -ENOENT
unpin nothing: -ENOSYS | -ENOENT
hosts: 0 | 64
one more: -ENOSYS | -ENOSPC
not gone: 0
gone, NULL: 0
host: -ENOSYS | 0
vouch backwards: 0 | -EINVAL
take back what was not: 0 | -ENOENT
vouches: 257 | 256
not taken back: 0
vouch, NULL: 0
load: 0
unload: 0
state: -ENOSYS | live
called: nothing
unload the second: 0
state: -ENOSYS | kept
called: nothing | requested
unload what is not loaded: 0 | -EINVAL
called: nothing | requested
answer: 42
end, NULL: 0
epoch: NULL | begun
end, marked: . | 0
reap: . | 0
end, not complete: . | 0
reap: . | 0
reap: . | 0
end, not marked: . | 1
reap: 0 | 1
called: nothing | requested unloading another unloaded
state: -ENOSYS | -ENOENT
reap again: 0
epoch, nothing kept: NULL
gone: 0
gone again: 0 | -EINVAL
reap without a host: 0
redirect nobody's: -ENOSYS | -ENOENT
and why: linger is absent or switched off | api_nobody is defined by no loaded object
redirect, no text wanted: -ENOSYS | -ENOENT
status 0
TABLE
absent=$(sed '/: \. |/d; s/ | .*//' table)
present=$(sed 's/: .* | /: /' table)
# Under another policy nothing goes; how many would wait for that is nothing to rely on.
kept() { sed '/^end, not marked/d'; }
never=$(kept <<< "$present" | sed 's/^reap: 1/reap: 0/; s/^called: requested .*/called: requested/; s/^epoch, nothing kept: NULL/&?/' |
	awk '/^reap: / { n++ } n == 4 && /^state: / { $0 = "state: kept" }
		/NULL[?]$/ { $0 = "epoch, nothing kept: begun" } { print }')

strict=(-O2 -pedantic -Wall -Wextra -Werror -I "$O/public")
# build OUT COMPILER FLAGS [LINK...]: api.c, strictly.
build() {
	local out=$1 compiler=$2 flags
	read -ra flags <<< "$3"
	shift 3
	is "$compiler ${flags[*]} $*: no warning" "$($compiler "${strict[@]}" "${flags[@]}" -o "$out" \
		"$ROOT/tests/scenarios/api.c" -x none "$@" 2>&1)" ''
}
arguments=("$TMP/lib.so" "$TMP/broken.so")
# without NAME PROGRAM: without linger, and where it is there but switched off.
without() {
	run_plain plain "$2" "${arguments[@]}"
	is "$1: absent" "$(cat plain)" "$absent"
	LINGER=off LD_PRELOAD=$SHIM run_plain off "$2" "${arguments[@]}"
	is "$1: switched off" "$(cat off)" "$absent"
}
preloaded() {
	POLICY=host run_linger host "$2" "${arguments[@]}"
	is "$1: preloaded" "$(cat host)" "$present"
	is "$1: it went once" "$(life host.log)" 'open request keep close unload'
	POLICY=never run_linger never "$2" "${arguments[@]}"
	is "$1: policy never" "$(kept < never)" "$never"
	is "$1: it stays" "$(life never.log)" 'open request keep'
	is "$1: nothing on standard error" "$(cat ./*.err)" ''
}
life() {
	events "$1" | sed -n "s|.*\"event\":\"\([a-z]*\)\".*\"path\":\"$TMP/lib.so\".*|\1|p" |
		grep -v '^dl' | xargs
}
linked() {
	ok "$1: is linked" grep -q 'NEEDED.*\[liblinger.so\]' <(readelf -d "$2")
	rm -f linked.log.*
	LINGER=policy:host,log:$TMP/linked.log LD_LIBRARY_PATH=$O run_plain linked "$2" "${arguments[@]}"
	is "$1: works as preloaded" "$(cat linked)" "$present"
	is "$1: it went once" "$(life linked.log)" 'open request keep close unload'
	LINGER=off LD_LIBRARY_PATH=$O run_plain off "$2" "${arguments[@]}"
	is "$1: switched off" "$(cat off)" "$absent"
}
link=(-L "$O" -llinger)
for compiler in gcc clang; do
	build c99 $compiler -std=c99
	build cxx ${compiler/gcc/g++} '-x c++ -std=c++11'
	for program in c99 cxx; do
		without "$compiler, $program" ./$program
		preloaded "$compiler, $program" ./$program
	done
	build c99-linked $compiler -std=c99 "${link[@]}"
	linked "$compiler, linked" ./c99-linked
	build no-pie-linked $compiler '-std=c99 -fno-pie -no-pie' "${link[@]}"
	linked "$compiler, not position-independent, linked" ./no-pie-linked
done
build cxx-linked g++ '-x c++ -std=c++11' "${link[@]}"
linked 'g++, linked' ./cxx-linked
build no-pie gcc '-std=c99 -fno-pie -no-pie'
without 'not position-independent' ./no-pie
preloaded 'not position-independent' ./no-pie
# As the compiler's default has it, a library of which a program has weak references only may be dropped.
echo '#include <linger.h>
int main(void) { return linger_reap(NULL) || !linger_query_; }' > weak.c
env -u MAKEFLAGS -u MFLAGS make -s -C "$ROOT" O="$TMP" libdir="$O" "$TMP/linger.pc" || bail 'no linger.pc'
read -ra link <<< "$(sed -n 's/^Libs: //p' linger.pc)"
gcc -I "$O/public" -o weak weak.c -Wl,--as-needed "${link[@]}"
ok 'linked by what linger.pc says' env LD_LIBRARY_PATH="$O" ./weak
