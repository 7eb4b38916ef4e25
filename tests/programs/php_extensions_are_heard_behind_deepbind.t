#!/bin/bash
# php opens its extensions with RTLD_DEEPBIND: what they call, they find in libc before any preload.
# Here FFI opens and closes a library. The counter is as deaf there as every preload that relies on
# symbol search alone; what the program calls is known from its text.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need php php-cli

cat >"$TMP/program.php" <<'END'
<?php
$ffi = FFI::cdef('int sqlite3_libversion_number(void);', 'libsqlite3.so.0');
echo $ffi->sqlite3_libversion_number() > 3000000 ? "called\n" : "not called\n";
unset($ffi);
try {
	FFI::cdef('int f(void);', 'libnot-there.so.1');
} catch (FFI\Exception $e) {
	echo $e->getMessage(), "\n";
}
END
run bare php "$TMP/program.php"
run linger alone php "$TMP/program.php"
is "same standard output" "$(cat "$TMP/linger.out")" "$(cat "$TMP/bare.out")"
is "same standard error" "$(cat "$TMP/linger.err")" "$(cat "$TMP/bare.err")"
is "same status" "$(cat "$TMP/linger.status")" "$(cat "$TMP/bare.status")"
like "the program works" "$(cat "$TMP/bare.out")" $'^called\nFailed loading'

# logged_for EVENT NAME: how many events of an object or a file of that name.
logged_for() {
	events "$TMP/linger/log" "$1" | grep -c "/\?$2\""
}
is "the open is logged" "$(logged_for dlopen libsqlite3.so.0)" 1
is "the open that fails is logged" "$(logged_for dlopen libnot-there.so.1)" 1
is "the close is logged" "$(logged_for dlclose 'libsqlite3.so[.0-9]*')" 1
is "it came once" "$(logged_for open 'libsqlite3.so[.0-9]*')" 1
is "it went once" "$(logged_for unload 'libsqlite3.so[.0-9]*')" 1
