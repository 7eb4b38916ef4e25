#!/bin/bash
# run_refuses_what_cannot_be_executed.t - 126 and 127, as env(1) has them.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

mkdir directory early late blocked
cp report plain && chmod 644 plain
mkfifo pipe && chmod 755 pipe
refused "nothing in PATH" 127 "'no-such-program' was not found in any directory of PATH" "$RUN" run no-such-program
refused "no such file" 127 "'\./missing': there is no such file" "$RUN" run ./missing
refused "a file that is no directory" 127 "'\./plain/x': there is no such file" "$RUN" run ./plain/x
refused "an empty name" 127 "'' was not found" "$RUN" run ''
refused "a directory" 126 "'\./directory' is a directory" "$RUN" run ./directory
refused "a file without x" 126 "'\./plain' is not executable" "$RUN" run ./plain
refused "a pipe" 126 "'\./pipe' is not executable" "$RUN" run ./pipe
refused "a name with a line feed in it" 127 "'\./a\\\\x0ab': there is no such file" "$RUN" run $'./a\nb'

# PATH is searched as execvp does: on past what cannot be executed, and 126 only if nothing can.
cp plain early/tool
mkdir blocked/tool
cp report late/tool
PATH=$TMP/early:$TMP/blocked:$PATH refused "found, but not executable" 126 "'tool' is not executable" \
	"$RUN" run tool
PATH=$TMP/early:$TMP/blocked:$TMP/late:$PATH started "found behind what cannot be executed" "$RUN" run tool
cd late || exit
PATH=/nowhere::/usr/bin started "an empty entry of PATH is the current directory" "$RUN" run tool
cd ..
is "env agrees about a missing program" "$(env no-such-program 2> /dev/null; echo $?)" 127
is "env agrees about a directory" "$(env ./directory 2> /dev/null; echo $?)" 126
