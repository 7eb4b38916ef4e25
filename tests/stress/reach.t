#!/bin/bash
# reach.t - promise K under policy:safe: exactly one reference to a library, in each of some sixty kinds of
# places, keeps it; and where there is none it goes (fuzz_reach.c). In a process of one thread, and in one
# of several with loads going on. That each kind's check works is shown without a proof (policy:off), when
# all are closed wrongly; that each kind of root is needed, by shims that are blind to one.
#
# CHECK_ALL=1: 1,000 rounds of each kind in both, and the shims that are blind, each of which is built; else
# ROUNDS (15).
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
[ -x "$LINGER_CMD" ] || bail "build first: $LINGER_CMD is missing"
if [ "$(uname -m)" != x86_64 ]; then
	skip "the fuzz holds references in registers of x86-64" "another machine"
	exit 0
fi
ROUNDS=${ROUNDS:-15}
[ -z "${CHECK_ALL:-}" ] || ROUNDS=1000
SEED=${SEED:-1}
# Looks are to happen, whatever they cost, and soon after each other: what is kept only because nobody
# has looked shows nothing.
OFTEN=,retry:1ms..4ms,budget:200ms
cd "$TMP" || exit
"$CC" -g -O2 -std=gnu11 -D_GNU_SOURCE -iquote "$ROOT/core" -rdynamic -pthread -o fuzz \
	"$ROOT"/tests/stress/{fuzz_reach,reach_places,reach_threads}.c "$ROOT/tests/stress/reach_hold.S" ||
	bail "cannot build the fuzz"

# fuzz OUT SETTINGS TESTERS ROUNDS [KIND...]: status in OUT.status.
fuzz() {
	local out=$1 settings=$2
	rm -rf files && mkdir files
	LINGER=$settings LD_PRELOAD=$SHIM timeout $((60 + $4 * 3)) nice ./fuzz "$3" "$4" "$SEED" files \
		"$O/tests/plug_reach.so" "$O/tests/plug_bare.so" "${@:5}" > "$out" 2> "$out.err"
	echo $? > "$out.status"
}
# kinds WITHOUT: what can be done with that many testers, by name.
kinds() { ./fuzz kinds | grep -v " $1\$" | cut -d' ' -f1 | grep -vxE "watch|none"; }
# column N OUT: KIND=VALUE of all kinds but none.
column() { awk -v n="$1" 'NR > 1 && /^[a-z]/ && $1 != "none" { print $1 "=" $n }' "$2"; }
# percent OUT: of the libraries nothing refers to, how many went.
percent() { awk '$1 == "none" { printf "%d\n", 100 * ($4 + $5 + $6) / $2 }' "$1"; }

for testers in 0 1; do
	mapfile -t kinds < <(./fuzz kinds | grep -v "^none\|^beneath-stack\|$([ $testers = 0 ] && echo threads || echo single)\$" |
		cut -d' ' -f1)
	REACH_STAY=1 fuzz off policy:off $testers 2 "${kinds[@]}"
	is "$testers testers, without a proof: every kind is seen to be closed wrongly" \
		"$(awk 'NR > 1 && /^[a-z]/ && $1 != "none" && !$3' off)" ''
	is "$testers testers: each kind was there" "$(column 2 off | wc -l)" "${#kinds[@]}"
done
REACH_STAY=1 fuzz off policy:off 2 2 beneath-stack
like "2 testers: beneath-stack, too" "$(column 3 off)" 'beneath-stack=[1-9]'
fuzz never policy:never 2 3
is "what is never closed is never closed wrongly" "$(cat never.status)" 0

for testers in 0 2; do
	mapfile -t kinds < <(kinds "$([ $testers = 0 ] && echo threads || echo single)")
	fuzz safe "policy:safe$OFTEN" $testers "$ROUNDS" none "${kinds[@]}"
	sed 's/^/# /' safe
	is "$testers testers: no library is closed to which there is a reference, in $ROUNDS rounds of each kind" \
		"$(cat safe.status; grep -v '^#' safe.err | grep 'closed\|not what\|signal')" 0
	fuzz watch "policy:safe$OFTEN" $testers "$ROUNDS" watch
	is "$testers testers: nor one that is to be told when another one has gone" \
		"$(cat watch.status; grep -v '^#' watch.err | grep 'closed\|not what\|signal')" 0
	# Several threads take longer to look at than the default budget allows.
	fuzz none "policy:safe$([ $testers = 0 ] || echo "$OFTEN")" $testers $((ROUNDS * 5)) none
	sed 's/^/# /' none
	ok "$testers testers: at least 99 % of those without one are unmapped" \
		[ "$(percent none)" -ge 99 ]
done

# blind ROOT TESTERS KIND: the shim without one kind of root closes wrongly what is referred to there.
blind() {
	local dir=$TMP/shim
	rm -rf "$dir"
	make -s -j2 -C "$ROOT" V=1 O="$dir" CFLAGS=-O1 CPPFLAGS="-DLGR_BLIND='\"$1\"'" "$dir/liblinger.so" \
		> build.out 2>&1 || bail "cannot build it blind to $1: $(tail -3 build.out)"
	SHIM=$dir/liblinger.so fuzz blind "policy:safe$OFTEN" "$2" 20 "$3"
	like "a shim that is blind to $1 is found out by $3" "$(grep -E "^${3%:*} " blind | awk '{ print $3 }')" \
		'^[1-9]'
}
[ "${CHECK_ALL:-}" ] || exit 0
while read -r root testers kind; do
	blind "$root" "$testers" "$kind"
done << END
registers 1 register
vectors 1 vector
stacks 1 stack
heap 0 heap
anonymous 0 private
shared 0 shared
files 0 relro
protected 0 prot-none
tls 0 global:tls
mangled 0 jump-buffer
tagged 0 tagged
doubled 0 doubled
jit 0 jit-relative
signals 0 signal
altstack 0 own-altstack
timers 0 timer
epoll 0 epoll
robust 1 robust-list
watch 0 watch
objects 0 chain
END
