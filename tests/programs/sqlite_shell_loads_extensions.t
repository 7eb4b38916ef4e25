#!/bin/bash
# .load of two packaged extensions; opening another database closes the connection and with it the
# extensions, which are then loaded again; one that is not there, one without an entry point.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need sqlite3 sqlite3

printf 'name,number\none,40\ntwo,2\n' >"$TMP/table.csv"
cat >"$TMP/program.sql" <<END
.load libsqlite3_mod_csvtable
.load libsqlite3_mod_blobtoxy
CREATE VIRTUAL TABLE t USING csvtable('$TMP/table.csv', 1, ',', 'CHAR,INTEGER');
SELECT sum(number), count(*) FROM t;
.open :memory:
.load libsqlite3_mod_csvtable
CREATE VIRTUAL TABLE t USING csvtable('$TMP/table.csv', 1, ',', 'CHAR,INTEGER');
SELECT name FROM t;
SELECT load_extension('libsqlite3_mod_blobtoxy');
.load ./not_there
.load libz.so.1
END
program() {
	sqlite3 :memory: <"$TMP/program.sql"
}
same_with_linger program
like "the program works" "$(cat "$TMP/bare.out")" '42\|2.*two'
really dlopen 6
really dlclose 5
really unload 4
