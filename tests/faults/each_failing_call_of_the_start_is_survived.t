#!/usr/bin/env bash
# Every system call that the shim makes at its start fails in turn, with two errors each; the program
# must not notice. strace injects the failures; the shim's calls are those between its first one
# (getpid, which no C library start makes) and the mark at the beginning of main.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/faults.sh"
trace_host libz.so.1

# NAME K lines: the K-th call of that name in the process is one of the shim's.
calls=$(awk -F'(' '{ n[$1]++ }
	$1 == "getpid" { inside = 1 }
	/getpgid\(4711/ { exit }
	inside && $1 != "getpid" && $1 ~ /^[a-z0-9_]+$/ { print $1, n[$1] }' "$TMP/trace")
count=$(wc -l <<<"$calls")
ok "the start makes some calls, and not many ($count)" test "$count" -ge 5 -a "$count" -le 60
like "among them those of the log" "$calls" 'fallocate'
each_fails "$calls"
