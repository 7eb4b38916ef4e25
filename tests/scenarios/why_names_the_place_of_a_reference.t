#!/bin/bash
# why_names_the_place_of_a_reference.t - a process that really has an address in each kind of place; only
# who found it is a stand-in: the test writes the witness.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/why.sh"
points

changed='but does not any more; it is looked at again at the next dlopen or dlclose'
target='-> pointed_at.so+0x[0-9a-f]* (callback)'
# says NAME WANTED [REASON PLACE ENCODING [AT]]: WANTED with a basic regular expression's wildcards; target
# follows.
says() {
	local name=$1 got
	witness "${3:-memory}" "${4:-memory}" "${5:-plain}" "${6:-${AT[$name]}}" "${VALUE[$name]}" "${TID[$name]}"
	got=$(words)
	ok "$name" grep -qx "  $2" <<< "$got"
	grep -qx "  $2" <<< "$got" || printf '# got:    %s\n# wanted: %s\n' "$got" "$2"
}

# -- modules
says key "libc.so.6 __pthread_keys\[3\].destructor $target"
says bss "host_points in_bss+0x8 $target"
says data "host_points in_data+0x10 $target"

# -- stacks and what belongs to threads
thread() { echo "thread ${TID[$1]} ($2)"; }
says stack "$(thread stack 'a\\x0aholder'), frame [0-9]* of [0-9]*: holds at host_points.c:$(line holds) $target" stack
frame=$(words | sed 's/.*frame \([0-9]*\) of .*/\1/')
is "stack: frames in JSON" "$(json=$(WHY --json $PID "$ID"); perl -MJSON::PP -e '$o = decode_json($ARGV[0]);
	print join " ", $o->{thread}, $o->{frames}[$ARGV[1] - 1], scalar grep(/^holding at/, @{$o->{frames}})' "$json" "$frame")" \
	"${TID[stack]} holds at host_points.c:$(line holds) 1"
says return "$(thread return host_points), frame [0-9]* of [0-9]*: calls at plug_pointed_at.c:[0-9]*" stack
says main "$(thread main host_points), frame [0-9]* of [0-9]*: main at host_points.c:$(line main) $target" stack
says coroutine "$(thread coroutine host_points), frame [0-9]* of [0-9]*: on_its_own_stack at host_points.c:$(line on_its_own_stack) $target" stack
says register "$(thread register host_points): register rbx $target" stack register plain 5
says tls-main "thread-local storage of $(thread tls-main host_points): host_points in_tls+0x8 $target"
says tls-thread "thread-local storage of $(thread tls-thread 'a\\x0aholder'): host_points in_tls+0x8 $target"
says tls-module "thread-local storage of $(thread tls-module host_points): other.so own $target"
says start "start routine of $(thread start host_points) -> pointed_at.so+0x[0-9a-f]* (body)"
says environment "arguments and environment of the program, \[stack\] ${AT[environment]} $target"
is "all threads run on" "$(grep -l '^State:.*[tT]' /proc/$PID/task/*/status)" ''
is "and nobody traces them" "$(sed -n 's/^TracerPid:\t//p' /proc/$PID/task/*/status | sort -u)" 0

# -- heaps
chunk() { printf '0x%x' $((AT[$1] - $2)); }
says heap "64 bytes into a 120-byte heap chunk at $(chunk heap 64) $target"
says heap-free-small "32 bytes into a free 56-byte heap chunk at $(chunk heap-free-small 32) $target"
says heap-free-large "80 bytes into a free 5000-byte heap chunk at $(chunk heap-free-large 80) $target"
says heap-mapped "8000 bytes into a [0-9]*-byte heap chunk at $(chunk heap-mapped 8000) $target"
says heap-arena "16 bytes into a 200-byte heap chunk at $(chunk heap-arena 16) $target"
says heap-end "free end of the heap, ${AT[heap-end]}"
says heap "it did at header of a 120-byte heap chunk at $(chunk heap 64), $changed" memory memory plain "$(chunk heap 72)"

# -- other memory
says anonymous "anonymous memory ${AT[anonymous]} $target"
says shared "shared memory ${AT[shared]} $target"

# -- words that mean an address in another way
says tagged "host_points [a-z_.]*words[.0-9]* (tagged) $target" memory memory tagged
says doubled "host_points [a-z_.]*words[.0-9]*+0x8 (2\*address+1) $target" memory memory doubled
says mangled "host_points [a-z_.]*words[.0-9]*+0x10 (mangled by setjmp/atexit) $target" memory memory mangled
says unaligned "host_points packed[.0-9]*+0x1 (unaligned) $target" memory memory unaligned
says unaligned-tagged "host_points packed[.0-9]*+0x9 (unaligned) $target" memory memory unaligned
says relative "anonymous memory ${AT[relative]} (in code) $target" memory memory relative
is "encoding in JSON" "$(WHY --json $PID "$ID" | grep -o '"place":"[^,]*,"at":[^,]*,"encoding":"[^,]*')" \
	"\"place\":\"memory\",\"at\":\"${AT[relative]}\",\"encoding\":\"relative\""

# -- what has changed since
says changed "it did at host_points [a-z_.]*words[.0-9]*+0x[0-9a-f]*, $changed"
says unmapped "it did at memory 0x10 (not mapped), $changed"
says bss "it did at host_points in_bss+0x8, $changed" memory memory doubled
like "changed, in JSON" "$(WHY --json $PID "$ID")" '"where":"host_points in_bss\+0x8","stale":true}$'

# -- what the kernel has: the place alone is the witness
TID[key]=${TID[return]}
says key "the handler of signal 10 (SIGUSR1) $target" memory signal plain 10
says key "the handler of signal 40 $target" memory signal plain 40
says key "timer 0 $target" memory timer plain 0
says key "data of epoll descriptor 7 $target" memory epoll plain 7
says key "alternate signal stack of $(thread return host_points) $target" memory altstack plain 0
says key "robust list of $(thread return host_points) $target" memory robust-list plain 0
TID[key]=1
says key "robust list of thread 1 (ended) $target" memory robust-list plain 0
TID[key]=${TID[register]}
says key "$(thread register host_points): register xmm3 $target" stack register plain $((27 + 20 + 7))
says key "$(thread register host_points): register ymm1 $target" stack register plain $((27 + 72 + 2))
says key "$(thread register host_points): word 500 of its vector registers $target" stack register plain 527
exec 3>&-
wait $PID

# -- a program without symbols
strip -o stripped "$O/tests/host_points"
points "$TMP/stripped"
says bss "stripped \.bss+0x[0-9a-f]* $target"
says data "stripped \.data+0x[0-9a-f]* $target"
says stack "$(thread stack 'a\\x0aholder'), frame [0-9]* of [0-9]*: stripped+0x[0-9a-f]* $target" stack
says tls-thread "thread-local storage of $(thread tls-thread 'a\\x0aholder'): stripped+0x8 $target"
like "its first frame is libc's" "$(WHY --json $PID "$ID"; witness stack memory plain "${AT[stack]}" "${VALUE[stack]}" 0; WHY --json $PID "$ID")" '"frames":\["[a-z_]+ (at|in) '
exec 3>&-
wait $PID

# -- asked by somebody who is not root, as most are
if [ "$(id -u)" = 0 ]; then
	AS=65534 points
	export AS=65534
	says bss "host_points in_bss+0x8 $target"
	says key "libc.so.6 __pthread_keys\[3\].destructor $target"
	says stack "$(thread stack 'a\\x0aholder'), frame [0-9]* of [0-9]*: holds at host_points.c:$(line holds) $target" stack
	says return "$(thread return host_points), frame [0-9]* of [0-9]*: calls at plug_pointed_at.c:[0-9]*" stack
	rm pointed_at.so
	says data "host_points in_data+0x10 $target" # the name of the function is from linger's copy
	cp other.so pointed_at.so
	unset AS
	exec 3>&-
	wait $PID
fi

# -- a debugger is there already: nothing can be stopped
points
"$CC" -o seize -x c - <<'END' || bail "cannot compile"
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
int main(int argc, char **argv)
{
	if (argc != 2 || ptrace(PTRACE_SEIZE, atoi(argv[1]), 0, 0))
		return 1;
	puts("seized");
	fflush(stdout);
	getchar();
	return 0;
}
END
mkfifo seize.in
./seize "${TID[stack]}" < seize.in > seized &
PIDS+=" $!"
exec 5> seize.in
until_true grep -q seized seized
says stack "$(thread stack 'a\\x0aholder'), stack address ${AT[stack]} $target" stack
exec 5>&-
exec 3>&-
wait $PID
