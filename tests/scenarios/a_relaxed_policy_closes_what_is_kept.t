#!/bin/bash
# a_relaxed_policy_closes_what_is_kept.t - from the moment the policy is off, the next dlopen or dlclose of the
# program closes everything that is kept: destructors run on that thread before the call goes on, each
# object has a close and an unload in the log, and mappings and descriptors are as they were before.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/reload.sh"
need g++ g++

for v in 1 2 3; do build c$v.so -DVERSION=$v -DTELLS; done
build_cxx cxx1.so -DVERSION=4 -DTELLS -DTHREAD_LOCAL
build static_tls1.so -DVERSION=5 -DTELLS -DSTATIC_TLS
mkdir sub
build sub/dep.so -DIS_DEPENDENCY -DVERSION=1
build needs1.so -DVERSION=6 -DTELLS -DDEPENDS -Lsub -l:dep.so
"$CC" -D_GNU_SOURCE -g -fPIC -shared -iquote "$ROOT/core" -o relax.so "$ROOT/tests/scenarios/relax.c" ||
	bail 'cannot build relax.so'

# Kept in all ways: a version that was replaced, one that was overwritten, thus hidden, one as it was, one
# that was opened again, a group of two, one with thread-local destructors that have run, static TLS.
some=(load a ./p.so close a mv c2.so ./p.so load b ./p.so close b cp c3.so ./p.so load c ./p.so close c
	load d ./needs.so close d apart open e ./cxx.so close e load f ./static_tls.so close f
	load g ./p.so use g close g)
counted=(call z kept call z mappings call z descriptors)
# relaxed STEP...: after a first round that does the same, so that what stays for ever is there.
relaxed() {
	cp c1.so p.so
	cp needs1.so needs.so
	cp cxx1.so cxx.so
	cp static_tls1.so static_tls.so
	run_linger linger "$(host reloads)" load z ./relax.so "${some[@]}" call z relax load y ./relax.so close y \
		call z tighten cp c1.so ./p.so call z mappings call z descriptors \
		"${some[@]}" "${counted[@]}" call z relax "$@" "${counted[@]}" load a ./p.so use a
	sed -n '/tighten/,$p' linger > round
}
number() { sed -n "s/^z: $1 //p" round | sed -n "$2p"; } # of the nth time
closed() {
	is "$1: destructors run in that call, on that thread, once each" \
		"$(sed -n '/relax/,/kept/p' round | grep ^destructor | sort)" \
		"$(for v in 1 2 3 4 5 6; do echo "destructor of version $v, $2 thread"; done)"
	is "$1: seven were kept, and none is" "$(number kept 1) $(number kept 2)" '7 0'
	is "$1: mappings are as before" "$(number mappings 3)" "$(number mappings 1)"
	is "$1: descriptors are as before" "$(number descriptors 3)" "$(number descriptors 1)"
	ok "$1: and were more meanwhile" test "$(number mappings 2)" -gt "$(number mappings 1)" -a \
		"$(number descriptors 2)" -gt "$(number descriptors 1)"
	is "$1: what is opened then is new" "$(tail -n 3 round)" \
		$'a: used 1\ndestructor of version 3, main thread\nstatus 0'
	is "$1: a close and an unload for each that was kept" \
		"$(ids keep | sort -u | xargs)" "$(ids close | sort -u | xargs)"
	is "$1: each closed once" "$(ids close | sort | uniq -d)" ''
	is "$1: each unloaded" "$(comm -23 <(ids close | sort) <(ids unload | sort))" ''
	is "$1: nothing on standard error" "$(cat linger.err)" ''
}
ids() { events linger.log "$1" | sed 's/.*"id":\([0-9]*\).*/\1/'; }

relaxed load y ./relax.so close y
closed 'dlopen' main
relaxed load y ./relax.so apart close y
is 'whichever call comes first' "$(sed -n '/relax/,/kept/p' round | grep -c ', main thread')" 6
relaxed apart load y ./relax.so close y
closed 'dlopen in a thread' another
relaxed fails ./absent.so
closed 'a dlopen that fails' main
like 'with its own error' "$(cat round)" 'absent.so: cannot open shared object file'
