#!/bin/bash
# g_strdup and g_log of gio, a program of GLib, and malloc and getenv: what GLib's libraries, linked with BIND_NOW
# and full RELRO, and the program call of each other.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
. "$HERE/redirects.sh"
need gio libglib2.0-bin

replacements LIBC
replacements GLIB -l:libglib-2.0.so.0
echo text >"$TMP/a-name-of-ours.txt"
# A module that is not there makes libgio warn: the number of the process and the time are left out.
program() {
	local status
	cd "$TMP" || return
	GIO_USE_VFS=not-there begin gio info -a standard::name,standard::display-name,standard::size \
		a-name-of-ours.txt 2>"$TMP/stderr"
	status=$?
	sed -E 's/:[0-9]+\)/:PID)/; s/[0-9]+:[0-9]+:[0-9.]+/TIME/' "$TMP/stderr" >&2
	begin gio cat a-name-of-ours.txt a-file-that-is-not-there
	return $((status + $?))
}

same_redirected program 'malloc getenv g_strdup g_log' "malloc=$TMP/LIBC.so#pass_malloc" \
	"getenv=$TMP/LIBC.so#pass_getenv" "g_strdup=$TMP/GLIB.so#pass_g_strdup" "g_log=$TMP/GLIB.so#pass_g_log"
like "the program works" "$(cat "$TMP/bare.out")" 'standard::name: a-name-of-ours.txt.*standard::size: 5.*text'
like "and warns" "$(cat "$TMP/bare.err")" "WARNING .*Can't find module 'not-there'"

redirected other option program "g_strdup=$TMP/GLIB.so#other_g_strdup" "g_log=$TMP/GLIB.so#other_g_log"
were_called other g_strdup g_log
is "other: what g_strdup gives is other text" "$(cat "$TMP/other.out")" \
	"$(sed 's/: a-name-of-ours/: b-name-of-ours/' "$TMP/bare.out")"
is "other: what g_log was told is not said" "$(grep -c WARNING "$TMP/other.err")" 0
