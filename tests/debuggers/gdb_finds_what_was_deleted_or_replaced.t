#!/usr/bin/env bash
# A thread is inside a library, whose file is deleted or replaced, or which is closed under it. Stock gdb, on
# the process and on a core of it, names none of its frames, or gives them the names of another file;
# `linger gdb` names all three, with their lines, and the chain goes on to the thread's start.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/debuggers.sh"
need gdb gdb
need readelf binutils
need perl perl

plugin old.so old
plugin new.so new -DPAD=1
plugin bare.so old -Wl,--build-id=none
plugin other.so new -DPAD=1 -Wl,--build-id=none

P=$TMP/p.so
ARCHIVE=$TMP/archive
OLD=$(archive_file "$ARCHIVE" old.so p.so)
archive_file "$ARCHIVE" new.so p.so >key

BT=(-q -batch -ex 'thread apply all backtrace')
# A chain that ends where the thread began.
complete() {
	tr '\n' ' ' <<<"$2" | grep -qE "leaf_$1 .*mid_$1 .*entry .*run .*start_thread" && echo complete
}
# judge TITLE GEN WANTED TEXT: WANTED is a number of frames, or `wrong`: fewer than three.
judge() {
	local got
	got=$(named "$2" "$4" places)
	case $3 in
	wrong) ok "$1: not all of $2" test "$got" -lt 3 ;;
	3) is "$1: $2" "$got $(complete "$2" "$4")" "3 complete" ;;
	*) is "$1: $2" "$got" "$3" ;;
	esac
	ROW+=" $got"
}
TABLE=$(printf '%-42s %6s %6s %6s %6s' "frames of three named" live linger core linger)
# row TITLE WANTED WITH ACTION...: WANTED has GEN:LIVE:CORE of each library that a thread is in, what stock gdb
# gets of the process and of the core, as for judge. The core is made by gdb: the kernel's own goes elsewhere
# on many machines.
row() {
	local title=$1 wanted=$2 with=$3 gen live core text
	local -A of
	shift 3
	cp "${SOURCE-old.so}" p.so
	cp "${BY-new.so}" by.so
	start "$with" "$@" wait
	[ -z "${KEY-}" ] || manifest "$ARCHIVE" $PID "$(range_of $PID 'p\.so')" "$KEY" "$P"
	rm -f core
	of[live]=$(gdb -p $PID "${BT[@]}" -ex 'generate-core-file core' 2>&1)
	of[linger]=$("$LINGER_CMD" gdb --archive "$ARCHIVE" $PID "${BT[@]}" 2>&1)
	stop
	gdb "$HOST" core "${BT[@]}" >core.plain 2>&1 &
	of[linger_core]=$("$LINGER_CMD" gdb --archive "$ARCHIVE" core "${BT[@]}" 2>&1)
	wait
	of[core]=$(cat core.plain)
	for text in $wanted; do
		IFS=: read -r gen live core <<<"$text"
		ROW=
		judge "$title, gdb" "$gen" "$live" "${of[live]}"
		judge "$title, linger gdb" "$gen" 3 "${of[linger]}"
		judge "$title, core, gdb" "$gen" "$core" "${of[core]}"
		judge "$title, core, linger gdb" "$gen" 3 "${of[linger_core]}"
		# shellcheck disable=SC2086
		TABLE+=$'\n'$(printf '%-42s %6s %6s %6s %6s' "$title ($gen)" $ROW)
	done
	for text in linger linger_core; do
		is "$title: nothing to complain about ($text)" \
			"$(grep -iE '^warning|error:|no such file.*p\.so' <<<"${of[$text]}")" ""
	done
}

row "open" old:3:3 plain open "$P" enter
row "deleted" old:0:0 plain open "$P" enter delete "$P"
row "replaced by renaming" old:wrong:wrong plain open "$P" enter replace "$P" by.so
row "closed" old:3:3 policy:safe open "$P" enter close
row "closed, deleted" old:0:0 policy:safe open "$P" enter close delete "$P"
row "policy:never, closed, deleted" old:0:0 policy:never open "$P" enter close delete "$P"
row "closed, replaced by renaming" old:wrong:wrong policy:safe open "$P" enter close replace "$P" by.so
row "closed, rewritten in place" old:wrong:wrong policy:safe open "$P" enter close rewrite "$P" by.so
# Two instances, each of its own file; the old one has another name by then.
row "closed, replaced, opened again" "old:3:0 new:3:3" policy:safe \
	open "$P" enter close replace "$P" by.so open "$P" enter
row "closed, rewritten, opened again" "old:3:0 new:3:3" policy:safe \
	open "$P" enter close rewrite "$P" by.so open "$P" enter
# Under one name, in two namespaces.
row "replaced, opened in a namespace" "old:wrong:wrong new:3:3" plain \
	open "$P" enter replace "$P" by.so namespace "$P" enter

# Without a build-id: the manifest, and what the first page says.
KEY=$(archive_file "$ARCHIVE" bare.so p.so)
SOURCE=bare.so BY=other.so row "no build-id, deleted" old:0:0 plain open "$P" enter delete "$P"
SOURCE=bare.so BY=other.so row "no build-id, replaced" old:wrong:wrong plain open "$P" enter replace "$P" by.so
unset KEY

# Stripped, with a debug file that is gone by now but for the archive's copy.
objcopy --only-keep-debug old.so p.debug
objcopy --strip-all --add-gnu-debuglink=p.debug old.so stripped.so
STRIPPED=$(archive_file "$ARCHIVE" stripped.so p.so)
mv p.debug "$ARCHIVE/objects/$STRIPPED/debug"
rm -r "$ARCHIVE/objects/$OLD"
SOURCE=stripped.so row "separate debug file, deleted" old:0:0 plain open "$P" enter delete "$P"
SOURCE=stripped.so row "separate debug file, replaced" old:wrong:wrong plain open "$P" enter replace "$P" by.so

# A core as the kernel writes it, where that is to the current directory.
if grep -qxE '[^|/]+' /proc/sys/kernel/core_pattern; then
	rm -f core*
	cp stripped.so p.so
	{ (ulimit -S -c unlimited && exec "$HOST" open "$P" enter delete "$P" abort); } 2>/dev/null
	is "a core of the kernel's, gdb" "$(named old "$(gdb "$HOST" core* "${BT[@]}" 2>&1)" places)" 0
	got=$("$LINGER_CMD" gdb --archive "$ARCHIVE" core* "${BT[@]}" 2>&1)
	is "a core of the kernel's, linger gdb" "$(named old "$got" places) $(complete old "$got")" "3 complete"
fi

while IFS= read -r line; do echo "# $line"; done <<<"$TABLE"
is "nothing is left behind" "$(find "$TMP/tmp" "$HOME" -mindepth 1)" ""
