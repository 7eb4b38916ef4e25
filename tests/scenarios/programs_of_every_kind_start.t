#!/bin/bash
# programs_of_every_kind_start.t - programs linked and started in unusual ways: for gprof (they have a
# __gmon_start__ of their own), static and static-pie ones (nothing is preloaded, nothing changes),
# fixed in their address, without address randomisation, through the loader by hand.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
mapfile -t paths < <(copies 2 base)

# built NAME FLAGS...: host_churns built in another way.
built() {
	"$CC" -O2 -D_GNU_SOURCE -I"$O/public" -I"$ROOT/tests/hosts" "${@:2}" -o "$1" \
		"$ROOT/tests/hosts/host_churns.c" || bail "cannot build $1"
}
# logged NAME N: that many lives in the log.
logged() {
	is "$1: opened" "$(count_events linger.log open '/base[12].so')" "$2"
	is "$1: unloaded" "$(count_events linger.log unload '/base[12].so')" "$2"
}
built profiled -pg
same_with_linger 'gcc -pg' ./profiled 20 "${paths[@]}"
logged 'gcc -pg' 20
ok 'gcc -pg: it has its profile' test -s gmon.out
# Exported, it is called for each object in place of linger's: those are found by the next dl call.
cp "$(plug deep)" .
"$CC" -pg -rdynamic -O2 -D_GNU_SOURCE -I"$O/public" -I"$ROOT/tests/hosts" -o exported \
	"$ROOT/tests/hosts/host_bypasses.c" || bail 'cannot build exported'
same_when_kept 'gcc -pg -rdynamic' ./exported bare "${paths[0]}"
same_when_off 'gcc -pg -rdynamic' ./exported bare "${paths[0]}"
logged 'gcc -pg -rdynamic' 3
built fixed -no-pie
same_with_linger 'gcc -no-pie' ./fixed 20 "${paths[@]}"
logged 'gcc -no-pie' 20
built eager -Wl,-z,now,-z,relro -fno-plt
same_with_linger 'gcc -fno-plt' ./eager 20 "${paths[@]}"
logged 'gcc -fno-plt' 20
if setarch -R true 2> /dev/null; then
	same_with_linger 'setarch -R' setarch -R "$(host churns)" 20 "${paths[@]}"
	logged 'setarch -R' 20
else
	skip 'setarch -R' 'this container forbids it'
fi

ld_so=$(readelf -p .interp "$(host churns)" | grep -o '/[^ ]*')
program=("$(host churns)" 20 "${paths[@]}")
same_with_linger 'the loader as a command' "$ld_so" "${program[@]}"
logged 'the loader as a command' 20
run_plain plain "$ld_so" "${program[@]}"
LINGER=$(words_for "$TMP/arg.log") run_plain arg "$ld_so" --preload "$SHIM" "${program[@]}"
is 'ld.so --preload: as without linger' "$(cat arg arg.err)" "$(cat plain plain.err)"
is 'ld.so --preload: logged' "$(count_events arg.log open '/base[12].so')" 20

echo 'int main(void) { return 42; }' > static.c
for kind in -static -static-pie; do
	"$CC" $kind -o "static$kind" static.c || bail "cannot link with $kind"
	LINGER=log:$TMP/static.log LD_PRELOAD=$SHIM "./static$kind" > out 2>&1
	is "gcc $kind: runs" "$? $(cat out)" '42 '
done
ok 'static programs: no log' test -z "$(compgen -G 'static.log*')"
