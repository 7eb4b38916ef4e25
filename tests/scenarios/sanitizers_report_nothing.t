#!/bin/bash
# sanitizers_report_nothing.t - hosts and plugins built with ASan, UBSan and TSan, by gcc, whose
# runtimes are libraries that must come first, and by clang, whose are inside the program: the same
# output with linger, and no report.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
need clang clang
flags=(-g -O1 -D_GNU_SOURCE -DONE_BY_ONE -pthread -I"$O/public" -I"$ROOT/tests/hosts")

# build COMPILER SANITIZER: races and churns, and six plugins, in ./COMPILER-SANITIZER.
build() {
	local dir=$1-$2 i
	mkdir "$dir"
	"$1" "${flags[@]}" -fsanitize="$2" -o "$dir/races" "$ROOT/tests/hosts/host_races.c" ||
		bail "cannot build a host in $dir"
	"$1" "${flags[@]}" -fsanitize="$2" -fPIC -shared -o "$dir/p1.so" \
		"$ROOT/tests/plugins/plug_base.c" || bail "cannot build a plugin in $dir"
	for i in 2 3 4 5; do cp "$dir/p1.so" "$dir/p$i.so"; done
}
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=0
# TSan of gcc 12 and clang 14 cannot live with as much address randomisation as Linux 6 has.
exact() { timeout 60 "${fixed[@]}" "$@"; }
fixed=(setarch -R)
"${fixed[@]}" true 2> /dev/null || fixed=(env) # some containers forbid it

for compiler in gcc clang; do
	for sanitizer in address undefined thread; do
		name="$compiler -fsanitize=$sanitizer"
		build $compiler $sanitizer
		dir=$compiler-$sanitizer
		program=("$dir/races" 150 "$dir/p1.so" "$dir"/p[2345].so)
		run_plain plain exact "${program[@]}"
		is "$name alone" "$(cat plain plain.err)" $'done\nstatus 0'
		PRELOAD_FIRST=$(ldd "$dir/races" | sed -n 's/.* => \(.*lib[aut]b*san[^ ]*\) .*/\1/p') \
			run_linger linger exact "${program[@]}"
		is "$name with linger" "$(cat linger linger.err)" "$(cat plain plain.err)"
		is "$name: opens and unloads" "$(count_events linger.log open '/p[1-5].so')" \
			"$(count_events linger.log unload '/p[1-5].so')"
		rm -f run.log.*
		# By default linger keeps what is closed.
		KEEPS=1 run_plain run exact "$LINGER_CMD" run --log "$TMP/run.log" "${program[@]}"
		is "$name with linger run" "$(cat run run.err)" "$(cat plain plain.err)"
		is "$name with linger run: it was there" \
			"$(events run.log start | grep -c '/races"')" 1
		is "$name with linger run: each opened once, and kept" \
			"$(count_events run.log open '/p[1-5].so') $(count_events run.log unload '/p[1-5].so')" \
			'5 0'
	done
done
