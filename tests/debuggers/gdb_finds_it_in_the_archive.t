#!/usr/bin/env bash
# `linger gdb` on a process that archives what it loads, and on cores of it: by the manifest, with and without
# build-ids, whatever became of the files. The archive is found by what the process was told.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/debuggers.sh"
need gdb gdb

if ! has_archive; then
	skip "archive" "this linger makes none"
	exit
fi
plugin bare_old.so old -Wl,--build-id=none
plugin bare_new.so new -DPAD=1 -Wl,--build-id=none
plugin old.so old
plugin new.so new -DPAD=1
P=$TMP/p.so
BT=(-q -batch -ex 'thread apply all backtrace')

# row TITLE GENS ACTION...: all three frames of each, in the process and in the core.
row() {
	local title=$1 gens=$2 gen live core
	shift 2
	cp "${PREFIX}old.so" p.so
	cp "${PREFIX}new.so" by.so
	start "archive:$TMP/archive${MODE:+,archive_mode:$MODE}" "$@" wait
	rm -f core
	live=$("$LINGER_CMD" gdb $PID "${BT[@]}" -ex 'generate-core-file core' 2>&1)
	stop
	core=$("$LINGER_CMD" gdb --archive "$TMP/archive" core "${BT[@]}" 2>&1)
	for gen in $gens; do
		is "$title, $gen" "$(named "$gen" "$live" places) $(named "$gen" "$core" places)" "3 3"
	done
}
for PREFIX in "" bare_; do
	row "${PREFIX}deleted" old open "$P" enter delete "$P"
	row "${PREFIX}closed, rewritten" old open "$P" enter close rewrite "$P" by.so
	row "${PREFIX}closed, replaced, opened again" "old new" open "$P" enter close replace "$P" by.so open "$P" enter
	row "${PREFIX}replaced, opened in a namespace" "old new" open "$P" enter replace "$P" by.so namespace "$P" enter
done
PREFIX=
MODE=open row "archive_mode:open, closed, replaced, opened again" "old new" \
	open "$P" enter close replace "$P" by.so open "$P" enter
