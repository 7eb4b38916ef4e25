#!/bin/bash
# a_collected_language_unloads_its_libraries.t - a language on the Boehm collector: a library stays while
# a closure of it is reached, from the heap, a finaliser or a stack, and goes with the last one, 10,000
# times, and nothing piles up. A host that reports wrongly is seen: it crashes, or keeps too much.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/runtimes.sh"
build_host gc_host -lgc
build_library gc_library 7
cases=$(grep -o '^	{ "[^"]*"' "$HERE/gc_host.c" | cut -d'"' -f2)
like 'there are cases' "$cases" 'a pending finaliser keeps'

# One thread alone marks: others of the collector's wait with old pointers in their registers.
export GC_MARKERS=1
run_plain plain ./gc_host cases ./gc_library[12].so
well 'cases, without linger' plain "$cases"$'\n''done'
as_host linger ./gc_host cases ./gc_library[12].so
well 'cases' linger "$cases"$'\n''done'

run_plain plain ./gc_host churn 1000 ./gc_library*.so
well 'without linger' plain
as_host linger ./gc_host churn 10000 ./gc_library*.so
well '10,000 libraries come and go' linger
# A ring has lost what is older.
like 'the log says so' "$(count_events linger.log unload '/gc_library[1-7].so')" '^[1-9][0-9]{3,}$'
GC_MARKERS=4 as_host linger ./gc_host churn 500 ./gc_library*.so
well '500 with four markers' linger

PLANT=marks as_host linger ./gc_host churn 100 ./gc_library*.so
like 'a host that marks nothing crashes' "$(cat linger)" '^status 139'
PLANT=marks as_host linger ./gc_host cases ./gc_library[12].so
like 'a host that marks nothing is seen' "$(cat linger)" $'status 1\na closure: .* is nobody'
PLANT=roots as_host linger ./gc_host cases ./gc_library[12].so
like 'a host that has all data as roots keeps too much' "$(cat linger)" \
	$'status 1\nonly its own data reach a closure: .* is still there'
PLANT=data as_host linger ./gc_host cases ./gc_library[12].so
like 'a host that forgets the data of what it keeps loses them' "$(cat linger)" \
	$'status 1\nits data were lost'
