#!/bin/bash
# what_is_no_objects_is_nobodys.t - addresses in holes between segments, behind them, in the heap, in
# stacks and nowhere: linger says -ENOENT, also when a load may be under way.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"

same_with_linger 'no object' "$(host asks_elsewhere)" "$(plug holes)"
