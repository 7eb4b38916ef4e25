#!/bin/bash
# why_says_why_there_is_no_answer.t - one sentence for each, status 1; 2 for wrong usage. Of processes the
# sentences are those of `linger ls`.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/ls.sh"
SUBCOMMAND=why

refused "nothing" 2 'name a process and an object; `linger ls` lists them'
refused "no process, but an option" 2 'name a process and an object' --json
refused "no object" 2 'name an object, too; `linger ls PID` lists them' 1
refused "two objects" 2 'name one object at a time' 1 2 3
for word in abc 0 '' 1x; do
	refused "'$word'" 2 "'$word' is no process number" -- "$word" 1
done
is "an unknown option" "$(LS --nonsense 1 2>&1; echo $?)" "linger why: unrecognized option '--nonsense'
2"
sleep 0 &
gone=$!
wait $gone
refused "one that ended" 1 "there is no process $gone" $gone 1
sleep 300 &
PIDS+=" $!"
until_true sleeps $!
refused "one without linger" 1 "process $! has no linger in it; start it with .linger run." $! 1
refused_standin() { standin "$1"; refused "${@:2}" $PID 1; }
refused_standin 'version 1' "another wire version" 1 "has linger of wire version 1 and this command knows version $WIRE"
refused_standin 'starting' "one that is starting" 1 'is only starting; ask again'
refused_standin 'off 14' "one where linger is off" 1 'linger is off in process [0-9]+: linger needs glibc 2\.35 or later'
refused_standin 'badchunk' "a region that leads nowhere" 1 'process [0-9]+ cannot be read: Bad address'
if [ "$(id -u)" = 0 ]; then
	standin ''
	AS=65534 refused "another user's" 1 "process $PID may not be read: be the same user or root" $PID 10
fi
standin ''
for word in 9 '#9' 30 nothing.so /nothing.so ./standin.so 0x10 0xg 0x '#' '' 99999999999999999999 -1; do
	refused "no object '$word'" 1 "process $PID has no object '$word'; .linger ls $PID. lists them" -- $PID "$word"
done
refused "an object with an escape sequence" 1 "no object '\\\\x1b\[2J'" $PID $'\e[2J'
is "an output that is full" "$(LS $PID 10 2>&1 > /dev/full; echo $?)" \
	'linger why: cannot write to standard output: No space left on device
1'
