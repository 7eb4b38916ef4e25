#!/bin/bash
# the_behaviour_matrix_is_identical.t - promise T: what a program sees of dlopen, dlmopen, dlclose,
# dlsym, dlvsym and what goes with them is the same with and without linger.
#
# tests/matrix/matrix.txt has the cases. Each is a process of its own, run plain and with linger by
# callers in C, C++ and Rust, unoptimised and optimised; the printed lines must be equal. Two bad
# preloads show that a line can differ at all, an empty one that no line differs by chance.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
need rustc rustc
MATRIX=$ROOT/tests/matrix
TREE=$(cd "$TMP" && pwd -P)/tree
unset LD_LIBRARY_PATH LD_BIND_NOW

# Fills names, settings, scripts and wants (the texts after =, one a line) from matrix.txt.
names=() settings=() scripts=() wants=()
read_matrix() {
	local line i=-1
	while IFS= read -r line; do
		case $line in
		'#'* | '') ;;
		$'\t= '*) wants[i]+=${line#$'\t= '}$'\n' ;;
		$'\t'*) scripts[i]+=${line#$'\t'}' ' ;;
		*)
			i=${#names[@]}
			read -r "names[i]" "settings[i]" <<< "$line"
			scripts[i]='' wants[i]=''
			;;
		esac
	done < "$MATRIX/matrix.txt"
}

# run_case VARIANT CASE [COMMAND...]: prints the line of one case, its program run by COMMAND.
# Paths are printed relative to the tree and to the variant's folder, as matrix.txt writes them.
run_case() {
	local variant=$1 i=$2 program=main word text status
	shift 2
	text=$(
		cd "$TREE" || exit
		for word in ${settings[i]}; do
			case $word in
			rpath) program=main-rpath ;;
			*) export "${word//\/ROOT/$TREE}" ;;
			esac
		done
		text=${scripts[i]//%/$variant}
		# What the program's end makes bash say has a process id in it.
		{ "$@" "$variant/$program" "${text//\/ROOT/$TREE}" 2>&1; } 2> /dev/null
	)
	status=$?
	text=${text//$TREE/\/ROOT}
	text=${text//$variant/%}
	[ $status -eq 0 ] || text+=" (status $status)"
	echo "${names[i]}:${text//$'\n'/ }"
}
# The ways to run a case's program.
plain() { LD_PRELOAD=${PRELOAD_FIRST:-} "$@"; }
linger() {
	local log=$TMP/log.$BASHPID status
	with_linger "$log" "$@"
	status=$?
	rm -f "$log".*
	return $status
}
preload() { LD_PRELOAD="${PRELOAD_FIRST:-} $TREE/preload/$1.so" "${@:2}"; }

# run_all VARIANT OUTPUT COMMAND...: the whole matrix.
run_all() {
	local variant=$1 output=$2 i
	shift 2
	for ((i = 0; i < ${#names[@]}; i++)); do
		run_case "$variant" $i "$@"
	done > "$TMP/$output"
}
# differing A B: how many lines of B are not as in A.
differing() {
	diff --unchanged-line-format= --old-line-format= --new-line-format='%L' \
		"$TMP/$1" "$TMP/$2" | wc -l
}
# Every case shows what matrix.txt says that plain glibc shows; else it proves nothing.
as_written() {
	local variant i text line missing=0
	for variant in "${variants[@]}"; do
		for ((i = 0; i < ${#names[@]}; i++)); do
			IFS= read -r line <&3
			while IFS= read -r text; do
				[[ $text && $line == *"$text"* ]] && continue
				missing=1
				echo "# $variant: not there: $text"
				echo "# $line"
			done <<< "${wants[i]%$'\n'}"
		done 3< "$TMP/$variant.plain"
	done
	return $missing
}
# Two cases with the same line would be one case counted twice.
all_different() {
	local variant same
	for variant in "${variants[@]}"; do
		same=$(sed 's/^[^:]*://' "$TMP/$variant.plain" | sort | uniq -d)
		[ -z "$same" ] || { echo "# $variant: ${same//$'\n'/$'\n'# }"; return 1; }
		! grep -E '^[^:]*: *$|BAD-SCRIPT' "$TMP/$variant.plain" || return 1
	done
}

read_matrix
"$MATRIX/build.sh" "$TREE" > "$TMP/build" 2>&1 || bail "build.sh: $(tail -3 "$TMP/build")"

variants=(c-O0 c-O2 cxx-O0 cxx-O2 rust-O0 rust-O2)
controls=(empty naive never-close)
for variant in "${variants[@]}"; do
	run_all "$variant" "$variant.plain" plain &
	run_all "$variant" "$variant.linger" linger &
	wait
done
for control in "${controls[@]}"; do
	run_all c-O2 "c-O2.$control" preload "$control" &
done
wait

count=${#names[@]}
ok "the matrix has $count lines, 33 at least" [ "$count" -ge 33 ]
ok "no two lines are the same, none is empty" all_different
# The texts are those of one glibc; the comparison below holds for any.
if [ "$(getconf GNU_LIBC_VERSION)" = "glibc 2.36" ]; then
	ok "plain glibc does what each line is about" as_written
fi
for variant in "${variants[@]}"; do
	is "$variant: $count lines are the same with linger" \
		"$(< "$TMP/$variant.linger")" "$(< "$TMP/$variant.plain")"
done
is "control: an empty preload changes nothing" "$(< "$TMP/c-O2.empty")" "$(< "$TMP/c-O2.plain")"
for control in naive never-close; do
	n=$(differing c-O2.plain "c-O2.$control")
	ok "control: the preload $control changes $n lines, 15 at least" [ "$n" -ge 15 ]
done
