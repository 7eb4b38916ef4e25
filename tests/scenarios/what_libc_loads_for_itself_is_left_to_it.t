#!/bin/bash
# what_libc_loads_for_itself_is_left_to_it.t - iconv loads and unloads its converters inside libc: they
# are neither held nor kept, whatever the program has opened before.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
POLICY=never
run_linger converts "$(host converts)" "$(plug base)"
is 'the program runs' "$(cat converts)" "$(run_plain plain "$(host converts)" "$(plug base)"; cat plain)"
opened=$(count_events converts.log open '/gconv/[^"]*')
ok "libc loaded $opened converters" [ "$opened" -ge 6 ]
is 'and none was kept' "$(count_events converts.log keep '/gconv/[^"]*')" 0
unloaded=$(count_events converts.log unload '/gconv/[^"]*')
ok "it unloaded $unloaded of them" [ "$unloaded" -ge 2 ]
is "the program's own library was kept" "$(count_events converts.log keep '/plug_base.so')" 1
