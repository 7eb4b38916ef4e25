#!/bin/bash
# run_refuses_bad_settings.t - a word in an option is judged before anything is started.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

refused "an unknown word" 125 "bad setting 'nonsense': there is no such setting; .LINGER=help linger run true. lists" \
	"$RUN" run -o nonsense ./report
refused "an unknown policy" 125 "bad setting 'policy:always'" "$RUN" run --policy always ./report
refused "a size that is none" 125 "bad setting 'log_max:big': it takes a size" "$RUN" run -o log_max:big ./report
refused "a value where there is none" 125 "bad setting 'off:x': it takes no value" "$RUN" run -o off:x ./report
refused "one bad word of several" 125 "bad setting 'b'" "$RUN" run -o policy:off,b,log_max:4M ./report
refused "a comma in a policy does not make two words" 125 "bad setting 'policy:off" "$RUN" run --policy off,off ./report
refused "an option that does not exist" 125 "unrecognized option '--nonsense'" "$RUN" run --nonsense ./report
refused "an option without its value" 125 "requires an argument" "$RUN" run --log
refused "no program" 125 "name a program to run" "$RUN" run --policy off
refused "no program behind --" 125 "name a program to run" "$RUN" run --
refused "a redirect to nothing" 125 "bad redirect 'a': it takes SYM" "$RUN" run --redirect a ./report
refused "the same as a word" 125 "bad redirect 'a': it takes SYM" "$RUN" run -o policy:off,redirect:a ./report
refused "--archive=" 125 '--archive= needs the name of a directory' "$RUN" run --archive= ./report
refused "--archive without a home" 125 'neither XDG_CACHE_HOME nor HOME' env -u HOME -u XDG_CACHE_HOME "$RUN" run --archive ./report
refused "an archive that is a file" 125 'the archive .*report cannot be' "$RUN" run --archive="$PWD/report" ./report

# Known, but without effect yet: said, not refused; and never silently.
# The variable is the shim's: it names a bad word itself, once, and the program runs.
like "a bad word in the variable" "$(LINGER=nonsense "$RUN" run ./report 2>&1)" 'nonsense.*shim=1 secure=0$'
is "and is named once" "$(LINGER=nonsense "$RUN" run ./report 2>&1 | grep -c nonsense)" 1
