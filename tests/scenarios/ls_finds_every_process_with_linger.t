#!/bin/bash
# ls_finds_every_process_with_linger.t - the list of processes: by the note in memory, whatever the
# shim's file is called or has become.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/ls.sh"

list() { LS "$@" 2> /dev/null; }
row() { list | awk -v pid="$1" '$1 == pid { $1 = "PID"; print }'; }
json_row() { list --json | sed -n "s/{\"pid\":$1,/{/p"; }

standin ''
on=$PID
is "a line of text" "$(row $on)" 'PID on 3 sleep 300'
is "a line of JSON" "$(json_row $on)" '{"state":"on","policy":"off","objects":3,"version":"0.0-standin","log":"/log.1","command":"sleep 300"}'
standin 'off 14'
is "one where linger is off" "$(row $PID)" 'PID off: linger needs glibc 2.35 or later 3 sleep 300'
like "in JSON" "$(json_row $PID)" '"state":"off","reason":"glibc-too-old"'
standin 'version 7'
is "one of another version is named, not listed" "$(LS 2>&1 > out | grep -c "process $PID has linger of wire version 7"; grep -c "^ *$PID " out)" '1
0'
sleep 300 &
PIDS+=" $!"
is "one without linger is not listed" "$(row $!)" ''
is "the command does not list itself" "$(LD_PRELOAD=$TMP/standin.so LS 2> /dev/null | grep -c 'linger ls')" 0

# The shim's file is renamed, replaced or deleted while the process runs.
cp "$SHIM" other-name.so
LD_PRELOAD=$TMP/other-name.so bash -c 'exec -a "odd	name" sleep 300' &
PIDS+=" $!" PID=$!
renamed() { list --json | grep -q '"command":"odd'; }
until_true renamed
like "under another name" "$(json_row $PID)" '"state":"on","policy":"[a-z]+","objects":[0-9]+,"version":"[^"]+","log":"","command":"odd\\tname 300"'
rm other-name.so
like "deleted" "$(json_row $PID)" '"state":"on"'
is "its objects too" "$(LS --json $PID | grep -c '"state":"live"')" "$(list --json | sed -n "s/{\"pid\":$PID,.*\"objects\":\([0-9]*\).*/\1/p")"
columns=$(list | sed -n 's/\(.* OBJECTS \).*/\1/p' | wc -c)
is "the columns are aligned" "$(list | cut -c$((columns - 2)) | sort -u | tr -d '0-9S\n')" ''

if [ "$(id -u)" = 0 ]; then
	end_processes
	wait
	LS_AS 64321 > out 2> err # a user without processes
	is "nothing that may be read: status" $? 1
	like "nothing that may be read" "$(cat err)" '^linger ls: no process with linger was found, but [0-9]+ may not be read; be root to see them all$'
fi
