#!/bin/bash
# php loads all its installed extensions and unloads them at the end; `dl` tries one more, which is
# not there.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need php php-cli

cat >"$TMP/program.php" <<'END'
<?php
foreach (['calendar', 'ctype', 'exif', 'ffi', 'fileinfo', 'ftp', 'gettext', 'iconv', 'pdo', 'phar',
	'posix', 'shmop', 'sockets', 'sysvmsg', 'sysvsem', 'sysvshm', 'tokenizer'] as $name)
	echo $name, extension_loaded($name) ? " loaded\n" : " MISSING\n";
echo iconv('UTF-8', 'ISO-8859-2', "\u{e9}") === "\xe9" ? "iconv\n" : "no iconv\n";
echo cal_days_in_month(CAL_GREGORIAN, 2, 2024), ' ', count(token_get_all('<?php echo 1;')), "\n";
dl('not_there');
exit(9);
END
same_with_linger php -d enable_dl=1 "$TMP/program.php"
like "the program works" "$(cat "$TMP/bare.out")" 'tokenizer loaded.*iconv.*29 '
is "its status arrives" "$(cat "$TMP/bare.status")" 9
really dlopen 19
really dlclose 18
really unload 18
