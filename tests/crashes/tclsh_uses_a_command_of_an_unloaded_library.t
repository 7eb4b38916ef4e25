#!/bin/bash
# Tcl: `unload` of SQLite's extension while one of its databases is open. The command `db` is still there, and is a
# function of the library. The holder ends when the commands of the library are deleted.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"
need tclsh8.6 tcl8.6

cat >program.tcl <<'END'
load /usr/lib/tcltk/sqlite3/libtclsqlite3.so Sqlite3
sqlite3 db :memory:
puts opened
flush stdout
unload /usr/lib/tcltk/sqlite3/libtclsqlite3.so Sqlite3
puts [db eval {SELECT 6 * 7}]
if {[lindex $argv 0] ne "end"} exit
foreach command {db sqlite sqlite3} { rename $command {} }

proc mapped {} {
	set maps [open /proc/self/maps]
	set text [read $maps]
	close $maps
	string match *libtclsqlite3.so* $text
}
# As the work of a real program would: other values where the deleted ones were.
proc overwrite {} {
	set other {}
	for {set size 1} {$size < 4096} {incr size 16} { lappend other [string repeat x $size] }
	for {set i 0} {$i < 100} {incr i} { proc other$i {} {}; rename other$i {} }
}
set until [expr {[clock milliseconds] + 1000 * $env(PATIENCE)}]
while {[mapped] && [clock milliseconds] < $until} {
	overwrite
	catch {load $env(OTHER)}
	after 10
}
END
EXPECTED=$'opened\n42'
crashes tcl tclsh8.6 program.tcl
lives tcl /libtclsqlite3.so tclsh8.6 program.tcl
unloads tcl /libtclsqlite3.so tclsh8.6 program.tcl end
