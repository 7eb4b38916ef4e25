#!/bin/bash
# Tcl's load and unload, three rounds over one extension, another by `package require`, one that
# is not there, and a slave interpreter that is deleted with an extension loaded.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need tclsh8.6 tcl8.6

cat >"$TMP/program.tcl" <<'END'
foreach round {1 2 3} {
	load /usr/lib/tcltk/sqlite3/libtclsqlite3.so Sqlite3
	sqlite3 db :memory:
	puts "round $round: [db eval {SELECT $round * 14}] [llength [info loaded]]"
	db close
	unload /usr/lib/tcltk/sqlite3/libtclsqlite3.so Sqlite3
	puts "unloaded: [llength [info loaded]]"
}
package require tdom
set doc [dom parse {<a><b>a word in a tree</b></a>}]
puts [[$doc documentElement] asText]
$doc delete
puts "error: [catch {load ./not_there.so} message] $message"
puts "error: [catch {unload ./never_loaded.so} message] $message"
set slave [interp create]
load /usr/lib/tcltk/sqlite3/libtclsqlite3.so Sqlite3 $slave
puts "slave: [$slave eval {sqlite3 db :memory:; db eval {SELECT 6 * 7}}]"
interp delete $slave
puts "loaded: [llength [info loaded]]"
exit 3
END
same_with_linger tclsh8.6 "$TMP/program.tcl"
like "the program works" "$(cat "$TMP/bare.out")" 'round 3: 42 1.*a word in a tree.*slave: 42'
is "its status arrives" "$(cat "$TMP/bare.status")" 3
really dlopen 6
really dlclose 3
really unload 6
