#!/usr/bin/env bash
# What `linger gdb` cannot do it says in one sentence, before gdb is started.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/debuggers.sh"
need gdb gdb
need setpriv util-linux
need strace strace

# refuses NAME STATUS SENTENCE COMMAND...
refuses() {
	local name=$1 status=$2 sentence=$3 got
	shift 3
	got=$("$@" 2>&1 </dev/null)
	is "$name: status" $? "$status"
	like "$name" "$got" "^linger gdb: $sentence\$"
	is "$name: one sentence" "$(wc -l <<<"$got")" 1
}
linger_gdb() {
	"$LINGER_CMD" gdb "$@"
}

refuses "nothing named" 2 "name a process or a core file" linger_gdb
refuses "an option that is none" 2 ".*unrecognized option '--cure'" linger_gdb --cure
sleep 0 &
wait
refuses "no such process" 1 "there is no process $!" linger_gdb $!
refuses "no such file" 1 "there is no file ./none, and it is no process number" linger_gdb ./none
refuses "a program" 1 "$HOST is no core file \(of a 64-bit program\)" linger_gdb "$HOST"
refuses "a text" 1 "$HERE/packages is no core file .*" linger_gdb "$HERE/packages"
refuses "a directory" 1 "$TMP cannot be read: Is a directory" linger_gdb "$TMP"
refuses "a thread of the kernel" 1 "process 2 has no memory of its own: .*" linger_gdb 2

start plain wait
refuses "no such archive" 1 "the archive /none is no directory that can be read" linger_gdb --archive /none $PID
refuses "no gdb" 1 "gdb was not found in PATH; install it" \
	env PATH=/none "$LINGER_CMD" gdb $PID
chmod 755 "$TMP"
chmod 1777 "$TMP/tmp"
refuses "somebody else's" 1 "process $PID may not be (read|traced): .*" \
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$LINGER_CMD" gdb $PID
strace -qq -o /dev/null -p $PID 2>strace.err &
STRACE=$!
until grep -q '^TracerPid:.*[1-9]' /proc/$PID/status; do sleep 0.02; done
refuses "traced already" 1 "process $PID is traced already, by process $STRACE \(strace .*\); end that first" \
	linger_gdb $PID
kill $STRACE
wait $STRACE 2>/dev/null

# A core that is cut off.
gdb -q -batch -p $PID -ex 'generate-core-file core' >/dev/null 2>&1
head -c 100 core >short
refuses "a core cut off" 1 "./short is a damaged core file: its headers are cut off" linger_gdb ./short
stop

# What is gone for ever is said, and does not hinder.
plugin p.so old
start plain open "$TMP/p.so" enter delete "$TMP/p.so" wait
gdb -q -batch -p $PID -ex 'generate-core-file core' >/dev/null 2>&1
stop
got=$("$LINGER_CMD" gdb core -q -batch -ex 'print 40 + 2' 2>&1)
like "no copy anywhere" "$got" \
	"linger gdb: $TMP/p.so was deleted since it was loaded, and there is no copy of it: its code has no names"
like "gdb goes on" "$got" '= 42'
ok "help" grep -q '^usage: linger gdb' <<<"$("$LINGER_CMD" gdb --help)"
