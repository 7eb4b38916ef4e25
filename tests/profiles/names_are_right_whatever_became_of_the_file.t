#!/bin/bash
# names_are_right_whatever_became_of_the_file.t - the scenarios in which perf loses code that was loaded at
# run time: each by perf as it is, by `linger perf`, and by `linger perf fix` of what perf recorded of a program
# with linger.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # names here are of one word
. "$(dirname "$0")/profiles.sh"

# Rows, in the order of their words below, and what perf 6.1 as it is makes of them.
declare -A MEANS=(
	[a]='the file stays'
	[b]='closed before the program ends'
	[c]='deleted after dlopen'
	[d]='deleted after dlclose'
	[d2]='deleted after the recording'
	[d3]='rebuilt after the recording'
	[d4]='overwritten after the recording'
	[e]='replaced and loaded again'
	[e2]='overwritten and loaded again'
	[f]='memfd'
	[g]='two libraries, one after the other'
	[h]='debug file beside it'
	[h2]='stripped, and no debug file anywhere'
	[h3]='debug file beside it, deleted after dlopen'
	[i]='no build-id, the file stays'
	[i2]='no build-id, deleted after dlopen'
	[i3]='no build-id, deleted after the recording'
	[n1]='compiled, loaded, deleted'
	[n2]='the same again'
	[p]='two instances of one file at once'
)
ROWS=(a b c d d2 d3 d4 e e2 f g h h2 h3 i i2 i3 n1 n2 p)

# build HOW: the plugins, in HOW.
build() {
	local how=$1 row dir=$TMP/$1
	host "$how"
	mkdir "$dir"
	for row in a b c d d2 d3 d4 e e2 f g p h h2 h3; do plugin "$how" "$row" "$dir/$row.so"; done
	for row in e e2 g d3 d4; do plugin "$how" ${row}x "$dir/${row}x.so"; done
	for row in i i2 i3; do plugin "$how" "$row" "$dir/$row.so" -Wl,--build-id=none; done
	for row in h h2 h3; do (cd "$dir" && stripped "$row.so"); done
	rm "$dir/h2.so.debug"
	for row in n1 n2; do
		plugin "$how" $row "$dir/$row.so"
		rm "$dir/$row.so"
		cat >"$dir/$row.sh" <<-END
			#!/bin/sh
			cd $TMP/source && exec $CC -O2 -g $(frames "$how") -fPIC -shared -DVERSION=$row -o \$1/$row.out.so plugin_$row.c
		END
	done
}
# words DIR: what the host is to do, with the files in DIR.
words() {
	local dir=$1 run=$SECONDS_A_ROW row
	echo "open $dir/a.so a run a $run"
	echo "open $dir/b.so b run b $run close"
	echo "open $dir/c.so c rm $dir/c.so run c $run"
	echo "open $dir/d.so d run d $run close rm $dir/d.so"
	for row in d2 d3 d4; do echo "open $dir/$row.so $row run $row $run"; done
	echo "open $dir/e.so e run e $run close mv $dir/ex.so $dir/e.so open $dir/e.so ex run e $run"
	echo "open $dir/e2.so e2 run e2 $run close cp $dir/e2x.so $dir/e2.so open $dir/e2.so e2x run e2 $run"
	echo "memfd $dir/f.so f run f $run"
	echo "open $dir/g.so g run g $run close open $dir/gx.so gx run g $run close"
	for row in h h2; do echo "open $dir/$row.so $row run $row $run"; done
	echo "open $dir/h3.so h3 rm $dir/h3.so rm $dir/h3.so.debug run h3 $run"
	echo "open $dir/i.so i run i $run"
	echo "open $dir/i2.so i2 rm $dir/i2.so run i2 $run"
	echo "open $dir/i3.so i3 run i3 $run"
	for row in n1 n2; do
		echo "sh sh@$dir/$row.sh@$dir open $dir/$row.out.so $row rm $dir/$row.out.so run $row $run"
	done
	echo "open $dir/p.so p again $dir/p.so p run p $run back run p $run"
}
# What happens to files when the recording is done.
afterwards() {
	rm "$1/d2.so" "$1/i3.so"
	mv "$1/d3x.so" "$1/d3.so"
	cat "$1/d4x.so" >"$1/d4.so"
}
# one WHO HOW NAME COMMAND...: records, changes files, measures; the lines go to NAME.rows.
one() {
	local who=$1 how=$2 name=$3 all
	shift 3
	cp -r "$how" "$name.files"
	mapfile -t all < <(words "$TMP/$name.files" | tr ' @' '\n ')
	record "$who" "$how" "$name" "$@" "./host_$how" "${all[@]}" || bail "nothing was recorded"
	afterwards "$name.files"
}

[ -z "${KEEP-}" ] || trap '' EXIT
for how in dwarf fp; do
	build $how
	one plain $how plain_$how
	measure plain plain_$how >plain_$how.rows
	one linger_perf $how linger_$how
	measure linger_perf linger_$how >linger_$how.rows
done
# The same with the loader given the copies. No row needs it.
if [ "${CHECK_ALL-}" ]; then
	LINGER=archive_mode:open one linger_perf dwarf open_dwarf
	measure linger_perf open_dwarf >open_dwarf.rows
	is "archive_mode:open: everything has its right name, line and chain" \
		"$(grep -vE '^h2 | 100 100 100$' open_dwarf.rows)" ''
fi
is "nothing was put into the user's home but what plain perf puts there" "$(ls -A "$HOME")" .debug

# value FILE ROW COLUMN: samples sym line chain
value() { awk -v row="$2" -v column="$3" '$1 == row { print $(column + 1) }' "$1.rows"; }
all() { echo "$(value "$1_dwarf" "$2" 2)/$(value "$1_dwarf" "$2" 3)/$(value "$1_dwarf" "$2" 4)/$(value "$1_fp" "$2" 4)"; }
echo "# percent of the samples: name/line/chain by DWARF/chain by frame pointers"
printf '# %-45s %-18s %s\n' '' "perf $(perf version | sed 's/.* //')" 'linger perf'
for row in "${ROWS[@]}"; do
	printf '# %-45s %-18s %s\n' "$row ${MEANS[$row]}" "$(all plain $row)" "$(all linger $row)"
done
for row in "${ROWS[@]}"; do
	ok "$row has samples" [ "$(value linger_dwarf $row 1)" -ge 50 ]
	case $row in
	# Of the three functions one is exported: now and then a sample is taken there.
	h2) ok "h2: nobody knows the names: no debug file exists" [ "$(value linger_dwarf h2 2)" -le 5 ] ;;
	*) is "$row: ${MEANS[$row]}" "$(all linger $row)" 100/100/100/100 ;;
	esac
done
grep -h '^#' linger_*.rows || : # where a sample is wrong: which
