#!/bin/bash
# LINGER=override:GLOB: of libraries opened with RTLD_GLOBAL that match, the newest definition wins for
# all earlier callers, and the one before takes over when it is closed, in any order (SEED).
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2054,SC2086,SC2206 # lists of words
. "$(dirname "$0")/redirects.sh"
SEED=${SEED:-1}

generation() { library "$1" -x c++ -fno-exceptions "$HERE/lib_generation.cc" -DNUMBER="$2" "${@:3}"; }
for how in lazy now; do
	link=(-Wl,-z,$how -Wl,-z,relro)
	generation base 0 "${link[@]}"
	generation unmatched 990 "${link[@]}"
	for i in 1 2 3 4; do generation gen$i $((10 * i)) "${link[@]}"; done
	generation gen6 60 -DWRAPS "${link[@]}"
	generation gen5 50 -DWRAPS "${link[@]}" -Wl,--no-as-needed -x none "$TMP/gen6.so" -Wl,-rpath,"$TMP"
	library sees -x c++ -fno-exceptions "$HERE/lib_sees.cc" "${link[@]}"
	cp sees.so sees_too.so
	program override
	for policy in off safe never; do
		POLICY=$policy LINGER_SETTINGS="override:*/gen?.so,reopen:fresh,kept_max:1000" \
			run_host "$how.$policy" ./override "$TMP" "$SEED"
		well "callers bound $how, policy $policy" "$how.$policy" 'done'
		POLICY=$policy LINGER_SETTINGS="override:*/gen?.so" run_host "$how.$policy" ./override "$TMP" "$SEED" late
		well "callers bound $how, policy $policy, kept ones are given back" "$how.$policy" 'done'
	done
done
POLICY=safe LINGER_SETTINGS='override:*/nothing.so' run_host without ./override "$TMP" "$SEED"
like "the control: without a match the oldest stays" "$(cat without)" 'is 0, not 20.*gen2.so opened'
