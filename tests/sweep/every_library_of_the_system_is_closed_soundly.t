#!/bin/bash
# every_library_of_the_system_is_closed_soundly.t - promises K and U, in the default settings: each shared
# object of the library folder is opened and closed in a process of its own. None is unmapped while a scan
# from outside, which knows nothing of linger's (sweep.py says its rules), finds a word that points into
# it; the witness of each that is kept is where linger says; and at least 84 % of those that glibc
# would unload are proven at the call, and are gone when dlclose returns.
#
# CHECK_ALL=1: every object; else every eighth.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
FOLDER=${FOLDER:-/usr/lib/$("$CC" -dumpmachine)}
need python3 python3
need readelf binutils
[ -x "$LINGER_CMD" ] || bail "build first: $LINGER_CMD is missing"
cd "$TMP" || exit
"$CC" -O2 -g -D_GNU_SOURCE -iquote "$ROOT/core" -o host "$ROOT/tests/sweep/sweep_host.c" ||
	bail "cannot build the host"

# sweep OUT STEP [NAME...]: LINGER is the caller's.
sweep() {
	nice "$ROOT/tests/sweep/sweep.py" host "$SHIM" "$O/tests/plug_bare.so" "$FOLDER" "${@:2}" > "$1" 2>&1
}
# number WORD OUT: from the last line.
number() { tail -n 1 "$2" | grep -o "\<$1 [0-9]*" | cut -d' ' -f2; }

# What cannot fail shows nothing: where glibc unloads as always, the scan sees what that leaves behind.
# This library's own function is a destructor of a key.
LINGER=policy:off sweep off 1 "$(basename "$(readlink -f "$FOLDER/libgomp.so.1")")"
like "without a proof, a close is seen that leaves a reference behind" "$(cat off)" \
	'WRONG libgomp[^:]*: unmapped in .close., while a plain word'

STEP=8
[ -z "${CHECK_ALL:-}" ] || STEP=1
LINGER='' sweep all $STEP
sed 's/^/# /' all
is "nothing is unmapped that a scan from outside finds a reference to, and each witness is confirmed" \
	"$(grep '^WRONG' all)" ''
like "the sweep came to its end" "$(tail -n 1 all)" '^at-call [0-9]+ later [0-9]+ kept [0-9]+ closable [0-9]+ wrong 0$'
ok "there was something to be closed" [ "$(number closable all)" -ge 30 ]
# An eighth may have more of the others.
LEAST=75
[ -z "${CHECK_ALL:-}" ] || LEAST=84
ok "at least $LEAST % are proven at the call" \
	[ $((100 * $(number at-call all))) -ge $((LEAST * $(number closable all))) ]
