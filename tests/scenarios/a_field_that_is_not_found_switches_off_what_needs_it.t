#!/bin/bash
# a_field_that_is_not_found_switches_off_what_needs_it.t - promise S: with another glibc, in which one
# of the loader's private fields is not found, programs work all the same, and the log says what is off.
#
# The shim is built once for each of these, so that it does not find the field (LGR_FORGET).
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
HOST=$O/tests/host_lives
GONE=' (ctor) count:1 (dtor) close:0 | (ctor) count:1 (dtor) close:0 end'
KEPT=' (ctor) count:1 close:0 | count:2 close:0 end (dtor)'

# without FIELD: builds the shim, and runs the host with it; fills output and log.
without() {
	local dir=$TMP/forget
	rm -rf "$dir" "$TMP"/log.*
	make -s -j2 -C "$ROOT" V=1 O="$dir" CFLAGS=-O0 CPPFLAGS="-DLGR_FORGET='\"$1\"'" "$dir/liblinger.so" \
		> "$TMP/build" 2>&1 || bail "cannot build it without $1: $(tail -3 "$TMP/build")"
	output=$(POLICY=never SHIM=$dir/liblinger.so \
		with_linger "$TMP/log" timeout 60 "$HOST" plain) || output+=" (status $?)"
	log=$("$LINGER_CMD" log --json "$TMP/log")
}
count() { grep -c "\"event\":\"$1\"${2:+.*$2}" <<< "$log"; }

# Without these nothing can be held: glibc unloads as always.
for field in l_direct_opencount l_tls_dtor_count; do
	without "$field"
	is "$field: the program runs as without linger" "$output" "plain:$GONE"
	like "$field: the log says which field" "$log" "\"path\":\"$field\""
	like "$field: and that nothing is held" "$log" '"event":"error"[^}]*"reason":"not-held"'
	is "$field: nothing is kept" "$(count keep)" 0
	is "$field: everything is unloaded" "$(count unload)" 4
done
# Without these an object is kept, but under its names, and found by them.
for field in l_libname 'l_info[DT_SONAME]' l_global l_searchlist; do
	without "$field"
	is "$field: objects are kept" "$output" "plain:$KEPT"
	like "$field: the log says so" "$log" "\"reason\":\"loader-fields\""
	is "$field: two objects are kept" "$(count keep | sed 's/[2-9]/some/')" some
	is "$field: none is unloaded" "$(count unload)" 0
done
# Without these it is not known what glibc would unload: objects stay as they are.
for field in l_initfini l_reldeps l_nodelete_active dl_load_lock; do
	without "$field"
	is "$field: objects are held" "$output" "plain:$KEPT"
	like "$field: the log says so" "$log" "\"reason\":\"loader-fields\""
	is "$field: none is unloaded" "$(count unload)" 0
done
# Without the identity in the map nothing can be hidden, and the rest works.
without l_file_id
is "l_file_id: objects are kept" "$output" "plain:$KEPT"
like "l_file_id: the log says so" "$log" "l_file_id"
