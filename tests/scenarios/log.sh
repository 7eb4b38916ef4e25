# log.sh - what the tests of `linger log` share. Source it first, instead of ../lib.sh.
#
# Gives: forge (see forge_log.pl), log, said (standard error of the last log, in $TMP/err), json.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
HERE=$ROOT/tests/scenarios
[ -x "$LINGER_CMD" ] || bail "build first: $LINGER_CMD is missing"
cd "$TMP" || exit

forge() { perl "$HERE/forge_log.pl" "$@" || bail "cannot forge $1"; }
log() { "$LINGER_CMD" log "$@" 2> "$TMP/err"; }
# refused NAME STATUS REGEX ARGUMENT...: status, and one sentence on standard error.
refused() {
	local name=$1 status=$2 regex=$3
	shift 3
	log "$@" > "$TMP/out"
	is "$name: status" $? "$status"
	is "$name: one sentence" "$(wc -l < "$TMP/err")" 1
	like "$name: what it says" "$(cat "$TMP/err")" "^linger log: .*$regex"
}
# json EXPRESSION: runs a perl expression for each object $o read from standard input.
json() {
	perl -MJSON::PP -ne 'BEGIN { $e = shift } $o = JSON::PP->new->utf8->decode($_); print eval($e), "\n"; die $@ if $@' "$1"
}
# Events and reasons by number, as in wire.h.
START=0 OPEN=1 REQUEST=2 KEEP=3 ERROR=10 DLOPEN=11 DLMOPEN=12 DLCLOSE=13
BY_POLICY=1 E_LOG=19
