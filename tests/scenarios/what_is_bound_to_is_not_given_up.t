#!/bin/bash
# what_is_bound_to_is_not_given_up.t - an object that the program closes, and that another one which stays is
# bound to by a relocation alone, is in use still, for glibc as for linger: it stays in the global scope,
# and what that other one binds later is found in it.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
# Destructors of what is kept run at the end: the lines are compared without their places.
same() {
	run_plain plain "$(host binds)"
	POLICY=$1 run_linger linger "$(host binds)"
	is "policy:$1: the same lines" "$(sort linger linger.err)" "$(sort plain plain.err)"
}
for policy in off never safe; do
	same $policy
done
is 'the program sees what it should' "$(cat plain)" 'one: 1
closed: provides_two is there
two: 2
destructor: binds
destructor: provides
both closed: provides_two is not there
status 0'
# Kept or unloaded, the closes are both the second one's.
POLICY=never run_linger linger "$(host binds)"
is 'both are kept when the second is closed' \
	"$(events linger.log | grep -o '"event":"\(keep\|dlclose\)"' | cut -d'"' -f4 | xargs)" \
	'dlclose dlclose keep keep'
