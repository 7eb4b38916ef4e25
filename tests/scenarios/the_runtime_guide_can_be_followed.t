#!/bin/bash
# the_runtime_guide_can_be_followed.t - every code block of linger-runtime(7) compiles as C99 and as C++,
# with no warning; its example does what the page says, with linger and without, and the library has
# really gone; and the page names every function of linger.h.
#
# Blocks are files' worth of declarations that build on those before them; one with a main is a program.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
need g++ g++
need clang clang
page=$ROOT/tools/linger-runtime.7

# N.block for each, as a reader sees it.
blocks=$(awk '/^\.Ed/ { inside = 0 } inside { gsub(/\\e/, "\\"); print > (n ".block") }
	/^\.Bd -literal/ { inside = 1; n++ } END { print n + 0 }' "$page")
ok 'there are blocks' test "$blocks" -ge 6
is 'none but of code' "$(grep -c '^\.Bd' "$page")" "$blocks"
programs=$(grep -l '^int main(' ./*.block)
is 'one is a program' "$(wc -w <<< "$programs")" 1
cp "$programs" example.c
for ((i = 1; i <= blocks; i++)); do
	grep -q '^int main(' $i.block || { echo "#line 1 \"block $i\"" && cat $i.block; }
done > fragments.c
is 'the others are in one file' "$(grep -c '^#line' fragments.c)" $((blocks - 1))

strict=(-pedantic -Wall -Wextra -Werror -I "$O/public")
c99=(-std=c99 "${strict[@]}")
cxx=(-x c++ -std=c++11 "${strict[@]}")
for file in fragments example; do
	for compiler in gcc clang; do
		is "$file: C99, $compiler" "$($compiler -O2 "${c99[@]}" -c -o $file.o $file.c 2>&1)" ''
		is "$file: C++11, $compiler" \
			"$(${compiler/gcc/g++} -O2 "${cxx[@]}" -c -o $file.o $file.c 2>&1)" ''
	done
done
# Is it the example that is compiled, and would a mistake be seen?
sed 's/linger_mark(epoch, heap)/linger_mark(heap)/' example.c > wrong.c
ok 'a mistake is seen' test "$(gcc "${c99[@]}" -c -o wrong.o wrong.c 2>&1 | wc -l)" -gt 0

absent=$'reachable: 0 gone\nunreachable: 0 gone\nstatus 0'
kept=$'requested\n'$absent
gone=$'requested\nreachable: 0 gone\nunloading\nunloaded\nunreachable: 1 gone\nstatus 0'
library=$TMP/plug_base.so
cp "$(plug base)" "$library"
# The records of the library, in their order.
life() {
	events "$1" | sed -n "s|.*\"event\":\"\([a-z]*\)\".*\"path\":\"$library\".*|\1|p" |
		grep -v '^dl' | xargs
}
follow() {
	local what=$1 program=$2
	run_plain plain "$program" "$library" base_value
	is "$what: without linger" "$(cat plain)" "$absent"
	POLICY=host run_linger host "$program" "$library" base_value
	is "$what: policy host" "$(cat host)" "$gone"
	is "$what: it went" "$(life host.log)" 'open request keep close unload'
	POLICY=never run_linger never "$program" "$library" base_value
	is "$what: policy never" "$(cat never)" "$kept"
	is "$what: it stays" "$(life never.log)" 'open request keep'
	is "$what: nothing on standard error" "$(cat ./*.err)" ''
}
for level in -O0 -O2; do
	gcc $level "${c99[@]}" -o example example.c || bail 'cannot build the example'
	follow "C99 $level" ./example
	g++ $level "${cxx[@]}" -o example example.c || bail 'cannot build the example'
	follow "C++11 $level" ./example
done
# What is not marked goes at the first collection: it is the mark that kept it.
sed 's/linger_mark(epoch, heap)/linger_mark(epoch, \&heap)/' example.c > unmarked.c
gcc -O2 "${c99[@]}" -o unmarked unmarked.c || bail 'cannot build unmarked'
POLICY=host run_linger unmarked.out ./unmarked "$library" base_value
is 'unmarked, it goes at once' "$(cat unmarked.out)" \
	$'requested\nunloading\nunloaded\nreachable: 1 gone\nunreachable: 0 gone\nstatus 0'
run_plain refused ./example "$library" no_such_function
is 'what is not there is said' "$(cat refused refused.err)" $'status 1\n./example: no such symbol: '

functions=$(sed -n 's/^static inline.*[ *]\(linger_[a-z_]*[a-z]\)(.*/\1/p' "$O/public/linger.h")
ok 'linger.h has functions' test "$(wc -w <<< "$functions")" -gt 12
is 'the page has all of them' "$(for f in $functions; do grep -qE "\b$f\b" "$page" || echo "$f"; done)" ''
