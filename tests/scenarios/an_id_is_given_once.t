#!/bin/bash
# an_id_is_given_once.t - one path opened and closed 5,000 times: the link map's address and the range
# are used again, ids never; the log has every open and every unload; memory does not grow.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"

LINGER_SETTINGS=log_max:16M same_with_linger '5,000 lives' "$(host generations)" 5000 "$(plug base)"
for event in open request unload dlopen dlclose; do
	is "the log: $event" "$(count_events linger.log $event /plug_base.so)" 5000
done
is 'no id is there twice' "$(events linger.log open | grep -o '"id":[0-9]*' | sort -u | wc -l)" 5000
is 'in the log they rise' "$(events linger.log open | grep -o '"id":[0-9]*' | cut -d: -f2 | sort -nc 2>&1)" ''
