#!/bin/bash
# signal_handlers_may_ask_and_fork.t - a timer interrupts a thread in the middle of dlopen, dlclose and
# of linger itself, many thousand times. Its handler asks linger and is never told anything wrong;
# in a process with one thread it forks, too, as plain glibc lets it.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
mapfile -t paths < <(copies 4 base)

same_with_linger 'a handler that asks' "$(host is_interrupted)" ask 6000 "${paths[@]}"
counts=$(grep '^# ' linger.err)
for state in live closing nobody; do
	like "it met the object when it was $state" "$counts" "$state [1-9]"
done
like 'it met what is kept, too' "$(grep '^# ' kept.err)" 'kept [1-9]'
same_with_linger 'a handler that forks' "$(host is_interrupted)" fork 2000 "${paths[@]}"
same_with_linger 'a handler that forks inside a fork' "$(host is_interrupted)" fork2 1000 "${paths[@]}"
