#!/bin/bash
# the_limit_of_mappings_is_announced.t - what is kept has mappings, of which the kernel allows so many;
# near that limit the log says so, once, and well before a dlopen fails.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
POLICY=never
mapfile -t paths < <(copies 200 base)
limit=$(cat /proc/sys/vm/max_map_count)

# crowded NAME MAPPINGS
crowded() {
	with_linger "$TMP/$1" "$(host crowds)" "$2" "${paths[@]}" > "$1.out" 2>&1
	is "$1: every library was opened" "$? $(cat "$1.out")" '0 done'
	is "$1: and kept" "$(count_events "$1" keep '/base[0-9]*.so')" 200
}
crowded roomy $((limit / 4))
is "with room: no word of it" "$(events roomy error | grep -c map-limit)" 0
crowded narrow $((limit * 3 / 4))
is "near the limit: said once" "$(events narrow error | grep -c map-limit)" 1
