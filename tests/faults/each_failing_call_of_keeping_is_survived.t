#!/usr/bin/env bash
# Every system call that the shim makes to hold and keep an object, and to make it independent of its
# file, fails in turn, with two errors each; the program must not notice. So do those of its start,
# which looks for more of the loader's fields then. The shim's are those with the shim in the first
# frame of their backtrace.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/faults.sh"
POLICY=never
cp "$O/tests/plug_base.so" "$TMP/" # writable, so it may be overwritten and needs a copy
trace_host "$TMP/plug_base.so" -k

calls=$(awk -F'(' '
	/^[a-z0-9_]+\(/ { n[$1]++; name = $1; next }
	/^ >/ && name { if (/\/liblinger\.so/ && name != "getpid") print name, n[name]; name = "" }' \
	"$TMP/trace")
count=$(wc -l <<<"$calls")
ok "there are many ($count)" test "$count" -ge 40
for name in fallocate memfd_create mremap openat mmap; do
	like "among them $name" "$calls" "$name"
done
each_fails "$calls"
