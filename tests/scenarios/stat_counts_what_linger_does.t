#!/bin/bash
# stat_counts_what_linger_does.t - both forms of `linger stat`, and that they are true: of a process that
# says what we know, and of one with the shim, held against its event log.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/ls.sh"
SUBCOMMAND=stat
STAT() { LS "$@"; }

# -- what is said of what
standin 'policy 2,holding,numbers,fields 11,hidden'
is "JSON" "$(STAT --json $PID | sed "s/\"pid\":$PID/P/")" '{P,"policy":"never","holding":true,"objects":3,"loads":30,"kept":1,"kept_bytes":4096,"hidden":1,"detached":1,"calls_dlopen":100,"calls_dlmopen":101,"calls_dlclose":102,"requests":103,"keeps":104,"reopens":105,"closes":106,"unloads":107,"hides":108,"detaches":109,"scans":110,"scans_unseen":111,"snapshots":112,"scanned_bytes":113,"scan_ns":114,"longest_scan_ns":115,"longest_pause_ns":116,"proven":117,"proven_at_call":118,"witnessed":119,"redirects":120,"restores":121,"slots_written":122,"slots_retried":123,"archived":124,"archived_bytes":125,"errors":{"unique-symbols":7,"not-held":1},"fields":{"l_serial":"found","l_direct_opencount":"found","l_tls_dtor_count":"found","l_nodelete_active":"found","l_libname":"found","l_info[DT_SONAME]":"found","l_file_id":"found","l_searchlist":"found","l_scope":"found","l_initfini":"found","l_reldeps":"found","l_global":"not learned yet"}}'
is "text" "$(STAT $PID)" 'policy              never
holding objects     yes
objects             3, of 30 ever loaded
kept objects        1, 4.0 KiB; hidden: 1, detached: 1

calls_dlopen        100
calls_dlmopen       101
calls_dlclose       102
requests            103
keeps               104
reopens             105
closes              106
unloads             107
hides               108
detaches            109
redirects           120
restores            121
slots_written       122
slots_retried       123
archived            124
archived_bytes      125

scans               110; not everything seen: 111, in a copy: 112
scanned             113 bytes in 114 ns
longest scan        115 ns
longest pause       116 ns
proven objects      117; in the dlclose itself: 118
witnesses reread    119

l_serial            found
l_direct_opencount  found
l_tls_dtor_count    found
l_nodelete_active   found
l_libname           found
l_info[DT_SONAME]   found
l_file_id           found
l_searchlist        found
l_scope             found
l_initfini          found
l_reldeps           found
l_global            not learned yet

errors              7  its STB_GNU_UNIQUE symbols would be shared with a new one
                    1  objects cannot be held, so glibc unloads as always'
is "an option may come last" "$(STAT $PID --json)" "$(STAT --json $PID)"
# units NAME FACTOR WANTED: the counters, multiplied, as sizes and times.
units() {
	standin "numbers,times $2"
	is "units: $1" "$(STAT $PID | sed -n 's/^scanned *//p; s/^longest [a-z]* *//p' | xargs -d '\n')" "$3"
}
units "K, us" 15 '1.7 KiB in 1.7 us 1.7 us 1.7 us'
units "nearly M" 9153 '1010.0 KiB in 1.0 ms 1.1 ms 1.1 ms'
units "M, ms" 20000 '2.2 MiB in 2.3 ms 2.3 ms 2.3 ms'
units "G, s" 20000000 '2.1 GiB in 2.3 s 2.3 s 2.3 s'
units "T, a long time" 20000000000 '2.1 TiB in 2280.0 s 2300.0 s 2320.0 s'
standin reopened
is "what was opened again is not kept" "$(STAT --json $PID | grep -o '"kept[a-z_]*":[0-9]*' | xargs)" 'kept:0 kept_bytes:0'
is "no errors" "$(STAT --json $PID | grep -o '"errors":{}'; STAT $PID | tail -n 1)" '"errors":{}
errors              none'

# status NAME WORDS WANTED: what is said of holding, then of each field.
status() {
	standin "$2"
	is "$1" "$(STAT $PID | sed -n 's/^holding objects *//p; s/^l_[^ ]* *//p' |
		sed '2,$s/^not found/-/; 2,$s/^not needed/n/; 2,$s/^not learned yet/l/; 2,$s/^found/F/' | xargs -d '\n')" "$3"
}
status "before the first call, most are to be learned" 'policy 2,nohandles' \
	'not yet: the program has made no dl call - l l l - - l l l l l l'
status "after it they are found or not" 'policy 2,nohandles,called' \
	"no: the loader's fields for it were not found - - - - - - - - - - - -"
status "the last one may take longer" 'policy 2,called,fields 11,holding' 'yes F F F F F F F F F F F l'
status "unless one was reported as missing" 'policy 2,called,fields 11,holding,failed' 'yes F F F F F F F F F F F -'
status "policy:off needs five" 'policy 3,called' \
	'no: the policy leaves it to the C library - F n n n n n - - - n n'

# -- of a process with the shim
# shim POLICY: starts a host that does as it is told; tell LINE: tells it, and waits.
shim() {
	rm -f in out log.*
	mkfifo in out
	LINGER="log:$TMP/log${1:+,policy:$1}" LD_PRELOAD=$SHIM "$O/tests/host_waits" < in > out &
	PID=$! PIDS+=" $!"
	exec 3> in 4< out
	read -r answer <&4
	is "the host runs ($1)" "$answer" ready
}
tell() {
	echo "$1" >&3
	read -r answer <&4
	[ "$answer" = "done" ] || echo "# the host did not: $1"
}
# agrees NAME: every counter is the number of its event in the log.
agrees() {
	local event
	STAT --json $PID > json
	for event in keeps:keep reopens:reopen closes:close unloads:unload requests:request \
		calls_dlopen:dlopen calls_dlmopen:dlmopen calls_dlclose:dlclose; do
		is "$1: ${event%:*}" "$(grep -o "\"${event%:*}\":[0-9]*" json)" \
			"\"${event%:*}\":$(events "$TMP/log" "${event#*:}" | wc -l)"
	done
}
number() { grep -o "\"$1\":[0-9]*" json | cut -d: -f2; }
for i in 1 2 3; do cp "$O/tests/plug_base.so" "p$i.so"; done
cp "$O/tests/plug_flag_static_tls.so" tls.so
shim never
STAT --json $PID > json
like "nothing called: nothing learned" "$(cat json)" '"holding":false.*"l_tls_dtor_count":"not learned yet"'
is "nothing is kept" "$(number kept)" 0
loaded=$(number objects)
for i in 1 2 3; do tell "open $TMP/p$i.so"; done
for i in 3 2; do tell close; done
tell "open $TMP/tls.so"
tell close
agrees "three kept"
like "objects are held" "$(cat json)" '"policy":"never","holding":true'
is "objects" "$(number objects)" $((loaded + 4))
is "kept" "$(number kept)" 3
is "their bytes" "$(number kept_bytes)" \
	"$("$TMP/linger" ls --json $PID | perl -MJSON::PP -ne '$o = decode_json($_); $n += $o->{bytes} if $o->{state} eq "kept"; END { print $n }')"
is "detached, all of them" "$(number detached)" 3
is "one keeps its name, and that is counted" "$(grep -o '"errors":{[^}]*}' json)" '"errors":{"static-tls":1}'
is "every field was found" "$(grep -o '"fields":.*' json | grep -o '":"[a-z ]*"' | sort -u)" '":"found"'
tell "open $TMP/p2.so"
STAT --json $PID > json
is "opened again: kept" "$(number kept)" 2
is "and ls says so, too" "$("$TMP/linger" ls --json $PID | grep '/p2.so' | grep -o '"state":"[a-z]*"')" '"state":"live"'
tell "open $TMP/p2.so"
agrees "opened again"
is "linger has seen it by then" "$(number reopens)" 1
# Rewritten in place: what is kept of it is hidden, and the new one is loaded.
cat "$O/tests/plug_deep.so" > p3.so
tell "open $TMP/p3.so"
agrees "a file that changed"
is "one is hidden" "$(number hidden) $(number hides)" '1 1'
exec 3>&-
wait $PID

# One that finds its closes proven, with all the time it takes.
shim ''
like "what nobody reaches is closed, unless told otherwise" "$(STAT --json $PID)" '"policy":"safe"'
exec 3>&-
wait $PID
shim safe,budget:60s
for i in 1 2; do tell "open $TMP/p$i.so"; done
for i in 2 1; do tell close; done
agrees "two proven"
is "proven, both in the call that gave them up" \
	"$(number proven) $(number proven_at_call) $(number closes) $(number kept)" '2 2 2 0'
is "a look at each, and all was seen" \
	"$(number scans) $(number scans_unseen) $(number snapshots) $(number witnessed)" '2 0 0 0'
ok "something was looked at" test "$(number scanned_bytes)" -gt 4096
ok "the longest look is one of them" test "$(number longest_scan_ns)" -lt "$(number scan_ns)"
ok "and none takes no time" test "$(number longest_scan_ns)" -gt 0
exec 3>&-
wait $PID

shim off
tell "open $TMP/p1.so"
tell close
agrees "policy:off"
like "nothing is held" "$(cat json)" '"policy":"off","holding":false.*"kept":0'
exec 3>&-
wait $PID
