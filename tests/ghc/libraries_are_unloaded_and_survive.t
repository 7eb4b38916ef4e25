#!/usr/bin/env bash
# Libraries of Haskell, loaded and unloaded by GHC's run-time system: it calls dlclose in the pause of
# its collector when no static closure of the library is reachable. That says nothing of pointers
# that C has, nor of what lies in the heap and is code of the library: those crash without linger.
# SPDX-License-Identifier: MIT
# shellcheck source=tests/ghc/ghc.sh
. "$(dirname "$0")/ghc.sh"
TIMES=300

built plugin.so -fPIC -shared "$HERE/Plugin.hs"
built single "$HERE/Host.hs"
built threaded -threaded -rtsopts -with-rtsopts=-N2 "$HERE/Host.hs"
built debug -debug "$HERE/Host.hs"

# cycles HOST SYMBOL: as many as there are, the same under each policy, and the log has every one.
cycles() {
	local host=$1 symbol=Plugin_$2_closure policy log
	ran "$host" "./$host" cycle $TIMES ./plugin.so "$symbol"
	is "$host, $2: it works without linger" "$(tail -2 "$host.out")" $'end\nstatus 0'
	is "$host, $2: each time" "$(grep -c '^\[' "$host.out")" $TIMES
	for policy in "${@:3}"; do
		log=$host.$2.${policy%%,*}
		POLICY=$policy ran "$log" with_linger "$TMP/$log" "./$host" cycle $TIMES ./plugin.so "$symbol"
		is "$host, $2, $policy: the same" "$(cat "$log.out" "$log.err")" "$(cat "$host.out" "$host.err")"
		is "$host, $2, $policy: each opening was seen" "$(count "$log" dlopen)" $TIMES
		is "$host, $2, $policy: each closing was a request" \
			"$(count "$log" dlclose) $(count "$log" request)" "$TIMES $TIMES"
		is "$host, $2, $policy: opened, opened again, kept, unloaded" \
			"$(for e in open reopen keep unload; do count "$log" $e; done | xargs)" \
			"$(case $policy in
				off) echo $TIMES 0 0 $TIMES ;;
				*fresh*) echo $TIMES 0 $TIMES 0 ;;
				*) echo 1 $((TIMES - 1)) $TIMES 0 ;;
			esac)"
	done
}
for host in single threaded; do
	cycles $host double never host off
done

# What a library has evaluated once dies with the library, by GHC's account. If linger gives the kept
# instance back, it points at what the collector has given up; GHC needs a new one each time.
FRESH=reopen:fresh,kept_max:$TIMES
cycles single total "never,$FRESH" off
cycles threaded total "never,$FRESH"
POLICY=never ran same with_linger "$TMP/same" ./debug cycle $TIMES ./plugin.so Plugin_total_closure
like "control: an instance given back is not one that GHC can use" "$(cat same.err)" 'Evaluated a CAF .* GC.d!'
is "control: it was given back" "$([ "$(count same reopen)" -gt 0 ] && echo yes)" yes

# left MODE SYMBOL: crashes without linger, five times of five, and not with it.
left() {
	local policy i crashed=0 whole=0 host=$3
	ran before "./$host" "$1" 0 ./plugin.so "$2"
	is "$host, $1: works until the library is closed" "$(tail -1 before.out)" 'status 0'
	for i in 1 2 3 4 5; do
		ran "bare" "./$host" "$1" 1 ./plugin.so "$2"
		killed bare && [ "$(sed '$d' bare.out)" = "$(sed '/^unloaded/q' before.out)" ] &&
			crashed=$((crashed + 1))
	done
	is "$host, $1: control: crashes without linger when it is used again" $crashed 5
	POLICY=off ran off with_linger "$TMP/off.$host.$1" "./$host" "$1" 1 ./plugin.so "$2"
	ok "$host, $1: and with policy:off" killed off
	for policy in never host ''; do
		whole=0
		for i in 1 2 3 4 5; do
			POLICY=$policy ran kept with_linger "$TMP/kept.$host.$1.$policy$i" "./$host" "$1" 3 ./plugin.so "$2"
			cmp -s kept.out before.out && whole=$((whole + 1))
		done
		is "$host, $1, ${policy:-the default policy}: survives" $whole 5
		is "$host, $1, ${policy:-the default policy}: GHC had closed the library" \
			"$(for e in dlclose request keep unload; do count "kept.$host.$1.${policy}5" $e; done | xargs)" '1 1 1 0'
	done
}
for host in single threaded; do
	left pointer plugin_from_c $host
	left list Plugin_squares_closure $host
done

# What GHC does see: it closes the library later, and linger leaves that to it.
ran bare ./single function 3 ./plugin.so Plugin_total_closure
POLICY=never ran kept with_linger "$TMP/function" ./single function 3 ./plugin.so Plugin_total_closure
is "a function that Haskell can reach: not closed before it was called" \
	"$(cat bare.out)" $'[3,6]\nunloaded\n[4,10]\nend\nstatus 0'
is "a function that Haskell can reach: the same with linger" "$(cat kept.out)" "$(cat bare.out)"
