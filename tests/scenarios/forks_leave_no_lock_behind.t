#!/bin/bash
# forks_leave_no_lock_behind.t - children of a process whose other threads call dlopen and dlclose all
# the time can use the loader and end, as without linger; so do vfork, posix_spawn, _Fork and a bare
# clone. Each child that has something to say has its own log, and writes to no other.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
mapfile -t paths < <(copies 4 base)

# How many children were made, and whether each ended well, is the host's to say.
same_with_linger 'children that only end' "$(host forks)" exit 300 "${paths[@]}"
same_with_linger 'children that open and close' "$(host forks)" open 300 "${paths[@]}"
starts=$(events linger.log start)
is 'one log for each child, and says so' "$(grep -c '"forked":true' <<< "$starts")" 300
is 'one log for the parent' "$(grep -c '"forked":false' <<< "$starts")" 1
parent=$(grep '"forked":false' <<< "$starts" | grep -o '"pid":[0-9]*')
is 'every child is of that parent' \
	"$(grep '"forked":true' <<< "$starts" | grep -c "\"ppid\":${parent#*:}[,}]")" 300
is "nobody else wrote to the parent's log" \
	"$("$LINGER_CMD" log --json --calls "linger.log.${parent#*:}" | grep -vc "$parent,")" 0
is 'every child logged two opens and two unloads' \
	"$(events linger.log | grep -v "$parent," | grep base1.so | grep -oE '"event":"(open|unload)"' |
		sort | uniq -c | tr -s ' ')" ' 600 "event":"open"
 600 "event":"unload"'

cp "$(plug forks)" forks.so
same_with_linger 'forks in a constructor and a destructor' "$(host churns)" 50 "$TMP/forks.so"
is 'forks in a constructor and a destructor: nobody complains' "$(cat linger.err)" ''
is 'forks in a constructor and a destructor: each child opened and closed' \
	"$(count_events linger.log open /base1.so) $(count_events linger.log dlclose /base1.so)" '100 100'
is 'forks in a constructor and a destructor: the parent logs its own once' \
	"$(count_events linger.log open /forks.so) $(count_events linger.log unload /forks.so)" '50 50'

same_with_linger 'vfork and exec' "$(host forks)" vfork 50 "${paths[@]}"
is 'vfork: no child wrote without exec' "$(events linger.log start | grep -c '"forked":true')" 0
same_with_linger 'posix_spawn' "$(host forks)" spawn 50 "${paths[@]}"
for how in _fork clone; do
	same_with_linger "$how" "$(host forks)" $how 100 "${paths[0]}"
	is "$how: each child has its own log" "$(events linger.log start | grep -c '"forked":true')" 100
done
