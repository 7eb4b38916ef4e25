#!/bin/bash
# fix_repairs_what_perf_recorded.t - recordings that perf made by itself: of a program that had linger, and of one
# that had not and whose files were rescued.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # names here are of one word
. "$(dirname "$0")/profiles.sh"

host dwarf
for row in a c d e e2 f; do plugin dwarf $row "$TMP/$row.so"; done
for row in e e2; do plugin dwarf ${row}x "$TMP/${row}x.so"; done
plugin dwarf i2 "$TMP/i2.so" -Wl,--build-id=none
run=$SECONDS_A_ROW
# The last one is loaded, overwritten and loaded at the same address, so that only the time tells its two versions apart.
words=$(cat <<-END
	open $TMP/a.so a run a $run
	open $TMP/c.so c rm $TMP/c.so run c $run
	open $TMP/d.so d run d $run close rm $TMP/d.so
	open $TMP/e.so e run e $run close mv $TMP/ex.so $TMP/e.so open $TMP/e.so ex run e $run
	memfd $TMP/f.so f run f $run
	open $TMP/i2.so i2 rm $TMP/i2.so run i2 $run
	open $TMP/e2.so e2 run e2 $run close cp $TMP/e2x.so $TMP/e2.so open $TMP/e2.so e2x run e2 $run
END
)
mkdir files
cp ./*.so files
# shellcheck disable=SC2086
perf record "${EVENT[@]}" -k CLOCK_MONOTONIC --call-graph dwarf,16384 -o stock -- \
	"$LINGER_CMD" run -o policy:off --archive="$ARCHIVE" ./host_dwarf $words >stock.phases 2>stock.err ||
	bail "perf record: $(cat stock.err)"
cp stock before
measure linger_perf stock >stock.rows
said=$(linger_perf fix stock 2>&1)
like "it says what it did" "$said" '^stock: [0-9]+ mappings have a build-id now'
ok "what was there is FILE.old" cmp -s before stock.old
measure linger_perf stock >fixed.rows
echo "# name/line/chain by DWARF: before, and after fix"
for row in a c d e e2 f i2; do
	printf '# %-4s %-12s %s\n' $row "$(sed -n "s/^$row [0-9]* //p" stock.rows)" "$(sed -n "s/^$row [0-9]* //p" fixed.rows)"
done
is "everything has its right name, line and chain" "$(grep -vE ' [0-9]{2,} 100 100 100$' fixed.rows)" ''
ok "before, that was not so" grep -qE '^c [0-9]+ 0 0 0$' stock.rows
is "both versions of what was overwritten were at one address" \
	"$(awk '/^phase e2/ { print $5 }' stock.phases | sort -u | wc -l)" 1

cp stock once
like "a second time there is nothing to do" "$(linger_perf fix stock 2>&1)" '^stock: there is nothing to repair'
ok "and nothing is done" cmp -s once stock
linger_perf fix -o other before >said 2>&1
ok "-o OUT writes the same" cmp -s once other
ok "and leaves FILE" cmp -s before stock.old
mkdir alone
cp before alone/stock
linger_perf fix alone/stock >said 2>&1
is "nothing is left beside them" "$(ls alone)" $'stock\nstock.old'

# perf's own clock, which drifts, and one that is far away: the distance has to be found out.
for clock in own realtime; do
	cp files/*.so .
	# shellcheck disable=SC2046 # two words, or none
	perf record "${EVENT[@]}" $([ $clock = own ] || echo -k $clock) -o $clock -- \
		"$LINGER_CMD" run -o policy:off --archive="$ARCHIVE" ./host_dwarf $words >$clock.phases 2>&1
	linger_perf fix $clock >said 2>&1
	linger_perf script -i $clock -F ip,sym 2>&1 |
		awk '$2 ~ /^leaf_/ { n[$2]++ } END { for (name in n) print name, n[name] }' >$clock.names
	for version in e ex e2 e2x; do
		ok "by the clock $clock, $version is told from what replaced it" \
			[ "$(awk -v n=leaf_$version '$1 == n { print $2 }' $clock.names)" -ge 40 ]
	done
done

# A process without linger, recorded by perf; its files are rescued while it lives.
plugin dwarf r "$TMP/r.so"
plugin dwarf q "$TMP/q.so" -Wl,--build-id=none
mkfifo ready go
perf record "${EVENT[@]}" -k CLOCK_MONOTONIC --call-graph dwarf,16384 -o plain -- \
	./host_dwarf open "$TMP/r.so" r rm "$TMP/r.so" run r $run open "$TMP/q.so" q rm "$TMP/q.so" run q $run \
	ready ready wait go >plain.phases 2>plain.err &
recorder=$!
: <ready
pid=$(awk '/^phase r/ { print $4 }' plain.phases)
said=$(linger_perf rescue "$pid" -o "$TMP/rescued" 2>&1)
like "rescue says what it did" "$said" '^2 deleted or replaced files are in .*/rescued now'
: >go
wait $recorder
ARCHIVE=$TMP/rescued
linger_perf fix plain >said 2>&1
measure linger_perf plain >plain.rows
is "what was rescued has its names" "$(sed 's/ [0-9]*//' plain.rows | xargs)" 'r 100 100 100 q 100 100 100'
