#!/bin/bash
# errors_stay_the_programs_own.t - errno and the pending dlerror, around every call that linger sees:
# the same as without it, text by text, with the log and without.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"

same_with_linger 'with the log' "$(host keeps_errors)" "$(plug base)" "$(plug deep)"
LD_PRELOAD=$SHIM run_plain silent "$(host keeps_errors)" "$(plug base)" "$(plug deep)"
is 'without a log' "$(cat silent)" "$(cat plain)"
like 'something was pending, too' "$(grep -c 'no such file' -i plain)" '^[1-9]'
