#!/bin/bash
# Random steps of opening, closing, redirecting and restoring, each of which is followed by a call through
# every binding there is; a simple model in the host (model.c) says what it has to give. What fails is printed
# with its seed, in as few steps as it takes.
#
# SEED: another first one. DURATION: seconds for each policy, instead of the fixed seeds.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054 # the loader's $ORIGIN; commas of the linker's
. "$(dirname "$0")/redirects.sh"
STEPS=100
FIXED=60 # seeds in a row, with each policy
FOUND=(6330 22796) # that have failed in long runs

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
versions=(-DVERSIONS -Wl,--version-script=model.map)
entry=(-fpatchable-function-entry=14)
lazy=(-Wl,-z,lazy) now=(-Wl,-z,now) norelro=(-Wl,-z,norelro) relro=(-Wl,-z,relro)
echo 'V1 {}; V2 { local: t_two_*; u_two_*; } V1;' >model.map
# module NAME FLAG...: its library; binds NAME FLAG...: one that is bound to the names.
module() { library "$1" "$HERE/lib_model.c" -DNAME="$1" "${@:2}"; }
binds() { module "$1" -DBINDS "${@:2}"; }
module start -DDEFINES=1 -DTHREE_ONLY -DTABLE
binds da -DDEFINES=2 "${versions[@]}" -DLAZY "${lazy[@]}" "${relro[@]}"
binds db -DDEFINES=3 "${versions[@]}" -DTWINS -DCHOSEN "${now[@]}" "${norelro[@]}"
binds dc -DDEFINES=4 "${entry[@]}" "${now[@]}" "${relro[@]}"
module dd -DDEFINES=5 -DINNER "${entry[@]}" -Wl,-Bsymbolic
binds de -DDEFINES=6 "${versions[@]}" -DTWINS "${entry[@]}" -fno-plt "${now[@]}" "${relro[@]}"
binds ca -DLAZY "${lazy[@]}" "${norelro[@]}" "${beside[@]}" da.so
binds cb -DOLD "${now[@]}" "${norelro[@]}" "${beside[@]}" db.so
binds cc "${now[@]}" "${relro[@]}" "${beside[@]}" dc.so
binds cd -fno-plt "${now[@]}" "${relro[@]}" "${beside[@]}" de.so da.so
binds ce -DLAZY "${lazy[@]}" "${relro[@]}" "${beside[@]}" dd.so
library replaces "$HERE/lib_model_replaces.c"
copies=()
[[ $CC != *clang* ]] || copies=(-fdirect-access-external-data) # as gcc does by itself
program model -fPIE "${copies[@]}" -pie -rdynamic "$HERE/lib_model.c" -DNAME=program -DBINDS -DTHREE_ONLY "${beside[@]}" start.so
ok "the program has its own copy of data" grep -q "COPY .* model_table " <(readelf -rW model)

# follow POLICY SEED: says nothing, or how it fails.
follow() {
	POLICY=$1 with_linger "$TMP/log" timeout 300 nice ./model "$TMP" "$2" $STEPS 2>&1 || echo "seed $2 failed"
	rm -f "$TMP"/log.*
}
# follows POLICY: the seeds that fail, each with its steps; how many were run in a row stands in `runs`.
follows() {
	local first=${SEED:-1} end=$((SECONDS + ${DURATION:-0})) seed
	for seed in "${FOUND[@]}"; do follow "$1" "$seed"; done
	for ((seed = first; SECONDS < end || (!${DURATION:-0} && seed < first + FIXED); seed++)); do
		follow "$1" "$seed"
	done
	echo $((seed - first)) >runs
}
for policy in off safe never; do
	is "each binding is as the model says, policy $policy" "$(follows $policy)" ''
	echo "# policy $policy: $(cat runs) seeds of $STEPS steps, from ${SEED:-1}"
done
