#!/bin/bash
# churn.t - eight threads open, use, rename, overwrite, delete and close libraries, and fork, for DURATION
# seconds: without linger, which shows that the program itself is right; with it; and with ASan and TSan
# in the program. No old code, no crash, no report; and the log agrees with the counts. All that with what
# is closed kept (`never`), and with what nothing leads into unloaded (`safe`).
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../scenarios/plugins.sh"
DURATION=${DURATION:-3}
SEED=${SEED:-1}

# churn SANITIZER: builds it. The libraries are never instrumented: gcc's TSan may deadlock when such
# are opened by several threads at once, also without linger.
churn() {
	"$CC" -g -O1 -D_GNU_SOURCE -iquote "$ROOT/core" -pthread ${1:+-fsanitize=$1 -DSANITIZED} \
		-o "churn${1:+-$1}" "$ROOT/tests/stress/churn.c" || bail "cannot build churn${1:+-$1}"
}
run=(timeout $((DURATION * 10 + 120)))
fixed=(setarch -R) # TSan of gcc 12 cannot live with as much address randomisation as Linux 6 has
"${fixed[@]}" true 2> /dev/null || fixed=(env)
export LINGER_SETTINGS=kept_max:100000,log_max:$((16 + 4 * DURATION))M
# TSan does not see the loader's own locks, and takes what two threads do inside dlopen for a race.
echo 'race:ld-linux' > loader.supp
export ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=halt_on_error=0,suppressions=$TMP/loader.supp
mkdir files

# with POLICY SANITIZER
with() {
	local name="$1: churn${2:+, -fsanitize=$2}"
	POLICY=$1
	PRELOAD_FIRST=$(ldd "churn${2:+-$2}" | sed -n 's/.* => \(.*lib[at]*san[^ ]*\) .*/\1/p') \
		run_linger linger "${program[@]}"
	is "$name" "$(grep -v '^#\|^requests' linger)$(head -n 40 linger.err)" $'done\nstatus 0'
	sed -n '/^#/p' linger
	like "$name: code was called after it was closed" "$(cat linger)" ', [1-9][0-9]* calls of closed code'
	# Of the program alone: its children have logs of their own.
	pid=$(sed -n 's/^# process \([0-9]*\).*/\1/p' linger)
	mkdir log
	mv "linger.log.$pid" log/
	events log/linger.log > records
	like "$name: the log has lost nothing" "$(head -n 1 records)" '"event":"start".*"lost":0,'
	is "$name: the log has each of them" \
		"$(for e in request keep reopen close unload; do
			echo "${e}s $(grep -c "\"event\":\"$e\"" records)"; done | xargs)" \
		"$(grep '^requests' linger)"
	rm -rf log linger.log.*
}

for sanitizer in '' address thread; do
	churn "$sanitizer"
	program=("${run[@]}" "${fixed[@]}" "./churn${sanitizer:+-$sanitizer}" "$DURATION" "$SEED" "$TMP/files"
		"$(plug churned)")
	run_plain plain "${program[@]}"
	is "churn${sanitizer:+, -fsanitize=$sanitizer}: alone" \
		"$(grep -v '^#' plain)$(head -n 40 plain.err)" $'done\nstatus 0'
	for policy in never safe; do with "$policy" "$sanitizer"; done
done
