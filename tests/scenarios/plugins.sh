# plugins.sh - what the tests that open plugins share. Source it first, instead of ../lib.sh.
#
# Gives: host, plug (their paths), copies, same_with_linger, same_when_kept, same_when_off, count_events, path_events.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
[ -x "$LINGER_CMD" ] || bail "build first: $LINGER_CMD is missing"
cd "$TMP" || exit
BUILT=$O/tests

host() { echo "$BUILT/host_$1"; }
plug() { echo "$BUILT/plug_$1.so"; }
# copies N NAME: makes N copies of a plugin, NAME1.so and so on in $TMP; prints their paths.
copies() {
	local i
	for ((i = 1; i <= $1; i++)); do
		cp "$(plug "$2")" "$TMP/$2$i.so" || bail "cannot copy $2"
		echo "$TMP/$2$i.so"
	done
}
# run_plain OUT COMMAND...: standard output in OUT, the rest in OUT.err, then the status as last line.
run_plain() {
	local out=$TMP/$1
	shift
	"$@" > "$out" 2> "$out.err"
	echo "status $?" >> "$out"
}
# run_linger OUT COMMAND...: the same with the shim; its log is $TMP/OUT.log.
run_linger() {
	local out=$1
	shift
	rm -f "$TMP/$out.log".*
	with_linger "$TMP/$out.log" "$@" > "$TMP/$out" 2> "$TMP/$out.err"
	echo "status $?" >> "$TMP/$out"
}
# same_when_kept NAME COMMAND...: the same output and status with and without linger that keeps what is
# closed. Its log is kept.log. The host expects that it is kept, unless KEEPS is empty.
same_when_kept() {
	local name=$1
	shift
	run_plain plain "$@"
	KEEPS=${KEEPS-1} POLICY=never run_linger kept "$@"
	is "$name, kept: as without linger" "$(cat kept)" "$(cat plain)"
	tail -n 1 kept | grep -qx 'status 0' || sed 's/^/# /' kept.err
}
# same_with_linger NAME COMMAND...: that, and the same output and status with linger and without, and 0,
# where glibc unloads as always. same_when_off NAME COMMAND...: the latter alone.
same_with_linger() {
	same_when_kept "$@"
	same_when_off "$@"
}
same_when_off() {
	local name=$1
	shift
	run_plain plain "$@"
	run_linger linger "$@"
	is "$name: as without linger" "$(cat linger)" "$(cat plain)"
	like "$name: both end well" "$(tail -n 1 plain) $(tail -n 1 linger)" '^status 0 status 0$' ||
		cat plain.err
	sed 's/^/# /' plain.err linger.err | grep -v '^# #' | head -n 20
}
# count_events LOG EVENT [PATH-REGEX]: how many records of that event.
count_events() {
	events "$1" "$2" | grep -cE "\"path\":\"[^\"]*${3:-}\""
}
