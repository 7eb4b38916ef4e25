# redirects.sh - what the tests of redirected programs share. Source it behind programs.sh.
#
# A test here runs an unchanged program three times
#
#	bare		without linger
#	variable	with LINGER=redirect:..., and the shim in LD_PRELOAD
#	option		with `linger run --redirect`
#
# and says what is the same in all of them, and how often the replacements were called (replacements.c).
# The program is started with begin, by a function.
#
# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
COUNTS=$TMP/counts
REPLACED='malloc getenv SSL_CTX_new g_strdup g_log' # as in replacements.c
UNDER=()                                            # what begin puts in front of a program

# replacements KIND [FLAG...]: $TMP/KIND.so, of LIBC, SSL or GLIB.
replacements() {
	$CC -std=c11 -D_GNU_SOURCE -O2 -g -fPIC -shared -fno-builtin -Wall -Wextra -Wno-unused-parameter \
		-D"$1" -DCOUNTS="\"$COUNTS\"" -o "$TMP/$1.so" "$HERE/replacements.c" -Wl,--no-as-needed "${@:2}" ||
		bail "the replacements cannot be built"
	chmod 755 "$TMP" "$TMP/$1.so"
}

begin() {
	"${UNDER[@]}" "$@"
}

# calls NAME: how often its replacements were called since forget_calls.
calls() {
	local i=0 name
	for name in $REPLACED; do
		[ "$name" = "$1" ] && break
		i=$((i + 1))
	done
	od -An -tu8 -j $((i * 8)) -N 8 "$COUNTS" | tr -d ' '
}
# Children of a server may have changed their user.
forget_calls() {
	rm -f "$COUNTS" && truncate -s 4096 "$COUNTS" && chmod 666 "$COUNTS"
}

# redirected NAME HOW FUNCTION REDIRECT...: NAME.out, .err and .status, as run (programs.sh) makes them.
redirected() {
	local name=$1 how=$2 function=$3 redirect words options=()
	shift 3
	words=log:$TMP/$name/log
	for redirect; do
		words+=,redirect:$redirect
		options+=(--redirect "$redirect")
	done
	forget_calls
	UNDER=("$LINGER_CMD" run --log "$TMP/$name/log" "${options[@]}" --)
	[ "$how" = option ] || UNDER=(env "LINGER=$words" "LD_PRELOAD=$SHIM")
	run "$name" "$function"
	UNDER=()
	ok "$name: the shim was there" [ "$(events "$TMP/$name/log" start 2>/dev/null | wc -l)" -gt 0 ]
	is "$name: nothing failed" "$(events "$TMP/$name/log" error 2>/dev/null | grep -i redirect)" ''
}

# were_called NAME: the replacements of the last run, all that stand behind it.
were_called() {
	local run=$1 name n
	for name in "${@:2}"; do
		n=$(calls "$name")
		ok "$run: the replacement of $name was called ($n times)" [ "${n:-0}" -gt 0 ]
	done
}

# same_redirected FUNCTION 'SYMBOL...' REDIRECT...: replacements that pass their calls on change nothing.
same_redirected() {
	local how function=$1 symbols=$2
	shift 2
	[ -e "$TMP/bare" ] || run bare "$function"
	for how in variable option; do
		redirected $how $how "$function" "$@"
		is "$how: same standard output" "$(cat "$TMP/$how.out")" "$(cat "$TMP/bare.out")"
		is "$how: same standard error" "$(cat "$TMP/$how.err")" "$(cat "$TMP/bare.err")"
		is "$how: same status" "$(cat "$TMP/$how.status")" "$(cat "$TMP/bare.status")"
		# shellcheck disable=SC2086
		were_called $how $symbols
	done
}
