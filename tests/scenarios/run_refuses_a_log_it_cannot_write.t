#!/bin/bash
# run_refuses_a_log_it_cannot_write.t - the shim could only go without a log; so run looks first.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

mkdir open closed
chmod 555 closed
: > file
refused "no such directory" 125 "log /nowhere/log cannot be written: its directory /nowhere: No such file" \
	"$RUN" run --log /nowhere/log ./report
refused "a file as directory" 125 "log $TMP/file/log cannot be written" "$RUN" run --log file/log ./report
refused "a directory as log" 125 "log $TMP/open names a directory" "$RUN" run --log open ./report
refused "a name that ends in a slash" 125 "log $TMP/new/ names a directory" "$RUN" run --log new/ ./report
refused "an empty name" 125 "--log needs the name of a file" "$RUN" run --log '' ./report
refused "a name no file can have" 125 "the log's name is too long: 50[0-9][0-9] bytes" \
	"$RUN" run --log "/$(printf '%05000d' 0)" ./report
refused "-o log: is judged alike" 125 "its directory /nowhere" "$RUN" run -o log:/nowhere/log ./report
refused "a current directory that is gone" 125 "the current directory is gone" \
	bash -c 'mkdir gone && cd gone && rmdir ../gone && exec "$0" run --log log ../report' "$RUN"
# Root may write anywhere.
if [ "$(id -u)" = 0 ]; then who=as_nobody; else who=; fi
refused "a directory without w" 125 "log $TMP/closed/log cannot be written: no file can be made in $TMP/closed" \
	$who "$RUN" run --log "$TMP/closed/log" ./report

# A relative name is made absolute, whichever option it comes by; commas in it survive.
cd open || exit
is "--log" "$("$RUN" run --log 'a,b\c;d' printenv LINGER)" "log:$TMP/open/a\\,b\\\\c\\;d"
is "-o log:" "$("$RUN" run -o log:o printenv LINGER)" "log:o,log:$TMP/open/o"
is "the last one wins" "$(LINGER=log:/nowhere/x "$RUN" run --log 1 --log 2 printenv LINGER)" \
	"log:/nowhere/x,log:$TMP/open/1,log:$TMP/open/2"
is "the logs are where they should be" "$(printf '%s\n' * | sed 's/\.[0-9]*$//' | sort)" $'2\na,b\\c;d\no'
is "linger log finds one" "$("$RUN" log --json 'a,b\c;d' | grep -c '"event":"start"')" 1
