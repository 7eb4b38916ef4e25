#!/bin/bash
# run_starts_the_program_as_exec_would.t - arguments, status, signals, environment, descriptors; and
# that off means off.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

is "arguments, empty and odd ones" "$("$RUN" run printf '<%s>' a '' 'b c' $'\n' -- --log '*')" \
	"$(printf '<%s>' a '' 'b c' $'\n' -- --log '*')"
is "options end at the program" "$("$RUN" run ./report --policy x)" 'shim=1 secure=0 --policy x'
is "and at --" "$("$RUN" run --policy off -- ./report -o y)" 'shim=1 secure=0 -o y'
is "the program's status" "$("$RUN" run sh -c 'exit 77'; echo $?)" 77
is "a signal" "$(bash -c '"$0" run sh -c "kill -9 \$\$"; echo $?' "$RUN" 2> /dev/null)" 137
is "argv[0] is the name given" "$(cd / && "$RUN" run sh -c 'tr "\0" " " < /proc/$$/cmdline | cut -d" " -f1')" sh
is "it is this process, not a child" "$(sh -c 'echo $$; exec "$0" run sh -c "echo \$\$"' "$RUN" | uniq | wc -l)" 1
env | grep -v -e ^_= -e ^LD_PRELOAD= -e ^SHLVL= | sort > plain.env
"$RUN" run env | grep -v -e ^_= -e ^LD_PRELOAD= -e ^SHLVL= | sort > run.env
is "the environment, but for LD_PRELOAD" "$(diff plain.env run.env)" ''
is "descriptors" "$("$RUN" run sh -c 'echo /proc/$$/fd/*' | wc -w)" "$(sh -c 'echo /proc/$$/fd/*' | wc -w)"
is "options come behind the variable, so they win" "$(LINGER=log_max:1M "$RUN" run --policy off -o log_max:2M printenv LINGER)" \
	'log_max:1M,policy:off,log_max:2M'
is "no option leaves the variable alone" "$(LINGER=log_max:1M "$RUN" run printenv LINGER)" 'log_max:1M'

is "-o off" "$("$RUN" run -o off ./report)" 'shim=0 secure=0'
is "LINGER=off" "$(LINGER=off "$RUN" run ./report)" 'shim=0 secure=0'
is "off leaves LD_PRELOAD alone" "$(LD_PRELOAD=/x/a.so "$RUN" run -o off printenv LD_PRELOAD 2> /dev/null)" /x/a.so
is "off reaches a shim that is there already" "$("$RUN" run "$RUN" run -o off printenv LINGER)" off
is "off and a missing program" "$("$RUN" run -o off ./missing 2>&1; echo $?)" \
	"linger run: './missing' cannot be started: No such file or directory"$'\n'127
like "LINGER=help prints the settings" "$(LINGER=help "$RUN" run true 2>&1)" 'log_max:SIZE'
