#!/bin/bash
# a_close_comes_from_anywhere.t - promise K and S: dlclose in constructors, destructors, atexit
# handlers, at a thread's end, in several threads at once, around fork and at every kind of exit.
#
# Each case runs three ways: plain; with policy:never, where destructors wait for the process's exit;
# and relaxed, where what is kept is closed for real in the program's next dlopen or dlclose, with
# destructors that open, close, look for their own file, fork, jump out or never return.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
HOST=$O/tests/host_lives

# lives CASE WAY [VARIABLE=VALUE...]: the line of one case.
lives() {
	local case=$1 way=$2 log=$TMP/log.$BASHPID
	shift 2
	case $way in
	plain) env "$@" timeout 60 "$HOST" "$case" ;;
	never) POLICY=never with_linger "$log" env "$@" timeout 60 "$HOST" "$case" ;;
	relax) POLICY=never with_linger "$log" env "$@" timeout 60 "$HOST" "$case" relax ;;
	esac
	echo " [$?]"
}
# each CASE PLAIN NEVER RELAXED [VARIABLE=VALUE...]
each() {
	local case=$1 plain=$2 never=$3 relaxed=$4
	shift 4
	is "$case${1:+, $*}: plain" "$(lives "$case" plain "$@")" "$case: $plain [0]"
	is "$case${1:+, $*}: kept" "$(lives "$case" never "$@")" "$case: $never [0]"
	is "$case${1:+, $*}: closed later" "$(lives "$case" relax "$@")" "$case: $relaxed [0]"
}

each plain '(ctor) count:1 (dtor) close:0 | (ctor) count:1 (dtor) close:0 end' \
	'(ctor) count:1 close:0 | count:2 close:0 end (dtor)' \
	'(ctor) count:1 close:0 (dtor) | (ctor) count:1 (dtor) close:0 end'
for what in 'open opened:yes' 'close closed:-1' 'self self:found' 'fork child:0'; do
	read -r dtor did <<< "$what"
	each plain "(ctor) count:1 (dtor $did) close:0 | (ctor) count:1 (dtor $did) close:0 end" \
		"(ctor) count:1 close:0 | count:2 close:0 end (dtor $did)" \
		"(ctor) count:1 close:0 (dtor $did) | (ctor) count:1 (dtor $did) close:0 end" DTOR="$dtor"
done
each ctor-closes '(ctor closed:0) count:1 (dtor) close:0 | (ctor closed:-1) count:1 (dtor) close:0 end' \
	'(ctor closed:0) count:1 close:0 | count:2 close:0 end (dtor)' \
	'(ctor closed:0) count:1 close:0 (dtor) | (ctor closed:-1) count:1 (dtor) close:0 end' CTOR=close
each ctor-closes '(ctor) count:1 (dtor closed:0) close:0 | (ctor) count:1 (dtor closed:-1) close:0 end' \
	'(ctor) count:1 close:0 | count:2 close:0 end (dtor closed:0)' \
	'(ctor) count:1 close:0 (dtor closed:0) | (ctor) count:1 (dtor closed:-1) close:0 end' DTOR=close
each atexit '(ctor) end (dtor) atexit-close:0' '(ctor) end atexit-close:0 (dtor)' \
	'(ctor) end atexit-close:0 (dtor)'
for way in quick_exit _exit; do
	each $way '(ctor) count:1 (dtor) close:0 | (ctor) count:1 (dtor) close:0 end' \
		'(ctor) count:1 close:0 | count:2 close:0 end' \
		'(ctor) count:1 close:0 (dtor) | (ctor) count:1 (dtor) close:0 end'
done
each thread-exit '(ctor) (dtor) thread-exit-close:0 end' '(ctor) thread-exit-close:0 end (dtor)' \
	'(ctor) thread-exit-close:0 (dtor) end'
each threads '(ctor) (dtor) failed:0 end' '(ctor) failed:0 end (dtor)' '(ctor) failed:0 (dtor) end'
# The child's line comes first: it inherits what the parent had not written yet.
each fork '(ctor) count:1 (dtor) close:0 (ctor) count:1 (dtor) close:0 child status:0 end' \
	'(ctor) count:1 close:0 count:2 close:0 child (dtor) status:0 end (dtor)' \
	'(ctor) count:1 close:0 count:2 close:0 (dtor) child (dtor) status:0 end'
each vfork '(ctor) count:1 (dtor) close:0 status:7 end' '(ctor) count:1 close:0 status:7 end (dtor)' \
	'(ctor) count:1 close:0 (dtor) status:7 end'
# Jumping out of a destructor leaves the loader's lock with the thread, which can go on; a destructor
# that never returns has it for ever, and the rest of the program goes on.
each jump '(ctor) count:1 (dtor out close:0 end' '(ctor) count:1 close:0 no-jump end' \
	'(ctor) count:1 close:0 (dtor out close:0 end' DTOR=jump
is "a destructor never returns" "$(lives stay relax DTOR=stay)" 'stay: (ctor) count:1 close:0 (dtor on [0]'
