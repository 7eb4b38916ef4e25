#!/bin/bash
# a_reloaded_plugin_runs_its_newest_code.t - libraries of five kinds, replaced 200 times each, by renaming and
# in place, while a thread sleeps in the oldest one's code: dlopen gives the newest code wherever plain
# glibc does when nobody sleeps, and the sleeper returns through the code it went to sleep in (F, K).
# Then what else may become of a file while its library is kept.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/reload.sh"
need gdb gdb
need g++ g++

reload_kinds() {
	local v
	for v in 1 2 3; do
		build c$v.so -DVERSION=$v
		build nodelete$v.so -DVERSION=$v -Wl,-z,nodelete
		build static_tls$v.so -DVERSION=$v -DSTATIC_TLS
		build_cxx cxx$v.so -DVERSION=$v -DTHREAD_LOCAL
		build_cxx unique$v.so -DVERSION=$v -DUNIQUE
	done
}
reload_kinds
like 'the one with unique symbols has them' "$(readelf -sW unique1.so)" ' UNIQUE '
like 'the one with static TLS says so' "$(readelf -d static_tls1.so)" 'STATIC_TLS'

# hundreds KIND HOW MODE: the same reloads without linger and without a sleeper (plain), with both.
hundreds() {
	local files=("$1"1.so "$1"2.so "$1"3.so)
	cp "$1"1.so p.so
	run_plain plain "$(host reloads)" load a ./p.so close a "$3" 200 "$2" ./p.so "${files[@]}" .
	rm p.so
	cp "$1"1.so p.so
	LINGER_SETTINGS=kept_max:1000 run_linger linger "$(host reloads)" load a ./p.so sleep a close a \
		"$3" 200 "$2" ./p.so "${files[@]}" . wake a
	rm p.so
}
# A sleeper that goes on in old code returns the old version's thousand.
newest() { printf '200 of 200 reloads by %s ran the newest code' "$1"; }

for how in mv cp; do
	for kind in c cxx; do
		# Thread-local objects are made in threads that end before the close.
		hundreds $kind $how thread
		is "$kind, $how: the newest code without linger" "$(cat plain)" "$(newest $how)"$'\nstatus 0'
		is "$kind, $how: and with it, around a sleeper" "$(cat linger linger.err)" \
			"$(newest $how)"$'\na returned 1000\nstatus 0'
	done
	hundreds c $how reload
	is "c, $how, in one thread" "$(cat linger linger.err)" \
		"$(newest $how)"$'\na returned 1000\nstatus 0'
	is "c, $how: one hold for each version" \
		"$(count_events linger.log request /p.so) $(count_events linger.log keep /p.so)" '201 201'

	# No second instance of it: the first one is given back, 66 times with the very code.
	hundreds static_tls $how reload
	is "static TLS, $how: the newest code without linger" "$(cat plain)" "$(newest $how)"$'\nstatus 0'
	is "static TLS, $how: the kept one is given back" "$(cat linger linger.err)" \
		"66 of 200 reloads by $how ran the newest code"$'\na returned 1000\nstatus 0'
	is "static TLS, $how: the log says why" "$(reasons linger.log /p.so)" static-tls
done
# What glibc never unloads, it finds again. (In place there is nothing to compare: its code changes
# under it, with and without linger.)
for kind in nodelete unique; do
	hundreds $kind mv reload
	like "$kind: the old code without linger" "$(cat plain)" '^66 of 200 .*status 0$'
	is "$kind: and with it" "$(grep -v returned linger)" "$(cat plain)"
	is "$kind: the sleeper returns" "$(grep returned linger)" 'a returned 1000'
done
# A thread-local destructor that is still to come keeps the code it belongs to (here of the first reload), in
# glibc and in linger.
hundreds cxx mv reload
like 'pending thread-local destructors: the old code without linger' "$(cat plain)" '^67 of 200 .*status 0$'
is 'pending thread-local destructors: and with it' "$(grep -v returned linger)" "$(cat plain)"

# ------------------------------------------------------------------ names, after a change in place
mkdir -p here/sub kept
for v in 1 2; do
	# Functions of the second lie elsewhere: its file would give the first one's frames other names.
	build here/sub/dep.so -DIS_DEPENDENCY -DVERSION=$v
	build needs$v.so -DVERSION=$v -DDEPENDS -DPADDING=$((v * 4096 - 4096 + 16)) -Lhere/sub -l:dep.so
	cp here/sub/dep.so dep$v.so
done
cp needs1.so here/p.so
cp dep1.so here/sub/dep.so
mkfifo go
exec 3<> go # so that neither side waits for the other to open it
run_linger linger "$(host reloads)" load a "$TMP/here/p.so" use a sleep a close a cp needs2.so here/p.so \
	cp dep2.so here/sub/dep.so open b "$TMP/here/p.so" where b same a needs1.so same b needs2.so \
	where a use a value a use b stop wake a use a < go &
until grep -q ^stopped linger || ! kill -0 $! 2> kill.err; do sleep 0.02; done
pid=$(sed -n 's/^stopped //p' linger)
gdb -nx -batch -iex 'set debuginfod enabled off' -p "$pid" -ex 'thread apply all backtrace' > frames 2> frames.err
echo go >&3
wait $!
is 'the new instance, its dependency and all its names are from the true path' \
	"$(grep ^b: linger)" \
	"b: value 2002
b: dladdr $TMP/here/p.so value
b: l_name $TMP/here/p.so
b: maps $TMP/here/p.so
b: its path opens needs2.so
b: used 1"
is "the old one's path opens the old bytes" "$(grep '^a: its' linger)" 'a: its path opens needs1.so'
is 'its names agree' "$(sed -n 's/^a: dladdr \(.*\) value/\1/p' linger)" "$(sed -n 's/^a: l_name //p' linger)"
is 'its data and its dependency are what they were' "$(grep -E '^a: (used|value)' linger)" \
	$'a: used 1\na: used 2\na: value 1001\na: used 4'
like 'gdb names the frame that sleeps in the old one' "$(cat frames)" \
	'wait_inside \(in=[^)]*\) at .*plug_reloaded\.c:[0-9]+'
like 'and knows its caller' "$(cat frames)" 'in wait_inside .* in sleep_inside '
is 'the sleeper returns through it' "$(tail -n 3 linger)" $'a returned 1000\na: used 4\nstatus 0'

# ------------------------------------------------------------------------------------- kept_max
cp c1.so p.so
LINGER_SETTINGS=kept_max:3 run_linger linger "$(host reloads)" load a ./p.so close a cp c2.so ./p.so \
	open b ./p.so close b cp c3.so ./p.so open c ./p.so close c cp c1.so ./p.so open d ./p.so close d \
	cp c2.so ./p.so open e ./p.so use e close e cp c3.so ./p.so open f ./p.so use f close f \
	mv c3.so ./p.so open g ./p.so
is 'past kept_max the newest is given back; by renaming there is always room' \
	"$(cat linger linger.err)" \
	$'b: value 2000\nc: value 3000\nd: value 1000\ne: value 1000\ne: used 1\nf: value 1000\nf: used 2\ng: value 3000\nstatus 0'
is 'the log says so' "$(reasons linger.log /p.so)" kept-max

# ------------------------------------------------------------------------- what becomes of a file
# edge NAME STEP...: the same with linger and a sleeper as without both. Files: p.so, q.so, sub/.
edge() {
	local name=$1 first=$EDGE_FIRST
	shift
	rm -rf p.so q.so sub
	mkdir sub
	cp dep1.so sub/dep.so
	cp "$first" p.so
	run_plain plain "$(host reloads)" load a ./p.so close a "$@"
	rm -rf p.so q.so sub
	mkdir sub
	cp dep1.so sub/dep.so
	cp "$first" p.so
	run_linger linger "$(host reloads)" load a ./p.so sleep a close a "$@" wake a
	like "$name: plain glibc runs the newest" "$(cat plain)" 'value [23]00.*status 0$'
	is "$name: so does linger" "$(grep -v returned linger)" "$(cat plain)"
	is "$name: the sleeper returns" "$(grep returned linger)$(cat linger.err)" 'a returned 1000'
}
is 'the versions are of one size' "$(stat -c %s c1.so)" "$(stat -c %s c2.so)"
EDGE_FIRST=c1.so
edge 'deleted and made anew' rm p.so fails ./p.so cp c2.so p.so open b ./p.so close b \
	rm p.so fails ./p.so cp c3.so p.so open b ./p.so
edge 'truncated' truncate p.so fails ./p.so cp c2.so p.so open b ./p.so
edge 'a symbolic link in its place' rm p.so symlink c2.so p.so open b ./p.so close b rm p.so \
	symlink c3.so p.so open b ./p.so
edge 'a hard link, changed by the old name' ln p.so q.so open b ./q.so close b cp c2.so p.so open b ./q.so
edge 'a hard link, changed by its own name' ln p.so q.so rm p.so cp c2.so q.so open b ./q.so
edge 'renamed, then changed' rename p.so q.so cp c2.so q.so open b ./q.so
edge 'opened again by another name in between' ln p.so q.so open b ./p.so close b open b ./q.so close b \
	cp c2.so q.so open b ./q.so
EDGE_FIRST=needs1.so
edge 'a dependency changed in place' cp dep2.so sub/dep.so open b ./p.so close b cp needs2.so p.so open c ./p.so
edge 'a dependency replaced' mv dep2.so sub/dep.so open b ./p.so close b mv needs2.so p.so open c ./p.so

cp c1.so p.so
LINGER_SETTINGS=kept_max:300 run_linger linger "$(host reloads)" tick 200 ./p.so c1.so c2.so
is 'rewritten with as many bytes, and nothing in between' "$(cat linger)" \
	$'200 of 200 rewrites at once ran the newest code\nstatus 0'
cat linger.err
