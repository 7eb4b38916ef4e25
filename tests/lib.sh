# shellcheck shell=bash
# lib.sh - what every shell test shares. Source it first: . "$(dirname "$0")/../lib.sh"
#
# Prints TAP. Gives: $ROOT (the project), $O (absolute build folder), $SHIM, $LINGER_CMD, $TMP (a
# private directory, removed at the end), ok/is/like/skip/bail, words_for, with_linger, events.
# The trap of this field: with a wrong LD_PRELOAD path ld.so only warns and the program runs on, so
# a test passes without the shim. Hence with_linger asserts the start record of the run.
# SPDX-License-Identifier: MIT
set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
O=${O:-build}
case $O in /*) ;; *) O=$ROOT/$O ;; esac
SHIM=$O/liblinger.so
LINGER_CMD=$O/linger
CC=${CC:-gcc}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/linger-test.XXXXXX")
unset LINGER LD_PRELOAD POLICY
TESTS=0

finish() {
	local status=$?
	rm -rf "$TMP"
	if [ $status -eq 0 ]; then echo "1..$TESTS"; fi
}
trap finish EXIT

# ok NAME CONDITION...: runs the condition as a command.
ok() {
	local name=$1
	shift
	TESTS=$((TESTS + 1))
	if "$@"; then echo "ok $TESTS - $name"; else echo "not ok $TESTS - $name"; fi
}
# is NAME GOT WANTED
is() {
	TESTS=$((TESTS + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $TESTS - $1"
	else
		echo "not ok $TESTS - $1"
		diff <(printf '%s\n' "$3") <(printf '%s\n' "$2") | sed 's/^/# (< wanted, > got) /' | head -40
	fi
}
# like NAME GOT EXTENDED-REGEX
like() {
	TESTS=$((TESTS + 1))
	if [[ $2 =~ $3 ]]; then
		echo "ok $TESTS - $1"
	else
		echo "not ok $TESTS - $1"
		printf '# got: %s\n' "$2" | head -20
		echo "# wanted a match of: $3"
	fi
}
# skip NAME WHY: only for what no Debian package provides.
skip() {
	TESTS=$((TESTS + 1))
	echo "ok $TESTS - $1 # SKIP $2"
}
bail() {
	echo "Bail out! $*"
	exit 1
}
# need COMMAND PACKAGE: `make test` installs packages; a missing one is a failure, never a skip.
need() {
	command -v "$1" >/dev/null || bail "$1 is missing: install the Debian package $2"
}

# words_for LOG: what LINGER is for a run. POLICY is `off` unless a test sets it (`POLICY=never`;
# `POLICY=`, empty: the default): most scenarios are about what glibc unloads and what linger says of
# that, which holding would turn into a test of holding. Other settings: LINGER_SETTINGS=word,word
words_for() {
	local policy=${POLICY-off}
	echo "log:$1${policy:+,policy:$policy}${LINGER_SETTINGS:+,$LINGER_SETTINGS}"
}
# with_linger LOG COMMAND...: runs COMMAND under the shim, logs to LOG.PID, and fails the test when
# no process of the run had the shim.
with_linger() {
	local log=$1 status
	shift
	LINGER=$(words_for "$log") LD_PRELOAD="${PRELOAD_FIRST:+$PRELOAD_FIRST }$SHIM" "$@"
	status=$?
	compgen -G "$log.*" >/dev/null || { echo "# the shim was not in the process" >&2; return 99; }
	return $status
}
# events LOG [EVENT]: the records of a run as JSON lines, all processes merged by time.
events() {
	"$LINGER_CMD" log --calls --json "$1" | if [ $# -gt 1 ]; then grep "\"event\":\"$2\""; else cat; fi
}
