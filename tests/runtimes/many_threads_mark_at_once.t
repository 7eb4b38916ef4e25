#!/bin/bash
# many_threads_mark_at_once.t - eight threads mark what stays, while another one loads and unloads: what
# was marked stays, all else goes. Also with TSan in the program.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/runtimes.sh"
build_host marks_host
build_library marks_library 17
cp marks_host plain_host
flags+=(-fsanitize=thread)
build_host marks_host
mv marks_host tsan_host
fixed=(setarch -R) # TSan of gcc 12 cannot live with as much address randomisation as Linux 6 has
"${fixed[@]}" true 2> /dev/null || fixed=(env)
# TSan does not see the loader's own locks, and takes what two threads do inside dlopen for a race.
echo 'race:ld-linux' > loader.supp
export TSAN_OPTIONS=halt_on_error=0,suppressions=$TMP/loader.supp

for host in plain_host tsan_host; do
	program=("${fixed[@]}" "./$host" 100 "${SEED:-1}" ./marks_library*.so)
	run_plain plain timeout 300 "${program[@]}"
	is "$host, without linger" "$(cat plain; grep -v '^#' plain.err)" $'done\nstatus 0'
	PRELOAD_FIRST=$(ldd $host | sed -n 's/.* => \(.*libtsan[^ ]*\) .*/\1/p') as_host linger "${program[@]}"
	well "$host" linger
	PRELOAD_FIRST=$(ldd $host | sed -n 's/.* => \(.*libtsan[^ ]*\) .*/\1/p') PLANT=marker \
		as_host linger "${program[@]}"
	like "$host: a marker that marks nothing is seen" "$(cat linger)" 'was marked, and has gone'
done
