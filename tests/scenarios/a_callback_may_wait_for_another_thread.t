#!/bin/bash
# a_callback_may_wait_for_another_thread.t - a dl_iterate_phdr callback has the loader's list locked.
# Another thread's dlopen of what is open already does not need the list, so the callback may wait for
# it: linger, which looks at the list before each call, must not wait for the callback then.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"

same_with_linger 'calls in and beside a callback' "$(host waits_in_a_callback)" "$(plug base)"
is 'two lives' "$(count_events linger.log open /plug_base.so)" 2
is 'two ends' "$(count_events linger.log unload /plug_base.so)" 2
