#!/bin/bash
# ls_says_why_there_is_nothing_to_list.t - one sentence for each, status 1, or 2 for what is no pid.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/ls.sh"

for word in abc -5 0 '' 1x 99999999999999999999 ' 1' +1; do
	refused "'$word'" 2 "'.*' is no process number|invalid option" -- "$word"
done
is "an unknown option" "$(LS --nonsense 2>&1; echo $?)" "linger ls: unrecognized option '--nonsense'
2"
refused "two processes" 2 'name one process at a time' 1 2
sleep 0 &
gone=$!
wait $gone
refused "one that ended" 1 "there is no process $gone" $gone
refused "a number no process has" 1 'there is no process 2147483647' 2147483647
sh -c 'sleep 0 & exec sleep 300' &
PIDS+=" $!"
zombie() { child=$(pgrep -P $!) && [ "$(cut -d' ' -f3 "/proc/$child/stat")" = Z ]; }
if command -v pgrep > /dev/null; then
	until_true zombie
	zombie
	refused "one that nobody waited for" 1 "process $child has ended; its parent has not waited" "$child"
fi
sleep 300 &
PIDS+=" $!"
until_true sleeps $!
refused "one without linger" 1 "process $! has no linger in it; start it with .linger run." $!
kernel=$(for p in /proc/[0-9]*; do [ -s "$p/comm" ] && [ -z "$(cat "$p/maps" 2>&1)" ] && grep -q ' [SI] ' "$p/stat" && basename "$p" && break; done 2> /dev/null)
if [ -n "$kernel" ]; then
	refused "a thread of the kernel" 1 "process $kernel has no memory of its own" "$kernel"
fi
refused_standin() { standin "$1"; refused "${@:2}" $PID; }
refused_standin 'version 7' "another wire version" 1 "has linger of wire version 7 and this command knows version $WIRE; use the linger it was started with"
refused_standin 'size 100' "a smaller region" 1 "has linger of wire version $WIRE"
refused_standin 'starting' "one that is starting" 1 'is only starting; ask again'
refused_standin 'nomagic' "one that has not even begun" 1 'is only starting; ask again'
refused_standin 'off 14' "one where linger is off" 1 'linger is off in process [0-9]+: linger needs glibc 2\.35 or later'
refused_standin 'off 9999' "off without a reason we know" 1 'linger is off in process [0-9]+: it does not say why'
refused_standin 'badchunk' "a region that leads nowhere" 1 'process [0-9]+ cannot be read: Bad address'
LINGER=off LD_PRELOAD=$SHIM sleep 300 &
PIDS+=" $!"
until_true sleeps $!
refused "LINGER=off" 1 'linger is off in process [0-9]+: LINGER=off' $!

if [ "$(id -u)" = 0 ]; then
	standin ''
	AS=65534 refused "another user's" 1 \
		"process $PID may not be read: be the same user or root .*kernel\.yama\.ptrace_scope" $PID
	STANDIN='' LD_PRELOAD=$TMP/standin.so setpriv --reuid=65534 --regid=65534 --clear-groups sleep 300 &
	PIDS+=" $!"
	until_true sleeps $!
	is "root may read it" "$(LS --json $! | wc -l)" 2
	is "its user may read it" "$(LS_AS 65534 --json $! | wc -l)" 2
fi
