# faults.sh - what the tests of failing system calls share. Source it first, instead of ../lib.sh.
#
# Gives: trace_host (the program's system calls in $TMP/trace), each_fails. before_each, after_each: commands
# around each run of the program, where a test needs some; what the latter prints is wrong.
# shellcheck shell=bash disable=SC1091
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
need strace strace
before_each=: after_each=:
wanted=$'opened: yes\nclosed: 0\nopened: yes\nclosed: 0'

# trace_host PLUGIN STRACE-OPTION...: a run without a failure.
trace_host() {
	run=(-E "LD_PRELOAD=$SHIM" -E "LINGER=$(words_for "$TMP/log")" "$O/tests/host_marked" "$1")
	$before_each
	strace -qq "${@:2}" -o "$TMP/trace" "${run[@]}" >"$TMP/out" || bail "strace does not work here"
	is "without a failure" "$(cat "$TMP/out")" "$wanted"
	compgen -G "$TMP/log.*" >/dev/null || bail "the shim was not in the process"
}
# each_fails CALLS: lines NAME K, each of which says that the K-th call of that name is the shim's.
each_fails() {
	local name k error out
	while read -r name k; do
		for error in ENOMEM ENOSYS; do
			rm -f "$TMP"/log.*
			$before_each
			out=$(strace -qq -o /dev/null -e "inject=$name:error=$error:when=$k" "${run[@]}" 2>&1)
			is "$name number $k fails with $error" "$out$($after_each)" "$wanted"
		done
	done <<<"$1"
}
