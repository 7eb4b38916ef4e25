# ls.sh - what the tests of `linger ls` share. Source it first, instead of ../lib.sh.
#
# Works on a copy of the command that every user can reach: $LS. Gives: standin WORDS (starts a
# process that says what a test wants, see standin.c; its pid is in $PID), until_true, refused.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
chmod 755 "$TMP"
cp "$LINGER_CMD" "$TMP/linger" || bail "build first: $LINGER_CMD is missing"
LS="$TMP/linger ls"
"$CC" -std=c11 -D_GNU_SOURCE -iquote "$ROOT/core" -O1 -fPIC -shared -pthread -o "$TMP/standin.so" \
	"$ROOT/tests/scenarios/standin.c" || bail "the stand-in cannot be built"
cd "$TMP" || exit
PIDS=
leave() {
	local status=$?
	[ -z "$PIDS" ] || kill $PIDS 2> /dev/null
	(exit $status)
	finish
}
trap leave EXIT

# until_true COMMAND...: tries for ten seconds.
until_true() {
	local i
	for ((i = 0; i < 200; i++)); do "$@" > /dev/null 2>&1 && return; sleep 0.05; done
	echo "# never came true: $*"
	return 1
}
mapped() { grep -q "$2" "/proc/$1/maps"; }
# The program is started when sleep's own loader is done, which the stand-in's constructor is before.
sleeps() { [ "$(cut -d' ' -f3 "/proc/$1/stat")" = S ] && [ "$(tr '\0' ' ' < "/proc/$1/cmdline")" = 'sleep 300 ' ]; }
standin() {
	STANDIN=$1 LD_PRELOAD=$TMP/standin.so sleep 300 &
	PID=$! PIDS="$PIDS $!"
	until_true sleeps $PID
}
# refused NAME STATUS REGEX ARGUMENT...
refused() {
	local name=$1 status=$2 regex=$3 got
	shift 3
	${AS:-} $LS "$@" > out 2> err
	got=$?
	is "$name: status" $got "$status"
	is "$name: nothing is listed" "$(cat out)" ''
	is "$name: one sentence" "$(wc -l < err)" 1
	like "$name: what it says" "$(cat err)" "^linger ls: .*$regex"
}
