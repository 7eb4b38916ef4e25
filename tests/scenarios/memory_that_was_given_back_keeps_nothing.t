#!/bin/bash
# memory_that_was_given_back_keeps_nothing.t - an address that stands only in what malloc has as free, in a thread's
# cache, in a fast bin, in another bin, keeps no library; one that stands in memory that is used does, also
# if that has been free before.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
POLICY='' LINGER_SETTINGS=budget:60s

# becomes CASE WANTED
becomes() {
	run_linger "$1" "$(host gives_back)" "$1"
	is "$1: the host ends well" "$(cat "$1" "$1.err")" 'status 0'
	is "$1: the library is $2" \
		"$(events "$1.log" | grep plug_base.so | grep -o '"event":"\(keep\|close\)"' | cut -d'"' -f4)" "$2"
}
becomes none keep
becomes all close
becomes all-but-one keep
becomes taken-again keep
