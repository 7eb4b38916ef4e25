#!/bin/bash
# other_preloads_stay_in_the_chain.t - allocators and a wrapper of dlopen, preloaded before and after
# linger: the program does what it does with them alone, and linger's log is complete.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
mapfile -t paths < <(copies 3 allocates)
program=("$(host churns)" 300 "${paths[@]}")

# both_orders NAME PRELOAD: 300 opens and closes in three places.
both_orders() {
	local order preload
	run_plain plain env LD_PRELOAD="$2" "${program[@]}"
	like "$1 alone" "$(tail -n 1 plain)" '^status 0$'
	for order in before after; do
		preload="$2 $SHIM"
		[ $order = before ] || preload="$SHIM $2"
		rm -f both.log.*
		LINGER=$(words_for "$TMP/both.log") run_plain both env LD_PRELOAD="$preload" "${program[@]}"
		is "$1 $order linger: as alone" "$(cat both both.err)" "$(cat plain plain.err)"
		is "$1 $order linger: the log" \
			"$(for e in dlopen open request unload dlclose; do
				count_events both.log $e '/allocates[0-9].so'; done | tr '\n' ' ')" \
			'300 300 300 300 300 '
	done
}
both_orders jemalloc "$(ldconfig -p | sed -n 's/.*libjemalloc.so.2 .*=> //p' | head -n 1)"
both_orders tcmalloc "$(ldconfig -p | sed -n 's/.*libtcmalloc_minimal.so.4 .*=> //p' | head -n 1)"
both_orders 'a wrapper' "$(plug wraps)"
like 'the wrapper counted' "$(cat both)" 'wrapped: 300 opens, 300 closes'
