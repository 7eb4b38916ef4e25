#!/bin/bash
# a_look_is_not_misled.t - promise K: what is reached only from an unlikely place is kept.
#
# Each of these was once closed, and crashed. The first two have no reference, and go: so a look is made.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"

# Without a limit of time: a busy machine would keep everything.
look() {
	POLICY=safe LINGER_SETTINGS=budget:20s with_linger "$TMP/$1" timeout 60 "$O/tests/host_misled" "$1"
	echo "[$?]"
}
for what in none elsewhere; do
	is "no reference, $what" "$(look "$what")" $'gone\n[0]'
done
while read -r what why; do
	is "$why" "$(look "$what")" $'kept\n[0]'
done << 'EOF'
stack a frame below a thread's stack that is an array in main's frame
signal an alternate signal stack
deepbind an alternate signal stack that a library with a scope of its own asked for
fork an alternate signal stack from before a fork
file a page of a shared file that is not in memory
socket bytes in a socket pair from before a fork
cache memory that an ended thread had given back
EOF
