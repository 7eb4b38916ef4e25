#!/bin/bash
# a_host_says_when_a_library_goes.t - policy:host: what the program gave up is closed when every host has
# reported it unreachable, nothing that stays needs it, no thread's stack or register points into it, and
# it is not pinned; callbacks come in order; and with other policies a report closes nothing.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
need strace strace
POLICY=host
BOTH_LIVE='library live, what it needs live'
BOTH_KEPT='library kept, what it needs kept'
BOTH_GONE="library nobody's, what it needs nobody's"

# case NAME LINE...: what the host prints.
case_is() {
	local name=$1
	shift
	run_linger "$name" timeout 60 "$(host reports)" "$name"
	is "$name" "$(cat "$name" "$name.err")" "$(printf '%s\n' "$@" 'status 0')"
}
case_is simple "in use, not reported: 0 gone, $BOTH_LIVE" "no report: 0 gone, $BOTH_KEPT" \
	"marked: 0 gone, $BOTH_KEPT" \
	"what it needs is marked: 1 gone, library nobody's, what it needs kept"
is "the log says why it was kept" \
	"$(events simple.log keep | grep -o '"reason":"[a-z]*"' | sort -u)" '"reason":"host"'
is "and that it was closed" "$(count_events simple.log close /plug_reported.so)" 1
case_is needed '2 wait' "not marked: 2 gone, $BOTH_GONE"
case_is aborted "an aborted report: 0 gone, $BOTH_KEPT" \
	"a complete one, and an aborted one after it: 0 gone, $BOTH_KEPT" \
	"a complete one: 2 gone, $BOTH_GONE"
case_is late "kept after the report began, another one before: 1 gone, $BOTH_KEPT" \
	"kept before the next: 2 gone, $BOTH_GONE"
case_is hosts "one of two has reported: 0 gone, $BOTH_KEPT" "the other one marks it: 0 gone, $BOTH_KEPT" \
	"both have reported: 2 gone, $BOTH_GONE" "the other one has gone: 2 gone, $BOTH_GONE"
case_is pinned "pinned twice: 0 gone, $BOTH_KEPT" "once: 0 gone, $BOTH_KEPT" \
	"not pinned: 0 gone, $BOTH_KEPT" "and reported since: 2 gone, $BOTH_GONE"
case_is inside "a thread is inside: 0 gone, $BOTH_KEPT" 'it returned 2' "it has left: 0 gone, $BOTH_KEPT" \
	"and that is reported: 2 gone, $BOTH_GONE"
case_is elsewhere "a thread is elsewhere: 2 gone, $BOTH_GONE" "it has ended: 0 gone, $BOTH_GONE"
case_is vfork "a thread is in vfork: 0 gone, $BOTH_KEPT" "it has ended: 2 gone, $BOTH_GONE"
# Whose threads somebody else traces cannot be looked at.
run_linger traced strace -f -o strace.out timeout 60 "$(host reports)" elsewhere
is "under strace nothing can be said of other threads" "$(grep -v '^strace' traced)" \
	"a thread is elsewhere: 0 gone, $BOTH_KEPT"$'\n'"it has ended: 2 gone, $BOTH_GONE"$'\nstatus 0'
case_is stack "on the reaper's own stack: 0 gone, $BOTH_KEPT" "that frame is left: 2 gone, $BOTH_GONE"
case_is callbacks 'second: requested, kept' 'second: requested, kept' 'third: unloading, kept' \
	'fourth: unloading, kept' "first: unloaded, nobody's" "reported: 2 gone, $BOTH_GONE" '5 calls'
case_is saved 'a callback opens it again' "a callback saves it: 0 gone, $BOTH_LIVE"
case_is forked "the child ends the report: 2 gone, $BOTH_GONE" \
	"and makes one of its own: 2 gone, $BOTH_GONE" "the parent ends it, too: 2 gone, $BOTH_GONE"

POLICY=never run_linger kept timeout 60 "$(host reports)" needed
is "policy:never: nothing is closed" "$(head -2 kept)" $'0 wait\n'"not marked: 0 gone, $BOTH_KEPT"
# What nothing reaches has gone by then, and nothing waits for a report.
POLICY=safe LINGER_SETTINGS=budget:60s run_linger safe timeout 60 "$(host reports)" needed
is "policy:safe: nothing is closed by a report" "$(head -2 safe)" \
	$'0 wait\n'"not marked: 0 gone, $BOTH_GONE"
