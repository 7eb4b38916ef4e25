#!/bin/bash
# ls_never_shows_a_slot_that_was_reused.t - a slot changes hands as fast as a thread can do it; an object
# that is shown has the path and the size of its id.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/ls.sh"

standin churn
for ((i = 0; i < 400; i++)); do LS --json $PID; done > json 2> err
is "nothing is said" "$(sort -u err)" ''
perl -MJSON::PP -ne '$o = decode_json($_); $n = $o->{id}; print "$_" unless $o->{path} eq "/object/$n" && $o->{bytes} == 4096 * (1 + $n % 16) && hex($o->{hi}) - hex($o->{lo}) == $o->{bytes}' json > torn
is "nothing is torn" "$(head -3 torn)" ''
ok "something was seen at all" [ "$(sort -u json | wc -l)" -ge 3 ]
echo "# $(wc -l < json) of 400 looks found the slot in use"
