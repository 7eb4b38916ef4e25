#!/bin/bash
# a_single_thread_stays_alone.t - linger starts no thread: a program with one has one task with
# everything switched on, and unshare(CLONE_NEWUSER), which fails with two, works.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"

LINGER_SETTINGS=log_max:1M,children:on,policy:off \
	same_with_linger 'one task, and a user namespace' "$(host stays_alone)" "$(plug base)"
is 'one it was from start to end' "$(grep -cx 1 linger)" 3
