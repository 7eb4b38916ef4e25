#!/bin/bash
# run_follows_scripts_to_their_interpreter.t - a script is judged by what will run it.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

compile -static -o static report.c
script() { printf %b "$2" > "$1" && chmod 755 "$1"; }
script plain "#!$TMP/report\n"
script argument "#! \t$TMP/report one argument\n"
script shell '#!/bin/sh\nexec ./report "$@"\n'
script no_line 'exec ./report "$@"\n'
script empty_line '#!\nexec ./report\n'
script env '#!/usr/bin/env report\n'
script env_split '#!/usr/bin/env -S X=1 report -x\n'
is "an interpreter" "$("$RUN" run ./plain 2>&1)" 'shim=1 secure=0 ./plain'
is "with an argument" "$("$RUN" run ./argument 2>&1)" 'shim=1 secure=0 one argument ./argument'
is "the shell" "$("$RUN" run ./shell a 'b c' 2>&1)" 'shim=1 secure=0 a b c'
is "no first line: the shell, as execvp does" "$("$RUN" run ./no_line x 2>&1)" 'shim=1 secure=0 x'
is "an empty first line" "$("$RUN" run ./empty_line 2>&1)" 'shim=1 secure=0'
is "env" "$(PATH=$TMP:$PATH "$RUN" run ./env 2>&1)" 'shim=1 secure=0 ./env'
is "env -S" "$(PATH=$TMP:$PATH "$RUN" run ./env_split 2>&1)" 'shim=1 secure=0 -x ./env_split'
: > empty && chmod 755 empty
is "an empty file" "$("$RUN" run ./empty 2>&1; echo $?)" 0

script of_static "#!$TMP/static\n"
script env_static '#!/usr/bin/env static\n'
script lost "#!$TMP/no-such-interpreter\n"
script env_lost '#!/usr/bin/env no-such-interpreter\n'
script relative '#!no-such-interpreter\n'
script of_directory "#!$TMP/bin\n"
refused "a static interpreter" 125 '\./of_static: its interpreter .*/static is statically linked' "$RUN" run ./of_static
PATH=$TMP:$PATH refused "a static interpreter behind env" 125 'its interpreter .*/static is statically linked' \
	"$RUN" run ./env_static
refused "an interpreter that is not there" 127 "its interpreter '$TMP/no-such-interpreter': there is no such file" \
	"$RUN" run ./lost
refused "one that env does not find" 127 "its interpreter 'no-such-interpreter' was not found" "$RUN" run ./env_lost
refused "one not in this directory" 127 "its interpreter 'no-such-interpreter'" "$RUN" run ./relative
refused "a directory" 126 "its interpreter '$TMP/bin' is a directory" "$RUN" run ./of_directory

# Scripts that run scripts: four are followed, and a circle has an end.
script s1 "#!$TMP/report\n"
for i in 2 3 4 5; do script s$i "#!$TMP/s$((i - 1))\n"; done
like "four levels" "$("$RUN" run ./s4 2>&1)" '^shim=1 secure=0'
refused "five levels" 126 '\./s5: more than 4 scripts run one another' "$RUN" run ./s5
script circle "#!$TMP/circle\n"
refused "a circle" 126 'more than 4 scripts run one another' "$RUN" run ./circle
script env_circle "#!/usr/bin/env env_circle\n"
PATH=$TMP:$PATH refused "a circle by way of env" 126 'more than 4 scripts run one another' "$RUN" run env_circle
