#!/bin/bash
# log_tells_what_the_ring_lost.t - the oldest records are overwritten; what is shown is whole, in
# order, and the rest is counted.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/log.sh"

records() { # records FROM TO FORMAT: paths by number, of a length that differs
	for ((i = $1; i <= $2; i++)); do
		echo "$((1000 + i)) $i 0 4711 $OPEN 0 /$i/$(printf "%0$((i * 7 % 180))d" 0)"
	done
}
# check NAME FILE: every record shown is one that was written, they ascend, and the count is right.
check() {
	local written=$3
	log --json --calls "$2" > out
	is "$1: status" $? 0
	json '$o->{event} eq "start" ? "start $o->{lost}" : "$o->{id} " . ($o->{path} eq "/$o->{id}/" . "0" x ($o->{id} * 7 % 180 || 1) && $o->{time_ns} == 1000 + $o->{id} ? "good" : "bad $o->{path}")' < out > records
	is "$1: every record is one that was written" "$(grep -c ' bad' records)" 0
	is "$1: in order, without a gap" "$(sed 1d records | cut -d' ' -f1 | xargs)" \
		"$(seq -s' ' $((written - $(sed 1d records | wc -l) + 1)) "$written")"
	is "$1: shown and lost make all" $(($(sed -n '1s/start //p' records) + $(sed 1d records | wc -l))) "$written"
}
# Rings that went round many times, with any record at the seam.
for last in 2 30 31 32 33 100 1000 1001 1002 1003 1004 1005 1006 1007; do
	records 1 $last | forge ring slots=64
	check "$last records" ring $last
done
ok "a ring that went round shows most of it" [ "$(wc -l < records)" -gt 20 ]
records 1 10 | forge small slots=4
check "a ring of four slots" small 10
like "people are told too" "$(log small | head -1)" ', [0-9]+ records lost\)$'

# The worst seam: the oldest slot in the ring is the end of a record, behind it stand bytes of an older
# one that look like a whole record.
for tail in 1 2 3 5 7 8 20 40 55; do
	{
		for i in {1..64}; do echo "1500 $((900 + i)) 0 4711 $OPEN 0 /old"; done
		echo "2000 1 0 4711 $OPEN 0 /$(printf "%0$((15 + tail))d" 0)"
		for i in {2..64}; do echo "$((2000 + i)) $i 0 4711 $OPEN 0 /new"; done
	} | forge seam slots=64
	is "a seam with $tail bytes: nothing old comes back" "$(log --json seam | grep -c '/old')" 0
	is "a seam with $tail bytes: the ids" "$(log --json seam | json '$o->{id}' | sed 1d | xargs)" \
		"$(log --json seam | json '$o->{id}' | sed 1d | sort -n | xargs)"
done

# A writer that died between reserving and publishing leaves a hole, and nothing else.
records 1 10 | forge hole slots=64 dead=3,9
is "writers that died" "$(log --json hole | json '$o->{id}' | sed 1d | xargs)" '1 2 3 5 6 7 8 9'
is "are counted" "$(log --json hole | head -1 | json '$o->{lost}')" 2
# In later laps, too: bytes of an older record, which the hole uncovers, are not taken for one.
records 1 100 | forge hole slots=64 dead=95
is "a hole in a later lap" "$(log --json hole | json '$o->{id}' | sed '1d' | tail -4 | xargs)" '97 98 99 100'
is "is counted" "$(log --json hole | head -1 | json '$o->{lost}')" $((100 - $(log --json hole | sed 1d | wc -l)))
# Reserved, but never written.
records 1 5 | forge reserved slots=64 next=40 records=9
is "reserved slots" "$(log --json reserved | json '$o->{id}' | sed 1d | xargs)" '1 2 3 4 5'
is "are counted too" "$(log --json reserved | head -1 | json '$o->{lost}')" 4
