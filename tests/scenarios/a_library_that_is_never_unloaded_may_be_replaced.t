#!/bin/bash
# a_library_that_is_never_unloaded_may_be_replaced.t - fresh:nodelete: a changed file of a closed library that
# glibc cannot unload gives the new code, by renaming and in place, while a thread sleeps in the oldest
# instance. Refused where it would be unsound: while a handle is held, for what was there at the start,
# and, said in the log, when a live object needs it, with unique symbols and with static TLS.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/reload.sh"
need g++ g++

for v in 1 2 3; do
	build c$v.so -DVERSION=$v
	build nodelete$v.so -DVERSION=$v -Wl,-z,nodelete
	build static_tls$v.so -DVERSION=$v -DSTATIC_TLS -Wl,-z,nodelete
	build_cxx unique$v.so -DVERSION=$v -DUNIQUE
done
# nodelete SETTING STEP...: p.so is nodelete1.so at first.
nodelete() {
	local setting=$1
	shift
	cp "${FIRST:-nodelete1.so}" p.so
	LINGER_SETTINGS=$setting,kept_max:1000 run_linger linger "$(host reloads)" "$@"
	rm -f p.so
}

for how in mv cp; do
	nodelete fresh:nodelete load a ./p.so use a sleep a close a \
		reload 200 $how ./p.so nodelete1.so nodelete2.so nodelete3.so . use a wake a
	is "$how: the newest each time, and the sleeper returns" "$(cat linger linger.err)" \
		$'a: used 1\n'"200 of 200 reloads by $how ran the newest code"$'\na: used 2\na returned 1000\nstatus 0'
	is "$how: nothing is refused" "$(reasons linger.log /p.so)" ''
	is "$how: each is let go once" "$(count_events linger.log request /p.so)" 201
	FIRST=c1.so nodelete fresh:nodelete pin a ./p.so use a sleep a close a $how c2.so ./p.so open b ./p.so \
		where b same a c1.so use a wake a
	is "$how: RTLD_NODELETE" "$(cat linger linger.err)" "a: used 1
b: value 2000
b: dladdr ./p.so value
b: l_name ./p.so
b: maps $TMP/p.so
a: its path opens c1.so
a: used 2
a returned 1000
status 0"
done
nodelete fresh:kept load a ./p.so sleep a close a mv nodelete2.so ./p.so open b ./p.so wake a
is 'not without the setting' "$(cat linger)" $'b: value 1000\na returned 1000\nstatus 0'
nodelete fresh:nodelete load a ./p.so use a close a open b ./p.so use b
is 'unchanged, it is the same one' "$(cat linger)" $'a: used 1\nb: value 1000\nb: used 2\nstatus 0'
nodelete fresh:nodelete load a ./p.so close a rm ./p.so open b ./p.so
is 'a file that is gone is no newer one' "$(cat linger)" $'b: value 1000\nstatus 0'
cp nodelete1.so p.so
run_plain plain "$(host reloads)" load a ./p.so close a rm ./p.so open b ./p.so
is 'as in plain glibc' "$(cat plain)" "$(cat linger)"

# ------------------------------------------------------------------------------------- refused
nodelete fresh:nodelete load a ./p.so load b ./p.so close a mv nodelete2.so ./p.so open c ./p.so close b \
	open d ./p.so close c close d open e ./p.so
is 'while any handle is held' "$(cat linger)" \
	$'c: value 1000\nd: value 1000\ne: value 2000\nstatus 0'
nodelete fresh:nodelete load a ./p.so close a open b ./p.so mv nodelete2.so ./p.so open c ./p.so
is 'while a later handle is held' "$(cat linger)" $'b: value 1000\nc: value 1000\nstatus 0'

cp nodelete1.so p.so
PRELOAD_FIRST=$TMP/p.so LINGER_SETTINGS=fresh:nodelete run_linger linger "$(host reloads)" load a "$TMP/p.so" \
	close a mv nodelete2.so "$TMP/p.so" open b "$TMP/p.so"
is 'what was there at the start' "$(cat linger)" $'b: value 1000\nstatus 0'

mkdir sub
for v in 1 2; do
	build sub/dep.so -DIS_DEPENDENCY -DVERSION=$v -Wl,-z,nodelete
	cp sub/dep.so dep$v.so
done
build needs1.so -DVERSION=1 -DDEPENDS -Lsub -l:dep.so
cp dep1.so sub/dep.so
FIRST=needs1.so nodelete fresh:nodelete load a ./p.so load b ./sub/dep.so close b mv dep2.so sub/dep.so \
	load c ./sub/dep.so call c dependency_value call b dependency_value value a close c close a \
	load d ./sub/dep.so call d dependency_value
is 'when a live object needs it; not when that is closed' "$(cat linger)" \
	$'c: dependency_value 1\nb: dependency_value 1\na: value 1001\nd: dependency_value 2\nstatus 0'
is 'and the log says so' "$(reasons linger.log /sub/dep.so)" dependents

for kind in unique static_tls; do
	for how in mv cp; do
		FIRST=${kind}1.so nodelete fresh:nodelete load a ./p.so sleep a close a \
			reload 5 $how ./p.so ${kind}1.so ${kind}2.so ${kind}3.so . use a wake a
		is "$kind, $how: the old one each time, unharmed" "$(cat linger linger.err)" \
			"1 of 5 reloads by $how ran the newest code"$'\na: used 6\na returned 1000\nstatus 0'
		is "$kind, $how: and the log says so" "$(reasons linger.log /p.so)" \
			"$([ $kind = unique ] && echo unique-symbols || echo static-tls)"
	done
done
