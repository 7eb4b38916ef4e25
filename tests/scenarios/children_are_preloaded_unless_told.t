#!/bin/bash
# children_are_preloaded_unless_told.t - child programs get linger, too; with children:off they get
# what LD_PRELOAD had beside it, in every spelling of linger's own entry.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
other=$(plug wraps)

# loaded: which of the two preloads a child has.
loaded='grep -oE "/(liblinger|plug_wraps)\.so$" /proc/self/maps | sort -u | tr "\n" " "'
# child PRELOAD SETTINGS: as seen from the child of a shell that has both; and its LD_PRELOAD.
child() {
	LINGER=$2 LD_PRELOAD=$1 bash -c 'bash -c "$0; echo; echo \"[\$LD_PRELOAD]\""' "$loaded" |
		grep -v ^wrapped
}
both='/liblinger.so /plug_wraps.so '
is 'children:on is the default' "$(child "$SHIM $other" '')" "$both
[$SHIM $other]"
is 'children:on' "$(child "$other:$SHIM" children:on)" "$both
[$other:$SHIM]"
for list in "$SHIM $other" "$other $SHIM" "$other:$SHIM" "$SHIM:$other" " $SHIM  $other " ":$other:$SHIM:"; do
	got=$(child "$list" children:off)
	is "children:off of \"${list//$O\//}\": the child has the other alone" "$(head -n 1 <<< "$got")" \
		'/plug_wraps.so '
	is "... and that entry as it was" "$(tail -n 1 <<< "$got" | tr -d '[] :')" "$other"
done
got=$(child "$SHIM" children:off)
is 'children:off without others: nothing is left' "$(tr -d '[] \n' <<< "$got")" ''
got=$(LD_LIBRARY_PATH=$O child "liblinger.so $other" children:off)
is 'children:off of a name that was searched for' "$(head -n 1 <<< "$got")" '/plug_wraps.so '
cp "$SHIM" . && got=$(child "./liblinger.so $other" children:off)
is 'children:off of a relative path' "$(head -n 1 <<< "$got")" '/plug_wraps.so '

# The shell itself has linger in all these cases; its own log says so, and the child writes none.
LINGER=children:off,log:$TMP/off LD_PRELOAD=$SHIM bash -c '/bin/true; :'
is 'children:off: one log' "$(compgen -G 'off.*' | wc -l)" 1
LINGER=log:$TMP/on LD_PRELOAD=$SHIM bash -c '/bin/true; :'
is 'children:on: two logs' "$(compgen -G 'on.*' | wc -l)" 2
