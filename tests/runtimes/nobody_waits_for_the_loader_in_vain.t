#!/bin/bash
# nobody_waits_for_the_loader_in_vain.t - constructors that call the runtime, nested loads, callbacks that
# load and unload, a reaper behind a slow constructor, a fork in the middle of an epoch: none hangs. A
# runtime that breaks the rule does, by the clock, in the same places.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/runtimes.sh"
build_host rules_host -rdynamic
for letter in a b c d e; do
	build_library rules_library 1 -DNAME="'$letter'"
	mv rules_library1.so $letter.so
done

for rule in constructor nested callbacks reaper inside fork; do
	run_plain plain ./rules_host $rule .
	well "$rule, without linger" plain
	as_host linger ./rules_host $rule .
	well "$rule" linger
	PLANT=1 as_host linger ./rules_host $rule .
	like "$rule, and the runtime breaks the rule: it hangs" "$(cat linger)" '^status 142'
done
