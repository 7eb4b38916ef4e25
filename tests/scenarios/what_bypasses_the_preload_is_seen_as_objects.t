#!/bin/bash
# what_bypasses_the_preload_is_seen_as_objects.t - dl calls that go past a preload: from a library
# opened with RTLD_DEEPBIND, through addresses found in a handle of libc, by libc itself (iconv); and
# objects that announce nothing: without _init, in namespaces of their own. All are found as long as
# they are mapped, at the latest from the next dl call on, and not a moment longer.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"

same_with_linger 'a library opened with RTLD_DEEPBIND opens another' \
	"$(host bypasses)" deepbind "$(plug base)"
is 'RTLD_DEEPBIND: logged as opened' "$(count_events linger.log open /plug_base.so)" 3
is 'RTLD_DEEPBIND: logged as unloaded' "$(count_events linger.log unload /plug_base.so)" 3
is 'RTLD_DEEPBIND: its calls come to the shim, too' "$(count_events linger.log dlopen /plug_base.so)" 3

# Taken for libc's own, which is left to it: nothing is kept.
KEEPS='' same_when_kept "dlsym(libc, \"dlopen\")" "$(host bypasses)" handle "$(plug base)"
same_when_off "dlsym(libc, \"dlopen\")" "$(host bypasses)" handle "$(plug base)"
is 'handle: logged as opened' "$(count_events linger.log open /plug_base.so)" 3
is 'handle: logged as unloaded' "$(count_events linger.log unload /plug_base.so)" 3

same_with_linger 'iconv loads and unloads its modules' "$(host bypasses)" iconv "$(plug base)"
opened=$(count_events linger.log open /gconv/.*)
unloaded=$(count_events linger.log unload /gconv/.*)
ok "iconv: $opened modules logged as opened" [ "$opened" -ge 8 ]
ok "iconv: $unloaded as unloaded" [ "$unloaded" -ge 1 ]

same_with_linger 'a plugin without _init' "$(host bypasses)" bare "$(plug bare)"
is 'bare: logged as opened' "$(count_events linger.log open /plug_bare.so)" 3
is 'bare: logged as unloaded' "$(count_events linger.log unload /plug_bare.so)" 3

same_when_off 'two namespaces, three times' "$(host bypasses)" namespaces "$(plug deep)"
is 'namespaces: plugins opened' "$(count_events linger.log open /plug_deep.so)" 6
is 'namespaces: plugins unloaded' "$(count_events linger.log unload /plug_deep.so)" 6
is 'namespaces: their C libraries opened' "$(count_events linger.log open /libc.so.6)" 6
is 'namespaces: their C libraries unloaded' "$(count_events linger.log unload /libc.so.6)" 6
is 'namespaces: ld.so is no new object' "$(count_events linger.log open '/ld-[^/"]*')" 0
