#!/bin/bash
# Eight threads redirect, restore, open and close for DURATION seconds: plain and with TSan in the program,
# closed by glibc (off), for real (safe) and kept (never). No report, no crash; every slot and protection as found.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"
DURATION=${DURATION:-${CHECK_ALL:+60}}
DURATION=${DURATION:-10}
SEED=${SEED:-1}

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
library def "$HERE/lib_definer.c"
library rep "$HERE/lib_replacer.c" "${beside[@]}" def.so
library call1 "$HERE/lib_caller.c" -Wl,-z,lazy "${beside[@]}" def.so
library call2 "$HERE/lib_caller.c" -Wl,-z,now -Wl,-z,relro "${beside[@]}" def.so
for i in 0 1 2 3 4 5 6 7; do
	how=lazy
	[ $((i % 2)) = 0 ] || how=now
	library churned$i "$HERE/lib_caller.c" -Wl,-z,$how -Wl,-z,relro "${beside[@]}" def.so
done
program churn_host "${beside[@]}" def.so
mv churn_host plain
program churn_host -fsanitize=thread "${beside[@]}" def.so
mv churn_host tsan

fixed=(setarch -R) # TSan of gcc 12 cannot live with as much address randomisation as Linux 6 has
"${fixed[@]}" true 2>/dev/null || fixed=(env)
# TSan does not see the loader's own locks, and takes what two threads do inside dlopen for a race.
echo 'race:ld-linux' >loader.supp
export TSAN_OPTIONS=halt_on_error=0,suppressions=$TMP/loader.supp LINGER_SETTINGS=kept_max:100000

# churned POLICY PROGRAM SECONDS
churned() {
	POLICY=$1 PRELOAD_FIRST=$(ldd "$2" | sed -n 's/.* => \(.*libtsan[^ ]*\) .*/\1/p') \
		run_host "$2.$1" "${fixed[@]}" "./$2" "$TMP" "$3" "$SEED"
	head -n 40 "$2.$1.err" | sed 's/^/# /'
}
for program in plain tsan; do
	for policy in off safe never; do
		churned $policy $program "$DURATION" &
		[ $program$policy != plainnever ] || wait
	done
done
wait
for program in plain tsan; do
	for policy in off safe never; do
		well "$program, policy $policy" "$program.$policy" 'done'
	done
done
