#!/bin/bash
# the_behaviour_matrix_is_identical.t - promise T: what a program sees of dlopen, dlmopen, dlclose,
# dlsym, dlvsym and what goes with them is the same with and without linger.
#
# tests/matrix/matrix.txt has the cases. Each is a process of its own, run plain and with linger by
# callers in C, C++ and Rust, unoptimised and optimised; the printed lines must be equal where glibc
# unloads. Where linger keeps, those and only those differ that are listed below, each with its reason; and
# so they do by default, where it keeps what something leads to.
# Two bad preloads show that a line can differ at all, an empty one that no line differs by chance.
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

# settled OUTPUT HOW: without what README lists, see settle.pl.
settled() { perl "$MATRIX/settle.pl" "$2" < "$TMP/$1"; }
# differ PLAIN OUTPUT HOW: the cases that differ all the same, and the words that are in the first (<) or in
# the second (>) alone.
differ() {
	local a b
	paste -d'\n' <(settled "$1" "$3") <(settled "$2" "$3") | while IFS= read -r a; do
		IFS= read -r b
		[ "$a" = "$b" ] || echo "${a%%:*}: $(diff --unchanged-line-format= --old-line-format=' <%L' \
			--new-line-format=' >%L' <(tr ' ' '\n' <<< "$a") <(tr ' ' '\n' <<< "$b") | xargs)"
	done
}
# Why a case differs where objects are kept, and by which words:
#  a  RTLD_NOLOAD finds the kept instance, as dlopen would; not with reopen:fresh
#  b  a destructor has effects, and runs at exit
#  c  kept objects are in the lists of loaded objects
differs_same='
# a: F, in the base, after its close there
two-namespaces-and-the-base: <F=none >F=lib/liba.so
# c: the provider and its user, after the close of both
default-lookup-by-a-library-makes-a-dependency: >lib/libprovider.so >%/by/none.so
# a: B, after its close
noload-hit-and-miss: <B=none >B=lib/liba.so
# a: A, after its close
deepbind-caller: <A=none >A=/ROOT/%/by/../../run/libfind.so
# c: top and right, which nobody holds, then all four
order-of-a-group-that-is-partly-held: >order/libtop.so >/ROOT/order/libright.so >order/libtop.so >/ROOT/order/libleft.so >/ROOT/order/libright.so >/ROOT/order/libbottom.so
# a: the plugin, after its close; b: its destructor has not closed bottom yet
constructor-opens-and-destructor-closes: <dtor-closed <A=none <A=none >A=order/libopens.so >A=/ROOT/order/libbottom.so >dtor-closed
# b: the destructor has not opened right yet; c: brief is still there
constructor-closes-and-destructor-opens: <+order/right <dtor-opened </ROOT/order/libright.so >order/libbrief.so <B=/ROOT/order/libright.so >B=none >+order/right >dtor-opened <-order/right
# a: A, after its close; b: its destructor looks at exit
destructor-looks-for-itself: <dtor-found <A=none >A=order/libself.so >dtor-found
# b: the handler of the one instance runs once, at exit
atexit-handler-runs-at-the-close: <atexit-handler
# a: A, after its close
destructor-of-a-thread-that-ended: <A=none >A=lib/libthreaddtor.so
# a: B, after its close
another-interposer-in-front: <B=none >B=lib/liba.so
# c: the group after its close, and what is not open of it after left was opened again
list-of-objects: >order/libtop.so >/ROOT/order/libleft.so >/ROOT/order/libright.so >/ROOT/order/libbottom.so >order/libtop.so >/ROOT/order/libright.so
# a: B by its path, after its close; by its soname it is not found
kept-and-its-soname: <B=none >B=lib/libquiet.so
# a: A by its path, after its close; by its bare name another caller got its own
kept-and-a-bare-name-by-another-caller: <A=none >A=/ROOT/same1/libquiet.so'
differs_fresh='
# c: as above
default-lookup-by-a-library-makes-a-dependency: >lib/libprovider.so >%/by/none.so
# c: the first group beside the second
order-of-a-group: >order/libtop.so >/ROOT/order/libleft.so >/ROOT/order/libright.so >/ROOT/order/libbottom.so
# c: as above
order-of-a-group-that-is-partly-held: >order/libtop.so >/ROOT/order/libright.so >order/libtop.so >/ROOT/order/libleft.so >/ROOT/order/libright.so >/ROOT/order/libbottom.so
# b: the destructor has not closed bottom yet
constructor-opens-and-destructor-closes: <dtor-closed <A=none >A=/ROOT/order/libbottom.so >dtor-closed
# b: the destructor has not opened right yet; c: brief is still there. At exit it finds no bottom: hidden
constructor-closes-and-destructor-opens: <+order/bottom <+order/right <dtor-opened </ROOT/order/libright.so >order/libbrief.so <B=/ROOT/order/libright.so >B=none <-order/bottom >+order/bottom >+order/right >dtor-opened <-order/right
# b: at exit it is hidden, and does not find itself
destructor-looks-for-itself: <dtor-found >dtor-did-not-find
# b: the handlers of both instances run at exit
atexit-handler-runs-at-the-close: <atexit-handler >atexit-handler
# c: as above, and left is a new one
list-of-objects: >order/libtop.so >/ROOT/order/libleft.so >/ROOT/order/libright.so >/ROOT/order/libbottom.so >order/libtop.so >/ROOT/order/libleft.so >/ROOT/order/libright.so >/ROOT/order/libbottom.so'

# By default, with all the time it takes for a proof, and no second look:
#  d  the caller has kept the address of a function (`keep`)
#  e  closed inside a constructor or a destructor, when nothing can be proven
differs_safe='
# e: bottom is still there
constructor-opens-and-destructor-closes: <A=none >A=/ROOT/order/libbottom.so
# e: bottom is still there, so right is loaded behind it
constructor-closes-and-destructor-opens: </ROOT/order/libright.so >/ROOT/order/libright.so
# d
kept-and-its-soname: <B=none >B=lib/libquiet.so
# d
kept-and-a-bare-name-by-another-caller: <A=none >A=/ROOT/same1/libquiet.so'
# And these but for a late destructor, or a kept object's name: d
settled_safe=kept-and-opened-again
# names LIST, cases PLAIN OUTPUT: the cases in a list; those whose lines are not the same.
names() { grep -v '^#' <<< "${1#?}" | cut -d: -f1; }
cases() {
	diff --unchanged-line-format= --old-line-format= --new-line-format='%L' "$TMP/$1" "$TMP/$2" |
		cut -d: -f1
}

read_matrix
"$MATRIX/build.sh" "$TREE" > "$TMP/build" 2>&1 || bail "build.sh: $(tail -3 "$TMP/build")"

variants=(c-O0 c-O2 cxx-O0 cxx-O2 rust-O0 rust-O2)
controls=(empty naive never-close)
for variant in "${variants[@]}"; do
	run_all "$variant" "$variant.plain" plain &
	run_all "$variant" "$variant.linger" linger &
	POLICY=never run_all "$variant" "$variant.same" linger &
	POLICY=never LINGER_SETTINGS=reopen:fresh run_all "$variant" "$variant.fresh" linger &
	POLICY='' LINGER_SETTINGS=budget:60s,retry:60s..60s run_all "$variant" "$variant.safe" linger &
	wait
done
# As it comes, with the time that a busy machine leaves.
POLICY='' run_all c-O2 c-O2.default linger &
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
	is "$variant: what differs where objects are kept" \
		"$(differ "$variant.plain" "$variant.same" same)" "$(grep -v '^#' <<< "${differs_same#?}")"
	is "$variant: what differs with reopen:fresh" \
		"$(differ "$variant.plain" "$variant.fresh" fresh)" "$(grep -v '^#' <<< "${differs_fresh#?}")"
	is "$variant: what differs where what something leads to is kept" \
		"$(differ "$variant.plain" "$variant.safe" same)" "$(grep -v '^#' <<< "${differs_safe#?}")"
	is "$variant: all others are the same, to the word" "$(cases "$variant.plain" "$variant.safe" | sort)" \
		"$({ names "$differs_safe"; echo "$settled_safe"; } | sort)"
done
is "by default nothing differs that does not where objects are kept" \
	"$(differ c-O2.plain c-O2.default same | cut -d: -f1 |
		grep -vxF "$(names "$differs_same"; names "$differs_safe")")" ''
ok "and less" test "$(cases c-O2.plain c-O2.default | wc -l)" -lt "$(cases c-O2.plain c-O2.same | wc -l)"
is "control: an empty preload changes nothing" "$(< "$TMP/c-O2.empty")" "$(< "$TMP/c-O2.plain")"
for control in naive never-close; do
	n=$(differing c-O2.plain "c-O2.$control")
	ok "control: the preload $control changes $n lines, 15 at least" [ "$n" -ge 15 ]
done
