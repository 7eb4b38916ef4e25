#!/usr/bin/env bash
# bpftrace takes the stack of a function that a library calls, and names it when it prints: while the process
# still runs, but the library is closed by then, or its file is gone. A library that is kept has names.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/debuggers.sh"
need bpftrace bpftrace

plugin old.so old
plugin other.so new
P=$TMP/p.so

# try SETTINGS ACTION...: one stack. The host waits, is given a probe, goes on (SETTINGS ACTION...), and waits again when it is printed.
try() {
	local with=$1 tracer
	shift
	cp old.so p.so
	start "$with" wait "$@" wait
	: >traced
	# In the foreground timeout passes a signal on once; else also to its group, and bpftrace, which prints
	# after the first, ends at the second: 10 of 90 runs on a busy machine had no stack.
	timeout --foreground 60 bpftrace -p "$PID" \
		-e "uprobe:$HOST:probed { printf(\"hit\\n\"); @[ustack] = count(); }" >traced 2>&1 &
	tracer=$!
	# It says nothing when the probe is there.
	until grep -q '^hit' traced; do
		kill -0 $tracer 2>/dev/null || { cat traced; stop; return 1; }
		poke poke
		sleep 0.05
	done
	poke go
	until [ "$(grep -c ready output)" = 2 ]; do
		kill -0 "$PID" 2>/dev/null || { cat errors; return 1; }
		sleep 0.02
	done
	kill -INT $tracer
	wait $tracer
	stop
	cat traced
	# One that it could not read back is no stack.
	grep -q '^@\[' traced && ! grep -q 'failed to look up' traced
} 2>/dev/null

# The kernel may refuse a probe while others set theirs, or a stack.
stack() {
	local _
	for _ in 1 2 3; do
		try "$@" >stack && break
	done
	cat stack
}

control=$(stack plain open "$P" call trace)
if ! grep -qw main <<<"$control"; then
	skip "stacks" "no probe can be set here: $(head -1 <<<"$control")"
	exit
fi
TABLE=$(printf '%-36s %8s %8s' "three frames" plain never)
# row TITLE PLAIN NEVER ACTION...
row() {
	local title=$1 plain=$2 never=$3 a b
	shift 3
	a=$(stack plain "$@")
	b=$(stack policy:never "$@")
	is "$title, plain" "$(named old "$a")" "$plain"
	is "$title, policy:never" "$(named old "$b")" "$never"
	[ "$(named old "$b")" = "$never" ] || printf '# %s\n' "${b//$'\n'/$'\n'# }"
	TABLE+=$'\n'$(printf '%-36s %8s %8s' "$title" "$(named old "$a")" "$(named old "$b")")
}
row open 3 3 open "$P" call trace
row closed 0 3 open "$P" call trace close
row "closed, deleted" 0 3 open "$P" call trace close delete "$P"
while IFS= read -r line; do echo "# $line"; done <<<"$TABLE"
