#!/bin/bash
# why_tells_what_linger_found.t - under policy:safe, with an address in one place alone: linger finds it
# there, and it is named.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/why.sh"

target='-> pointed_at.so+0x[0-9a-f]* (callback)'
# found NAME WANTED [SETTING]: as says of the other test; $PID, $ID of a process for this place.
found() {
	local got wanted=$2
	PLACE=$1 SETTINGS=policy:safe,budget:1s${3:+,$3} points "$TMP/host_points"
	wanted=${wanted//AT/${AT[$1]}}
	wanted=${wanted//THREAD/thread ${TID[$1]} (host_points)}
	wanted=${wanted//HOLDER/thread ${TID[$1]} (a\\\\x0aholder)}
	got=$(words)
	ok "$1" grep -qx "  $wanted" <<< "$got"
	grep -qx "  $wanted" <<< "$got" || printf '# got:    %s\n# wanted: %s\n' "$got" "$wanted"
	exec 3>&-
	wait $PID
}
chunk="heap chunk at 0x[0-9a-f]* $target"
frame='frame [0-9]* of [0-9]*:'
found bss "host_points in_bss+0x8 $target"
found data "host_points in_data+0x10 $target"
found key "libc.so.6 __pthread_keys\[3\].destructor $target"
found stack "HOLDER, $frame holds at host_points.c:$(line holds) $target"
found return "THREAD, $frame calls at plug_pointed_at.c:[0-9]*"
found start "THREAD, $frame body at plug_pointed_at.c:[0-9]*"
found main "THREAD, $frame main at host_points.c:$(line main) $target"
found coroutine "THREAD, $frame on_its_own_stack at host_points.c:$(line on_its_own_stack) $target"
found register "THREAD: register rbx $target"
found tls-main "thread-local storage of THREAD: host_points in_tls+0x8 $target"
found tls-thread "thread-local storage of HOLDER: host_points in_tls+0x8 $target"
found tls-module "thread-local storage of THREAD: other.so own $target"
found environment "arguments and environment of the program, \[stack\] AT $target"
found heap "64 bytes into a 120-byte $chunk"
found heap-mapped "8000 bytes into a [0-9]*-byte $chunk"
found heap-arena "16 bytes into a 200-byte $chunk"
found anonymous "anonymous memory AT $target"
found shared "shared memory AT $target"
found tagged "host_points [a-z_.]*words[.0-9]* (tagged) $target"
found doubled "host_points [a-z_.]*words[.0-9]*+0x8 (2\*address+1) $target"
found mangled "host_points [a-z_.]*words[.0-9]*+0x10 (mangled by setjmp/atexit) $target"
found unaligned "host_points packed+0x1 (unaligned) $target" scan:byte
found unaligned-tagged "host_points packed+0x9 (unaligned) $target" scan:byte
found relative "anonymous memory AT (in code) $target"
found signal "the handler of signal 10 (SIGUSR1) $target"
found timer "timer 0 $target"
found epoll "data of epoll descriptor [0-9]* $target"
found altstack "alternate signal stack of THREAD -> pointed_at.so+0x[0-9a-f]* (space)"
found robust-list "robust list of THREAD -> pointed_at.so+0x[0-9a-f]* (list)"

# -- what malloc has as free is no place
for place in heap-free-small heap-free-large; do
	PLACE=$place GOES=yes SETTINGS=policy:safe,budget:1s points "$TMP/host_points"
	is "$place: it is unloaded" "$("$TMP/linger" ls --json $PID | grep -c pointed_at.so)" 0
	exec 3>&-
	wait $PID
done

# -- the control: with no such place it is unloaded, and nobody can ask
PLACE=nothing GOES=yes SETTINGS=policy:safe,budget:1s points "$TMP/host_points"
is "without one it is unloaded" "$("$TMP/linger" ls --json $PID | grep -c pointed_at.so)" 0
is "and that is all there is to say" "$(WHY $PID pointed_at.so 2>&1)" \
	"linger why: process $PID has no object 'pointed_at.so'; \`linger ls $PID\` lists them, and the event log has those that went"
exec 3>&-
wait $PID
