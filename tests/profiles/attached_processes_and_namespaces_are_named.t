#!/bin/bash
# attached_processes_and_namespaces_are_named.t - a process that runs already, with a library that is deleted:
# without linger (its files are rescued), and with it; and one in a mount namespace that is gone.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # names here are of one word
. "$(dirname "$0")/profiles.sh"

for how in dwarf fp; do host $how; done
plugin dwarf j "$TMP/j.dwarf.so"
plugin fp j "$TMP/j.fp.so"
plugin dwarf k "$TMP/k.dwarf.so" -Wl,--build-id=none
plugin fp k "$TMP/k.fp.so" -Wl,--build-id=none
for how in dwarf fp; do
	plugin $how m "$TMP/m.$how.so"
	plugin $how mx "$TMP/mx.$how.so"
done

# attach WHO HOW NAME [linger]: WHO attaches to the host (with linger in it), which has deleted its libraries. With
# linger it has also closed one, which it goes on using; of what is in the file by then nothing runs.
attach() {
	local who=$1 how=$2 name=$3 pid recorder start=() more=()
	ARCHIVE=$TMP/archive.$name
	if [ $# -ge 4 ]; then
		start=("$LINGER_CMD" run --archive="$ARCHIVE")
		more=(open "$TMP/m.$how.so" m close cp "$TMP/mx.$how.so" "$TMP/m.$how.so")
	fi
	cp j.$how.so $name.j.so && cp k.$how.so $name.k.so
	mkfifo $name.ready $name.go $name.control $name.ack
	# shellcheck disable=SC2086
	"${start[@]}" ./host_$how open $TMP/$name.k.so k open $TMP/$name.j.so j rm $TMP/$name.k.so rm $TMP/$name.j.so \
		"${more[@]}" ready $name.ready wait $name.go ${start:+run m $SECONDS_A_ROW back} \
		run j "$SECONDS_A_ROW" back run k "$SECONDS_A_ROW" >$name.phases &
	pid=$!
	: <$name.ready
	"$who" record "${EVENT[@]}" -k CLOCK_MONOTONIC --call-graph "$(graph "$how")" -o $name -p $pid -D -1 \
		--control fifo:$name.control,$name.ack >$name.log 2>&1 &
	recorder=$!
	# The recording goes on when perf says so, and ends with the program.
	exec 8<>$name.ack
	echo enable >$name.control
	read -r _ <&8
	exec 8<&-
	: >$name.go
	wait $pid $recorder
	measure "$who" $name >$name.rows
}
value() { awk -v row="$2" -v column="$3" '$1 == row { print $(column + 1) }' "$1.rows"; }
all() { echo "$(value "$1_dwarf" "$2" 2)/$(value "$1_dwarf" "$2" 3)/$(value "$1_dwarf" "$2" 4)/$(value "$1_fp" "$2" 4)"; }

for how in dwarf fp; do
	attach plain $how plain_$how
	attach linger_perf $how linger_$how
	attach linger_perf $how with_$how linger
done
echo "# percent of the samples: name/line/chain by DWARF/chain by frame pointers"
printf '# %-45s %-18s %s\n' '' "perf" 'linger perf'
printf '# %-45s %-18s %s\n' 'j attached, deleted' "$(all plain j)" "$(all linger j)"
printf '# %-45s %-18s %s\n' 'j the same, with linger in the process' '' "$(all with j)"
printf '# %-45s %-18s %s\n' 'j2 the same, no build-id' "$(all plain k)" "$(all linger k)"
printf '# %-45s %-18s %s\n' 'j2 the same, no build-id, with linger' '' "$(all with k)"
printf '# %-45s %-18s %s\n' 'm closed, kept, overwritten, attached' '' "$(all with m)"
ok "j has samples" [ "$(value linger_dwarf j 1)" -ge 50 ]
is "j: attached to a process without linger" "$(all linger j)" 100/100/100/100
is "j: attached to a process with linger" "$(all with j)" 100/100/100/100
is "j2: no build-id, without linger" "$(all linger k)" 100/100/100/100
is "j2: no build-id, with linger" "$(all with k)" 100/100/100/100
is "m: closed, kept by linger, and overwritten" "$(all with m)" 100/100/100/100

# A private mount namespace, of which nothing is left. What could be looked up by name afterwards is another file.
plugin dwarf l "$TMP/l.dwarf.so"
plugin fp l "$TMP/l.fp.so"
mkdir inside
# within HOW: the host with a library in a file system that only it sees.
cat >within.sh <<'END'
mount -t tmpfs none "$1" && cp "$2" "$1/l.so" && shift 2 && exec "$@"
END
if unshare -m true 2>/dev/null; then
	for how in dwarf fp; do
		for who in plain linger_perf; do
			record $who $how ${who}_l_$how unshare -m sh within.sh inside l.$how.so \
				./host_$how open "$TMP/inside/l.so" l run l "$SECONDS_A_ROW" || bail "nothing was recorded"
			measure $who ${who}_l_$how >${who}_l_$how.rows
		done
	done
	printf '# %-45s %-18s %s\n' 'l mount namespace that is gone' "$(all plain_l l)" "$(all linger_perf_l l)"
	is "l: in a mount namespace that is gone" "$(all linger_perf_l l)" 100/100/100/100
else
	skip "l: in a mount namespace that is gone" "no mount namespace may be made here"
fi
grep -h "^#" linger_*.rows with_*.rows || : # where a sample is wrong: which
