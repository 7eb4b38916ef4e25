#!/bin/bash
# Definitions of one name that replace each other, versions at one address, slots bound inside their own
# object, pages that the program made writable or the kernel refuses, headers that patchelf moved, what goes
# during the undo or as a dependency, and more libraries at once than is usual.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
now=(-Wl,-z,now -Wl,-z,relro)
source=$HERE/lib_apart.c
for i in 1 2 3; do library apart$i "$source" -DNUMBER=$i "${now[@]}"; done
for i in 1 5 40; do library calls$i "$source" -DCALLS -DPAGES=$i "${now[@]}" "${beside[@]}" apart1.so; done
library calls_two "$source" -DCALLS -DPAGES=1 "${now[@]}" "${beside[@]}" apart2.so
library closes "$source" -DCALLS -DCLOSES -DPAGES=1 "${now[@]}" "${beside[@]}" apart1.so
library many "$source" -DSLOTS=300000 "${now[@]}" "${beside[@]}" apart1.so
library inside "$source" -DNUMBER=5 -DCALLS -DPAGES=1 -Wl,-z,now -Wl,-z,norelro
library chosen "$source" -DNUMBER=5 -DCHOSEN -DCALLS -DPAGES=1 -Wl,-z,now -Wl,-z,norelro
library calls_chosen "$source" -DCALLS -DPAGES=1 "${now[@]}" "${beside[@]}" chosen.so
echo 'T_1 {}; T_2 {} T_1;' >apart.map
library versioned "$source" -DVERSIONED=1 -Wl,--version-script=apart.map "${now[@]}"
library versioned_entry "$source" -DVERSIONED=1 -Wl,--version-script=apart.map -fpatchable-function-entry=14
library old "$source" -DCALLS -DPAGES=1 -DOLD "${now[@]}" "${beside[@]}" versioned.so
library new "$source" -DCALLS -DPAGES=1 "${now[@]}" "${beside[@]}" versioned.so
library many_versions "$source" -DVERSIONED=1 -DNEWER=2 -Wl,--version-script=apart.map
mkdir without
library without/many_versions "$source" -DNUMBER=0
library unversioned "$source" -DREPLACES_ITS_OWN -Wl,-z,lazy "${beside[@]}" without/many_versions.so
# It has versions, of what it needs, as nearly all have.
library unversioned_too "$source" -DNUMBER=4 -DCLOSES -DCALLS -DPAGES=1
library replaces "$source" -DREPLACES "${now[@]}"
program move_headers
library moved "$source" -DNUMBER=1 -Wl,-z,noseparate-code "${now[@]}"
./move_headers moved.so moved || bail "cannot move headers"
mv moved moved.so
library calls "$source" -DCALLS -DPAGES=1 "${now[@]}" "${beside[@]}" moved.so
./move_headers calls.so moved_calls.so || bail "cannot move headers"
ld -shared --verbose | sed -n '/^===/,/^===/{//!p}' |
	sed '/^  \.dynsym /d; s/^  \.data  .*/  .dynsym : { *(.dynsym) }\n&/' >rw.ld
library rw "$source" -DNUMBER=1 -Wl,-T,rw.ld -Wl,-z,norelro
library needs -x c /dev/null -x none "${beside[@]}" apart3.so
mkdir crowd
library crowd/one -x c /dev/null
crowd=()
for i in {1..300}; do
	sed "s/one\.so/$(printf %03d "$i")\.so/" crowd/one.so >crowd/"$(printf %03d "$i")".so
	crowd+=("crowd/$(printf %03d "$i").so")
done
library crowd -x c /dev/null -x none -Wl,-rpath,'$ORIGIN:$ORIGIN/crowd' -Wl,--no-as-needed "${crowd[@]}" apart3.so
program apart

for policy in off safe never; do
	for what in like led swapped chosen_like back over had met first old new fourth entry older exact inside chosen versions unversioned page large many moved sandbox complete; do
		POLICY=$policy run_host "$what.$policy" ./apart "$TMP" $what
		well "$what, policy $policy" "$what.$policy" 'done'
	done
	POLICY=$policy LINGER_SETTINGS='override:*' run_host "crowd.$policy" ./apart "$TMP" crowd
	well "300 libraries at once, policy $policy" "crowd.$policy" 'done'
	POLICY=$policy LINGER_SETTINGS='override:*/apart3.so' run_host "needed.$policy" ./apart "$TMP" dependency
	well "what overrides goes as a dependency, policy $policy" "needed.$policy" 'done'
done
POLICY=off LINGER_SETTINGS='override:*/apart3.so' run_host behind ./apart "$TMP" behind
well "what overrides goes behind its caller" behind 'done'
POLICY=off run_host goes ./apart "$TMP" goes
well "what goes during the undo" goes 'done'
