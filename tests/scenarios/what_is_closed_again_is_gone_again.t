#!/bin/bash
# what_is_closed_again_is_gone_again.t - an object that is kept, opened again and closed again, with no
# other call in between, leaves the sight of the program each time, as the objects do that it needs;
# and while it is open, error messages call it by its own name.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
export PLUGINS=$BUILT

for settings in policy:off policy:never policy:never,reopen:fresh; do
	LINGER_SETTINGS=$settings same_with_linger "$settings" "$(host closes_again)"
done
is 'the program sees what it should' "$(sort plain | uniq -c | sed 's/^ *//')" \
	'6 closed: base_value is not there
3 closed: needs_base_value is not there
3 error: /plug_base.so: undefined symbol: no_such_symbol
3 error: /plug_needs_base.so: undefined symbol: no_such_symbol
1 status 0'
is 'each close is a request' "$(count_events linger.log request)" 9
