# why.sh - what the tests of `linger why` share. Source it first, instead of ../lib.sh.
#
# Gives, beside ls.sh: points [HOST]: starts host_points (with $AS as that user; $SETTINGS are
# linger's, else policy:never; with $PLACE the address is there alone), which keeps a plugin in process
# $PID as object $ID, and has its address in every kind of place: ${AT[NAME]}, ${VALUE[NAME]}, ${TID[NAME]};
# witness REASON PLACE ENCODING AT VALUE THREAD: says what keeps it; words: asks, prints what comes
# behind the first line.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/ls.sh"
# shellcheck disable=SC2034 # for ls.sh
SUBCOMMAND=why
WHY() { LS "$@"; }
"$CC" -std=c11 -D_GNU_SOURCE -iquote "$ROOT/core" -iquote "$ROOT/tools" -o "$TMP/witness" \
	"$ROOT/tests/scenarios/witness.c" "$O"/tool/tools/{proc,elf,json,say}.o ||
	bail "the writer of witnesses cannot be built"
cp "$O/tests/plug_pointed_at.so" pointed_at.so
cp "$O/tests/plug_pointed_at.so" other.so
cp "$O/tests/host_points" "$SHIM" .
mkdir -m 777 logs
declare -A AT VALUE TID

points() {
	local name at value tid log=$TMP/logs/points
	rm -f in out "$log".*
	mkfifo -m 666 in out
	${AS:+setpriv --reuid=$AS --regid=$AS --clear-groups} env LINGER="log:$log,${SETTINGS:-policy:never}" \
		LD_PRELOAD="$TMP/liblinger.so" "${1:-$TMP/host_points}" \
		"$TMP/pointed_at.so" "$TMP/other.so" ${PLACE:+"$PLACE"} < in > out &
	PID=$! PIDS+=" $!"
	exec 3> in 4< out
	while read -r name at value tid <&4 && [ "$name" != ready ]; do
		AT[$name]=$at VALUE[$name]=$value TID[$name]=$tid
	done
	is "the shim is in the process" "$(compgen -G "$log.*")" "$log.$PID"
	ID=$("$TMP/linger" ls --json $PID | sed -n 's/.*"id":\([0-9]*\),.*pointed_at\.so.*"state":"kept".*/\1/p')
	[ "${GOES:-}" ] || like "it keeps the plugin" "$ID" '^[0-9]+$'
}
witness() { "$TMP/witness" "$PID" "$ID" "$@" || echo "# the witness was not written"; }
words() { if [ "${AS:-}" ]; then LS_AS "$AS" "$PID" "$ID"; else WHY "$PID" "$ID"; fi | tail -n +2; }
# line MARK: the number of the line of host_points.c marked so.
line() { grep -n "LINE $1 " "$ROOT/tests/hosts/host_points.c" | cut -d: -f1; }
