#!/usr/bin/env bash
# Every system call that the shim makes at its start fails in turn, with two errors each; the program
# must not notice. strace injects the failures; the shim's calls are those between its first one
# (getpid, which no C library start makes) and the mark at the beginning of main.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
need strace strace

host=$O/tests/host_marked
plugin=libz.so.1
run=(-E "LD_PRELOAD=$SHIM" -E "LINGER=log:$TMP/log" "$host" "$plugin")
wanted=$'opened: yes\nclosed: 0'

strace -qq -o "$TMP/trace" "${run[@]}" >"$TMP/out" || bail "strace does not work here"
is "without a failure" "$(cat "$TMP/out")" "$wanted"
compgen -G "$TMP/log.*" >/dev/null || bail "the shim was not in the process"

# NAME K lines: the K-th call of that name in the process is one of the shim's.
calls=$(awk -F'(' '{ n[$1]++ }
	$1 == "getpid" { inside = 1 }
	/getpgid\(4711/ { exit }
	inside && $1 != "getpid" && $1 ~ /^[a-z0-9_]+$/ { print $1, n[$1] }' "$TMP/trace")
count=$(wc -l <<<"$calls")
ok "the start makes some calls, and not many ($count)" test "$count" -ge 5 -a "$count" -le 60
like "among them those of the log" "$calls" 'fallocate'

while read -r name k; do
	for error in ENOMEM ENOSYS; do
		rm -f "$TMP"/log.*
		out=$(strace -qq -o /dev/null -e "inject=$name:error=$error:when=$k" "${run[@]}" 2>&1)
		is "$name number $k fails with $error" "$out" "$wanted"
	done
done <<<"$calls"
