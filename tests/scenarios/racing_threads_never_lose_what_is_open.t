#!/bin/bash
# racing_threads_never_lose_what_is_open.t - four threads open and close the same and different
# plugins; a fifth and a signal handler ask about objects that are held open: always found, always
# with one id. The log has as many opens as unloads, and no id twice.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
mapfile -t paths < <(copies 7 base)

same_with_linger 'six plugins, four threads' "$(host races)" 1500 "${paths[@]}"
is 'every open has its unload' "$(count_events linger.log open '/base[0-9].so')" \
	"$(count_events linger.log unload '/base[0-9].so')"
is 'no id was given twice' \
	"$(events linger.log open | grep -o '"id":[0-9]*' | sort | uniq -d)" ''
is 'nothing was lost by the log' "$(events linger.log start | grep -c '"lost":0,')" 1
# Before the first call has found the loader's fields, what other threads close is unloaded.
is 'kept: one of each is there at the end' $(($(count_events kept.log open '/base[0-9].so') -
	$(count_events kept.log unload '/base[0-9].so'))) 7
ok 'kept: nothing is unloaded that was kept' test -z "$(events kept.log |
	perl -ne '/"event":"(keep|unload)","id":(\d+)/ or next; print if $1 eq "unload" && $kept{$2}; $kept{$2} = 1 if $1 eq "keep"')"
is 'kept: what is kept again was opened again' \
	"$(events kept.log | grep -E '"event":"(keep|reopen)"' | sed 's/.*"event":"\([a-z]*\)","id":\([0-9]*\).*/\2 \1/' |
		perl -ane 'print if ($is{$F[0]} // "reopen") eq $F[1]; $is{$F[0]} = $F[1]')" ''
like 'the threads were at it together' "$(count_events linger.log dlopen '/base[0-9].so')" '^6...$'

same_with_linger 'one plugin, four threads' "$(host races)" 3000 "${paths[@]:0:2}"
is 'every open of the one has its unload' "$(count_events linger.log open '/base2.so')" \
	"$(count_events linger.log unload '/base2.so')"
