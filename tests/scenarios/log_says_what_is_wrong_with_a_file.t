#!/bin/bash
# log_says_what_is_wrong_with_a_file.t - one sentence for each, status 1, and whatever can be read of a
# log is printed all the same.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/log.sh"

mkdir directory
mkfifo pipe
: > empty
head -c 100000 /dev/zero > zeros
seq 100000 > text
echo LINGER > short
for i in {1..30}; do echo "$((1000 + i)) $i 0 4711 $OPEN 0 /lib/object-number-$i.so"; done | forge whole
forge version1 version=1 < /dev/null
forge no_slots slots=0 < /dev/null
forge many_slots slots=1152921504606846976 next=1152921504606846976 < /dev/null
forge large_index next=18446744073709551615 < /dev/null
forge small_head head_size=64 < /dev/null

refused "a missing file" 1 'nothing: there is no such file, and no nothing\.PID' nothing
refused "a missing directory" 1 'there is no such file' nowhere/log
refused "a directory" 1 'directory is a directory; name a log file' directory
refused "a pipe" 1 'pipe is not a regular file' pipe
refused "a device" 1 'is not a regular file' /dev/zero
refused "an empty file" 1 'empty is empty: its process ended before it wrote anything' empty
refused "a log that was not begun" 1 'zeros has no start record' zeros
refused "a text" 1 'text is not a log of linger' text
refused "a short text" 1 'short is not a log of linger' short
refused "another version" 1 'version1 is a log of format 1 and this linger reads format 5' version1
refused "no slots" 1 'is damaged: its start record contradicts itself' no_slots
refused "more slots than a file can have" 1 'is damaged' many_slots
refused "more records than there is time for" 1 'is damaged' large_index
refused "a ring within the head" 1 'is damaged' small_head
if [ "$(id -u)" != 0 ]; then
	cp whole secret && chmod 0 secret
	refused "one that may not be read" 1 'secret cannot be read: Permission denied' secret
fi

# Cut off at every place that matters: what is there is printed first.
for size in 8 55; do
	head -c $size whole > cut.bin
	refused "cut after $size bytes" 1 "cut\.bin is cut off after $size bytes, within its start record" cut.bin
	is "cut after $size bytes: nothing to print" "$(cat out)" ''
done
head -c 80 whole > cut.bin
refused "cut behind the times" 1 'is cut off: it has 80 of 12288 bytes' cut.bin
is "cut behind the times: the start record" "$(grep -c ' start ' out)" 1
head -c 2000 whole > cut.bin
refused "cut within the head" 1 'cut\.bin is cut off: it has 2000 of 12288 bytes.*30 records are lost' cut.bin
is "cut within the head: the start record" "$(grep -c ' start ' out)" 1
head -c $((8192 + 20 * 64 + 10)) whole > cut.bin
refused "cut within the ring" 1 'is cut off: it has 9482 of 12288 bytes.*20 records are lost' cut.bin
is "cut within the ring: what is there" "$(grep -c ' open ' out)" 10
is "cut within the ring: the start record counts the rest" "$(log --json cut.bin | head -1 | json '$o->{lost}')" 20
head -c 8192 whole > cut.bin
refused "cut behind the head" 1 '30 records are lost' cut.bin

# One bad file among good ones takes nothing from them.
log --json empty whole version1 missing > out
is "several: status" $? 1
is "several: the good one is printed" "$(grep -c '"event":"open"' out)" 30
is "several: a sentence for each bad one" "$(sed 's/^linger log: \([a-z0-9]*\).*/\1/' err | sort | xargs)" 'empty missing version1'

# A head that lies about what was written, and records no process writes.
echo "1001 1 0 4711 $OPEN 0 /x" | forge liar next=9223372036854775807 records=18446744073709551615
log --json liar > out
is "a head that promises too much" "$(wc -l < out)" 1
forge strange << END
1001 1 0 4711 99 0 /unknown-event
1002 1 0 4711 $OPEN 99 /unknown-reason
1003 1 0 0 $OPEN 0 /no-thread
999 1 0 4711 $OPEN 0 /before-the-start
1004 1 0 4711 $START 0 /second-start
1005 1 0 4711 $OPEN 0 /good
END
is "records no process writes are left out" "$(log --json strange | json '"$o->{event} $o->{path} $o->{lost}"' | xargs)" \
	'start /bin/forged 5 open /good'

# Any two bytes changed, anywhere in the head or the first records: never a crash, never nonsense.
bad=0
for at in $(seq 8 2 100) $(seq 8192 2 8400); do
	cp whole hostile
	printf '\377\377' | dd of=hostile bs=1 seek="$at" conv=notrunc status=none
	timeout 20 "$LINGER_CMD" log --json --calls hostile > out 2> err
	status=$?
	[ $status -le 1 ] || { echo "# at $at: status $status"; bad=1; }
done
is "changed bytes are survived" $bad 0
