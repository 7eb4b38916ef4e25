#!/bin/bash
# A thread in the middle of its first call through a lazy slot writes what it found before the redirect
# into the slot, after linger did. 20,000 redirects and restores (CHECK_ALL: 199,000), each while another
# thread makes such a call: none is lost. The control: a shim that does not verify loses some.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"
N=20000
[ -z "${CHECK_ALL:-}" ] || N=199000

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
lazy=(-Wl,-z,lazy)
library defs "$HERE/lib_first.c"
library first "$HERE/lib_first.c" -DCALLS "${lazy[@]}" "${beside[@]}" defs.so
library slow "$HERE/lib_slow.c"
library calls_slow "$HERE/lib_slow.c" -DCALLS "${lazy[@]}" "${beside[@]}" slow.so
library rep -x c - <<<'int r_minus(void); int r_minus(void) { return -1; }'
program race
make --no-print-directory -s -C "$ROOT" O="$O/unverified" CC="$CC" CPPFLAGS=-DLGR_UNVERIFIED \
	"$O/unverified/liblinger.so" >make.log 2>&1 || { sed 's/^/# /' make.log; bail "cannot build the control"; }

run_host races ./race "$TMP" $N
like "$N redirects and restores against first calls" "$(cat races)" $'^0 lost, [0-9]+ late\nstatus 0$'
late=$(sed -n 's/^0 lost, \([0-9]*\) late$/\1/p' races)
# linger.h: a thread that got no processor for 50 ms is not waited for; its slot is set right in a dl* call.
ok "nearly all at once (late: ${late:=all})" test "$late" -le $((N / 10000))
run_host held ./race "$TMP" held
well "a first call that is held in a resolver" held '0 lost, 0 late'
run_host longer ./race "$TMP" longer
well "one that is held for longer than linger waits" longer '0 lost, 0 late'

SHIM=$O/unverified/liblinger.so
lost="the control, without verification: some are lost"
if [ "$(nproc)" -gt 1 ]; then
	# Some 2 %, on two CPUs; none, as long as other programs leave us but one.
	for _ in $(seq 20); do
		run_host control ./race "$TMP" 5000
		grep -q '^0 lost' control || break
	done
	like "$lost" "$(cat control)" '^[1-9][0-9]* lost'
	sed 's/^/# without verification: /' control
else
	skip "$lost" "one CPU, on which nothing happens at once"
fi
run_host control.held ./race "$TMP" held
like "the control: the held one is lost" "$(cat control.held)" '^1 lost.*status 0'
