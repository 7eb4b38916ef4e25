# ls.sh - what the tests of `linger ls` and `linger stat` share. Source it first, instead of ../lib.sh.
#
# Works on a copy of the command that every user can reach. Gives: LS (linger ls; or what SUBCOMMAND
# says), LS_AS USER-ID, WIRE (the version of the region), and
# standin WORDS: starts a process that says what a test wants, see standin.c; its pid is in $PID.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
chmod 755 "$TMP"
cp "$LINGER_CMD" "$TMP/linger" || bail "build first: $LINGER_CMD is missing"
SUBCOMMAND=ls
# shellcheck disable=SC2034 # for the tests
WIRE=$(sed -n 's/^#define LGR_WIRE_VERSION \([0-9]*\)u/\1/p' "$ROOT/core/wire.h")
LS() { "$TMP/linger" $SUBCOMMAND "$@"; }
as_user() { setpriv --reuid="$1" --regid="$1" --clear-groups -- "${@:2}"; }
LS_AS() { as_user "$1" "$TMP/linger" $SUBCOMMAND "${@:2}"; }
"$CC" -std=c11 -D_GNU_SOURCE -iquote "$ROOT/core" -O1 -fPIC -shared -pthread -o "$TMP/standin.so" \
	"$ROOT/tests/scenarios/standin.c" || bail "the stand-in cannot be built"
cd "$TMP" || exit
PIDS=
# bash's own kill: the command is in procps, which a small system lacks.
# shellcheck disable=SC2086 # a list of numbers
end_processes() { [ -z "$PIDS" ] || kill $PIDS 2> /dev/null; PIDS=; }
leave() {
	local status=$?
	end_processes
	(exit $status)
	finish
}
trap leave EXIT

# until_true COMMAND...: tries for a minute.
until_true() {
	local i
	for ((i = 0; i < 1200; i++)); do "$@" > /dev/null 2>&1 && return; sleep 0.05; done
	echo "# never came true: $*"
	return 1
}
# The program is started when sleep's own loader is done, which the stand-in's constructor is before.
sleeps() {
	[ "$(cut -d' ' -f3 "/proc/$1/stat")" = S ] &&
		[ "$(tr '\0' ' ' < "/proc/$1/cmdline")" = 'sleep 300 ' ]
}
standin() {
	STANDIN=$1 LD_PRELOAD=$TMP/standin.so sleep 300 &
	PID=$! PIDS+=" $!"
	until_true sleeps $PID
}
# refused NAME STATUS REGEX ARGUMENT...; with $AS as that user
refused() {
	local name=$1 status=$2 regex=$3 got
	shift 3
	if [ "${AS:-}" ]; then LS_AS "$AS" "$@"; else LS "$@"; fi > out 2> err
	got=$?
	is "$name: status" $got "$status"
	is "$name: nothing is listed" "$(cat out)" ''
	is "$name: one sentence" "$(wc -l < err)" 1
	like "$name: what it says" "$(cat err)" "^linger $SUBCOMMAND: .*$regex"
}
