#!/bin/bash
# log_merges_the_processes_of_a_run.t - FILE of log:FILE stands for all its FILE.PID, by time.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/log.sh"

lines() { json '"$o->{pid} $o->{event} $o->{path}"' | tr '\n' ','; }
mkdir logs
one() { forge "$1" pid="$2" tid="$2" start="$3" exe="/bin/$2" "${@:4}" << END
$(($3 + 10)) 1 0 $2 $OPEN 0 /$2-first
$(($3 + 30)) 2 0 $2 $OPEN 0 /$2-second
END
}
one logs/run.20 20 1020
one logs/run.3 3 1000
one logs/run.3.1 3 500
one logs/run.3.2 3 1021 forked=1
for other in logs/run logs/run.txt logs/run.3.1.bak logs/run.3.x logs/run. logs/rung.5 logs/other.3; do
	echo text > $other
done
rm logs/run
WANTED='3 start /bin/3,3 open /3-first,3 open /3-second,3 start /bin/3,3 open /3-first,20 start /bin/20,3 start /bin/3,3 open /3-second,20 open /20-first,3 open /3-first,20 open /20-second,3 open /3-second,'
is "a prefix" "$(log --json logs/run | lines)" "$WANTED"
is "a prefix in the current directory" "$(cd logs && log --json run | lines)" "$WANTED"
is "the files by name, in any order, once" \
	"$(log --json logs/run.20 logs/run.3.2 logs/run.3.1 logs/run.3 logs/run.3.1 | lines)" "$WANTED"
is "a file that is there is meant itself" "$(log --json logs/run.3 | lines)" '3 start /bin/3,3 open /3-first,3 open /3-second,'
echo text > logs/run
is "a prefix beside a file of that name that is no log" "$(log --json logs/run | lines)" "$WANTED"
is "nothing is said" "$(cat err)" ''
is "seconds count from the first start" "$(log logs/run | awk '{print $1}' | head -1)" 0.000000
is "a name with a glob in it is a name" "$(log 'logs/r*n'; echo $?)" 1

# One process of the run left a damaged log: the others are shown, and it is named.
: > logs/run.4
log --json logs/run > out
is "a damaged one among them: status" $? 1
is "a damaged one among them: the others" "$(lines < out)" "$WANTED"
like "a damaged one among them: its name" "$(cat err)" '^linger log: logs/run\.4 is empty'
