#!/bin/bash
# stat_says_why_there_is_nothing_to_show.t - one sentence for each, status 1; 2 for wrong usage. The
# sentences are those of `linger ls`.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/ls.sh"
SUBCOMMAND=stat

refused "no process" 2 'name a process; `linger ls` lists them'
refused "no process, but an option" 2 'name a process' --json
refused "two processes" 2 'name one process at a time' 1 2
for word in abc 0 '' 1x; do
	refused "'$word'" 2 "'$word' is no process number" -- "$word"
done
is "an unknown option" "$(LS --nonsense 1 2>&1; echo $?)" "linger stat: unrecognized option '--nonsense'
2"
sleep 0 &
gone=$!
wait $gone
refused "one that ended" 1 "there is no process $gone" $gone
sleep 300 &
PIDS+=" $!"
until_true sleeps $!
refused "one without linger" 1 "process $! has no linger in it; start it with .linger run." $!
refused_standin() { standin "$1"; refused "${@:2}" $PID; }
refused_standin 'version 1' "another wire version" 1 "has linger of wire version 1 and this command knows version $WIRE"
refused_standin 'starting' "one that is starting" 1 'is only starting; ask again'
refused_standin 'off 14' "one where linger is off" 1 'linger is off in process [0-9]+: linger needs glibc 2\.35 or later'
refused_standin 'badchunk' "a region that leads nowhere" 1 'process [0-9]+ cannot be read: Bad address'
if [ "$(id -u)" = 0 ]; then
	standin ''
	AS=65534 refused "another user's" 1 "process $PID may not be read: be the same user or root" $PID
fi
standin ''
is "an output that is full" "$(LS $PID 2>&1 > /dev/full; echo $?)" \
	'linger stat: cannot write to standard output: No space left on device
1'
