#!/bin/bash
# each_open_is_fresh_when_asked_for.t - reopen:fresh: a library that is opened again is a new one, with its
# constructors run and its statics as the file has them, as in plain glibc, while a thread sleeps in
# the old one. Refused, and said so, where two instances would share storage or find no room for it.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/reload.sh"

build c1.so -DVERSION=1 -DTELLS
build c2.so -DVERSION=2 -DTELLS
build static_tls1.so -DVERSION=1 -DSTATIC_TLS
build unused1.so -DVERSION=1 -DUNUSED_UNIQUE
build nodelete1.so -DVERSION=1 -Wl,-z,nodelete
need g++ g++
build_cxx unique1.so -DVERSION=1 -DUNIQUE

# Opens p.so three times; each time it is used twice.
again=(use a use a call a opened)
twice=(close a open b ./p.so use b use b call b opened close b open c ./p.so use c use c call c opened)
# opened_thrice FILE SETTING: plain without a sleeper, in linger with one.
opened_thrice() {
	cp "$1" p.so
	run_plain plain "$(host reloads)" load a ./p.so "${again[@]}" "${twice[@]}"
	LINGER_SETTINGS=$2 run_linger linger "$(host reloads)" load a ./p.so "${again[@]}" sleep a "${twice[@]}" \
		use a wake a
}
# What is said before the process ends: destructors then run in another order.
said() { grep -vE '^(destructor|a returned|status)' "$1"; }
fresh=$'a: used 1\na: used 2\na: opened 1'
fresh+=$'\nb: value 1000\nb: used 1\nb: used 2\nb: opened 1\nc: value 1000\nc: used 1\nc: used 2\nc: opened 1'
kept=$'a: used 1\na: used 2\na: opened 1'
kept+=$'\nb: value 1000\nb: used 3\nb: used 4\nb: opened 1\nc: value 1000\nc: used 5\nc: used 6\nc: opened 1'

opened_thrice c1.so reopen:fresh
is 'plain glibc: fresh statics each time' "$(said plain)" "$fresh"
is 'reopen:fresh: fresh statics each time, and the old ones untouched' "$(said linger)" \
	"$fresh"$'\na: used 3'
is 'and the sleeper returns' "$(grep returned linger; tail -n 1 linger; cat linger.err)" \
	$'a returned 1000\nstatus 0'
is 'three instances, of which two are kept' \
	"$(for e in open request keep reopen; do count_events linger.log $e /p.so; done | xargs)" '3 2 2 0'
is 'destructors run at the end, once each' "$(grep -c '^destructor of version 1' linger)" 3
is 'nothing was refused' "$(reasons linger.log /p.so)" ''
opened_thrice c1.so reopen:same
is 'reopen:same: the kept instance each time' "$(said linger)" "$kept"$'\na: used 7'
is 'one instance, reopened' \
	"$(for e in open request keep reopen; do count_events linger.log $e /p.so; done | xargs)" '1 2 2 2'

cp c1.so p.so
LINGER_SETTINGS=reopen:fresh run_linger linger "$(host reloads)" load a ./p.so use a sleep a close a \
	cp c2.so ./p.so open b ./p.so use b where b same a c1.so close b mv c1.so ./p.so open c ./p.so same b c2.so wake a
is 'reopen:fresh and changes on disk' "$(grep -v ^destructor linger)" "a: used 1
b: value 2000
b: used 1
b: dladdr ./p.so value
b: l_name ./p.so
b: maps $TMP/p.so
a: its path opens c1.so
c: value 1000
b: its path opens c2.so
a returned 1000
status 0"

for kind in static_tls unused; do
	opened_thrice ${kind}1.so reopen:fresh
	is "$kind: plain glibc: fresh statics" "$(said plain)" "$fresh"
	is "$kind: refused" "$(said linger)" "$kept"$'\na: used 7'
	is "$kind: and said so" "$(reasons linger.log /p.so)" \
		"$([ $kind = unused ] && echo unique-symbols || echo static-tls)"
	is "$kind: once" "$(count_events linger.log error /p.so)" 1
done
# Never unloaded in plain glibc either, so the same.
for kind in unique nodelete; do
	opened_thrice ${kind}1.so reopen:fresh
	is "$kind: plain glibc: the old one" "$(said plain)" "$kept"
	is "$kind: so is reopen:fresh" "$(said linger)" "$kept"$'\na: used 7'
done

# Each of a group: the dependency is a fresh one, too.
mkdir sub
build sub/dep.so -DIS_DEPENDENCY -DVERSION=1
build needs1.so -DVERSION=1 -DDEPENDS -Lsub -l:dep.so
opened_thrice needs1.so reopen:fresh
is 'a group: fresh statics' "$(said linger)" "${fresh//1000/1001}"$'\na: used 3'
is 'a group: each of it is a new one' "$(count_events linger.log open /sub/dep.so)" 3

cp c1.so p.so
LINGER_SETTINGS=reopen:fresh,kept_max:2 run_linger linger "$(host reloads)" load a ./p.so use a close a \
	load b ./p.so use b close b load c ./p.so use c close c load d ./p.so use d
is 'past kept_max the newest is given back' "$(grep used linger)" \
	$'a: used 1\nb: used 1\nc: used 1\nd: used 2'
is 'and the log says so' "$(reasons linger.log /p.so)" kept-max
