# programs.sh - what the tests of real programs share. Source it first, instead of ../lib.sh.
#
# A test here says that a program cannot tell whether linger is there, and that linger's log tells
# the truth about it. same_with_linger runs the program ten times, in turn
#
#	bare		without anything
#	counted		with the counter, which shares nothing with linger (count.c)
#	linger		with linger
#	count_first	with both, the counter before linger
#	linger_first	with both, linger before the counter
#	kept		with linger that keeps what is closed; in those above it leaves that to glibc
#	kept_counted	the same, before the counter
#	safe		with linger as it is by default
#	safe_counted	the same, before the counter
#	proven		by default, but with as much time for a proof as it takes
#
# and compares what the program printed and its status in all of them, the counts of `counted` and
# `linger` (and the calls of `kept`) process by process, and in those with both, in the same run, pid
# by pid.
# Standard output, standard error and status of a run are in $TMP/RUN.out, .err and .status.
#
# shellcheck shell=bash disable=SC1091,SC2016
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
HERE=$ROOT/tests/programs
# The packaged programs are meant, whatever else comes first; and one language for messages.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH LC_ALL=C.UTF-8 HOME=$TMP
unset "${!COUNT@}" "${!PYTHON@}" "${!PERL@}" "${!RUBY@}" "${!LUA_@}" "${!OPENSSL_@}" "${!R_@}"
COUNTER=$O/tests/count.so
RUNS='bare counted linger count_first linger_first kept kept_counted safe safe_counted proven'

# The first test to come builds the counter; two at once both build it, and either result is good.
build_counter() {
	local new
	if [ "$COUNTER" -nt "$HERE/count.c" ]; then return; fi
	mkdir -p "$O/tests" && new=$(mktemp "$O/tests/count.XXXXXX") &&
		$CC -std=c11 -D_GNU_SOURCE -O2 -fPIC -shared -pthread -Wall -Wextra \
			-Wno-unused-parameter -o "$new" "$HERE/count.c" &&
		chmod 755 "$new" && mv "$new" "$COUNTER"
}
build_counter || bail "the counter cannot be built"

# run NAME COMMAND...: COMMAND may be a function; it finds NAME in $RUN. Logs and counts go to a
# directory of their own, writable for all: a server's children may have changed their user.
run() {
	local RUN=$1
	shift
	mkdir "$TMP/$RUN" && chmod 1777 "$TMP/$RUN"
	"$@" </dev/null >"$TMP/$RUN.out" 2>"$TMP/$RUN.err"
	echo $? >"$TMP/$RUN.status"
}
alone() {
	with_linger "$TMP/$RUN/log" "$@"
}
with_counter() {
	COUNT=$TMP/$RUN/count LD_PRELOAD=$COUNTER "$@"
}
# The library named first in LD_PRELOAD is called first and calls the other.
counter_then_linger() {
	COUNT=$TMP/$RUN/count PRELOAD_FIRST=$COUNTER with_linger "$TMP/$RUN/log" "$@"
}
linger_then_counter() {
	LINGER=$(words_for "$TMP/$RUN/log") COUNT=$TMP/$RUN/count \
		LD_PRELOAD="$SHIM $COUNTER" "$@"
}

# outcomes RUN [--reasons]: what became of what was given up.
outcomes() {
	events "$TMP/$1/log" | "$HERE/outcomes" "${@:2}"
}
# tell_outcomes RUN: the same, for whoever reads the output.
tell_outcomes() {
	echo "# $1: $(outcomes "$1")"
	outcomes "$1" --reasons | sort | uniq -c | sed "s/^ */# $1: /"
}

# counted RUN, logged RUN: a line for each process, from the counter and from linger's log. Where
# there is nothing to read they say so, each in its own words: two failures are not equal.
counted() {
	"$HERE/tally" "${@:2}" count "$TMP/$1"/count.* || echo 'the counter failed'
}
logged() {
	events "$TMP/$1/log" | "$HERE/tally" "${@:2}" log || echo 'the log failed'
}
# From such lines: the programs alone; their calls; their objects.
programs_of() {
	cut -d' ' -f1
}
calls_of() {
	sed 's/ open=.*//'
}
objects_of() {
	sed 's/ dlopen=.* open=/ open=/'
}

# total COLUMN RUN: the sum over all processes, by the counter.
total() {
	counted "$2" | perl -ne '$n += $1 if / '"$1"'=(\d+)/; END { print $n // 0 }'
}
# really COLUMN N: the program does what the test is about, or equality would mean nothing.
really() {
	local n
	n=$(total "$1" counted)
	ok "the program really does it: $1 is $n, at least $2" [ "$n" -ge "$2" ]
}

# notices EDIT: whether the comparison of calls fails when the log is edited so.
notices() {
	! [ "$(events "$TMP/linger/log" | perl -ne "$1" | "$HERE/tally" log | calls_of)" = \
		"$(counted counted | calls_of)" ]
}

# same_with_linger COMMAND...
same_with_linger() {
	local r n kept
	[ -e "$SHIM" ] || bail "$SHIM is missing: run make first"
	run bare "$@"
	run counted with_counter "$@"
	run linger alone "$@"
	run count_first counter_then_linger "$@"
	run linger_first linger_then_counter "$@"
	POLICY=never run kept alone "$@"
	POLICY=never run kept_counted linger_then_counter "$@"
	POLICY='' run safe alone "$@"
	POLICY='' LINGER_SETTINGS=budget:60s run proven alone "$@"
	POLICY='' run safe_counted linger_then_counter "$@"
	for r in $RUNS; do
		[ "$r" != bare ] || continue
		is "$r: same standard output" "$(cat "$TMP/$r.out")" "$(cat "$TMP/bare.out")"
		is "$r: same standard error" "$(cat "$TMP/$r.err")" "$(cat "$TMP/bare.err")"
		is "$r: same status" "$(cat "$TMP/$r.status")" "$(cat "$TMP/bare.status")"
	done
	is "the shim was live in every process" \
		"$(logged linger | programs_of)" "$(counted counted | programs_of)"
	is "same calls, process by process" \
		"$(logged linger | calls_of)" "$(counted counted | calls_of)"
	is "same objects come and go, process by process" \
		"$(logged linger | objects_of)" "$(counted counted | objects_of)"
	# Constructors and destructors of what is kept run once, so what they call is called once.
	[ "${CALLS_OF_CONSTRUCTORS:-}" ] || is "kept: same calls, process by process" \
		"$(logged kept | calls_of)" "$(counted counted | calls_of)"
	n=$(total unload counted) kept=$(total unload kept_counted)
	ok "kept: less is unloaded ($kept, not $n)" [ "$n" -eq 0 -o "$kept" -lt "$n" ]
	tell_outcomes safe
	tell_outcomes proven
	for r in count_first linger_first kept_counted safe_counted; do
		is "$r: same calls in the same run" \
			"$(logged "$r" --pid | calls_of)" "$(counted "$r" --pid | calls_of)"
		is "$r: same objects in the same run" \
			"$(logged "$r" --pid | objects_of)" "$(counted "$r" --pid | objects_of)"
	done
	ok "a call missing from the log would be noticed" \
		notices 'print unless /"event":"dlopen"/ && !$n++'
	ok "a call logged twice would be noticed" \
		notices 'print; print if /"event":"dlopen"/ && !$n++'
}
