#!/bin/bash
# a_new_object_is_known_before_its_constructors_run.t - an object is found in its own constructors and
# in those of its dependencies, and until its destructors have run; before and after it is nobody's.
#
# The plugins ask about themselves, the host checks that all answers of one life have one id and
# compares linger's view with /proc/self/maps. An IFUNC resolver runs during relocation, when
# _dl_find_object does not know the object either (linger.h).
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"

run_linger out "$(host is_told)" "$(plug asks)" "$(plug needs)" "$(plug cxx)"
life_of() {
	printf '%s\n' "$@" "$@"
}
is 'what each was told' "$(cat out)" "$(
	life_of plug_asks.so "  resolver: nobody's" '  constructor: live' '  open: known' \
		'  destructor: live' '  closed: gone'
	life_of plug_needs.so "  resolver: nobody's" '  constructor: live' \
		'  constructor of what needs it: live' '  open: known' '  destructor: live' '  closed: gone'
	life_of plug_cxx.so "  static object's constructor: live" '  open: known' \
		"  static object's destructor: closing" '  closed: gone'
	echo 'status 0'
)"
is 'it said nothing else' "$(cat out.err)" ''
for name in asks needs cxx; do
	lives=2
	[ $name = asks ] && lives=4 # two of its own, two as a dependency
	for event in open unload; do
		is "plug_$name: $event" "$(count_events out.log $event "/plug_$name.so")" $lives
	done
done
is 'each open has its unload' \
	"$(events out.log open | grep plug_ | grep -o '"id":[0-9]*' | sort)" \
	"$(events out.log unload | grep -o '"id":[0-9]*' | sort)"
