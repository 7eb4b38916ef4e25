#!/bin/bash
# perf_is_wrapped_with_care.t - what `linger perf` leaves as it was, and what it says when something is wrong.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # names here are of one word
. "$(dirname "$0")/profiles.sh"

host dwarf
plugin dwarf a "$TMP/a.so"
work=(./host_dwarf open "$TMP/a.so" a run a 0.05)

# The user's configuration holds, but for the two words that linger needs; the program sees none of it.
printf '[report]\n\tpercent-limit = 7\n[buildid]\n\tdir = /nowhere\n[record]\n\tbuild-id = cache' >"$HOME/.perfconfig"
linger_perf config -l >words 2>&1
like "the user's words are perf's" "$(cat words)" 'report.percent-limit=7'
like "the archive is, too" "$(cat words)" "buildid.dir=$ARCHIVE"
like "and build-ids are recorded" "$(cat words)" 'record.build-id=mmap'
printf '[report]\n\tpercent-limit = 8\n' >other
like "PERF_CONFIG is the user's words, where it is set" "$(PERF_CONFIG=$TMP/other linger_perf config -l)" 'report.percent-limit=8'
# shellcheck disable=SC2016
is "the program has no PERF_CONFIG" "$(linger_perf record -q -e cpu-clock:u -o data sh -c 'echo ${PERF_CONFIG-none}')" none
# shellcheck disable=SC2016
is "or the one that there was" \
	"$(PERF_CONFIG=$TMP/other linger_perf record -q -e cpu-clock:u -o data sh -c 'echo $PERF_CONFIG')" "$TMP/other"
is "nothing is put into the user's home" "$(ls -A "$HOME")" .perfconfig
rm "$HOME/.perfconfig"

# Words are perf's own, in all the forms that it takes them.
in_it() { "$LINGER_CMD" perf --archive "$ARCHIVE" record "$@" 2>&1; }
report=(sh -c 'grep -c liblinger.so /proc/$$/maps')
for form in "-qe cpu-clock:u -odata" "--event=cpu-clock:u -F 100 --output data -g" \
	"-e cpu-clock:u --call-graph dwarf,4096 -o data --" "-e cpu-clock:u -c 1000000 --user-regs=ip --out data -k mono"; do
	rm -f data
	# shellcheck disable=SC2086
	said=$(in_it -q $form "${report[@]}")
	like "record $form: linger is in the program" "$said" '^[1-9]'
	ok "record $form: perf wrote where it was told" [ -s data ]
done
clock() { "$LINGER_CMD" perf report -i data --header-only 2>&1 | grep -o 'clockid: [a-z]*'; }
in_it -q -e cpu-clock:u -o data true
is "times are those of CLOCK_MONOTONIC" "$(clock)" 'clockid: monotonic'
in_it -q -e cpu-clock:u -o data -k boottime true
is "unless another clock is named" "$(clock)" 'clockid: boottime'
in_it -q -e cpu-clock:u -o data sh -c 'exit 3'
is "the status is the program's, by perf" $? 3
linger_perf record -q -e cpu-clock:u -o - true >streamed 2>said
is "a stream stays one" "$(head -c 8 streamed)" PERFILE2
is "and nothing is said about it" "$(cat said)" ''
in_it -h >said
like "help is perf's own" "$(cat said)" 'Usage: perf record'

# A program without linger among those that are recorded: what is still there at the end is kept.
for row in s t; do plugin dwarf $row "$TMP/$row.so"; done
plugin dwarf t "$TMP/t.so" -Wl,--build-id=none
LINGER=children:off "$LINGER_CMD" perf --archive "$TMP/after" record "${EVENT[@]}" -o after.data sh -c \
	"./host_dwarf open $TMP/s.so s run s 0.05 open $TMP/t.so t run t 0.05; :" >after.phases 2>&1
is "linger is not in that program" "$(grep -l s.so after/manifest/* | wc -l)" 0
rm s.so t.so
names=$("$LINGER_CMD" perf --archive "$TMP/after" script -i after.data -F ip,sym 2>&1 | grep -c ' leaf_[st]$')
ok "a program without linger has its names, too" [ "$names" -gt 60 ]

# perf 6.1 dies of SIGPIPE at the first sample in a file that is gone.
cp a.so gone.so
perf record "${EVENT[@]}" -N -o gone ./host_dwarf open "$TMP/gone.so" a run a 0.05 rm "$TMP/gone.so" >said 2>&1
linger_perf script -i gone -F +srcline >said 2>/dev/null
is "lines of a file that is gone: perf lives" $? 0
ok "and shows every sample" [ "$(grep -c 'cpu-clock:u' said)" -gt 20 ]
# A pipe whose reader has gone already: one that goes meanwhile may have found room for everything.
mkfifo pipe
exec 8<>pipe
exec 9>pipe 8<&-
linger_perf script -i gone >&9 2>/dev/null
is "it ends when nobody reads on" $? 141
exec 9>&-

# What is wrong is said in one sentence, with what to do.
wrong() { is "$1" "$("${@:4}" 2>&1; echo $?)" "$2"$'\n'"$3"; }
mkdir empty
PATH=$TMP/empty wrong "no perf" 'linger perf: there is no perf: install the Debian package linux-perf' 127 \
	"$LINGER_CMD" perf --archive "$ARCHIVE" record true
PATH=$TMP/empty wrong "no perf to report" 'linger perf: there is no perf: install the Debian package linux-perf' 127 \
	"$LINGER_CMD" perf --archive "$ARCHIVE" report
in_it -q -e cpu-clock:u -z -o small "${work[@]}" >said
like "a compressed recording that is made" "$(cat said)" 'small is compressed \(record -z\), which cannot be repaired; record without -z'
fix() { "$LINGER_CMD" perf --archive "$ARCHIVE" fix "$@"; }
wrong "a compressed recording" 'linger perf fix: small is compressed (record -z), which cannot be repaired; record without -z' 1 fix small
wrong "a stream" 'linger perf fix: streamed is what perf writes into a pipe (record -o -), which cannot be repaired; record into a file' 1 fix streamed
wrong "no recording" 'linger perf fix: host_dwarf is no recording of perf' 1 fix host_dwarf
wrong "an empty file" 'linger perf fix: /dev/null is no file' 1 fix /dev/null
wrong "a directory" 'linger perf fix: empty is a recording of several files (record --threads), which cannot be repaired; record without --threads' 1 fix empty
wrong "no file" 'linger perf fix: absent cannot be read: No such file or directory' 1 fix absent
{ printf 2ELIFREP; tail -c +9 data; } >foreign
wrong "another byte order" 'linger perf fix: foreign was recorded on a machine of another byte order; repair it there' 1 fix foreign
head -c 300 data >short
like "a file that was cut" "$(fix short 2>&1)" '^linger perf fix: short is (incomplete|damaged)'
wrong "no archive" "linger perf fix: data cannot be repaired from the archive $TMP/nothing: there is none" 1 \
	"$LINGER_CMD" perf --archive "$TMP/nothing" fix data
wrong "no process" 'linger perf rescue: there is no process 999999999' 1 "$LINGER_CMD" perf rescue 999999999 -o "$TMP/rescued"
wrong "no subcommand" 'linger perf: name a subcommand of perf, fix or rescue; `linger perf --help` says more' 2 "$LINGER_CMD" perf

# Whatever bytes a recording has: fix says yes or no.
in_it -q -e cpu-clock:u -o data --call-graph dwarf,512 "${work[@]}" >said
ends=$(perl -e '
	local $/; open my $in, "<", "data"; my $all = <$in>; srand(7); my %ends;
	for my $i (1 .. 80) {
		my $bytes = $all;
		substr($bytes, int(rand($_ % 2 ? 400 : length $bytes)), 1) = chr int rand 256 for 1 .. 1 + rand 6;
		open my $out, ">", "bad"; print $out $bytes; close $out;
		system "$ENV{LINGER_CMD} perf --archive $ENV{ARCHIVE} fix -o worse bad >/dev/null 2>&1";
		$ends{$? & 127 ? "signal" : $? >> 8}++;
	}
	print join " ", sort keys %ends' )
is "damaged recordings are repaired or refused" "$ends" '0 1'

# A container whose filter refuses: said as such, and a test of this folder is skipped there with that reason.
compile -o refuses "$HERE/refuses.c"
like "the kernel refuses: what could be the reason" "$(./refuses "$LINGER_CMD" perf --archive "$ARCHIVE" record true 2>&1)" \
	'refuses to record \(perf_event_open: Operation not permitted\), although .* filter of a container'
like "a test is skipped there" "$(./refuses "$HERE/fix_repairs_what_perf_recorded.t" 2>&1)" '^ok 1 - fix_repairs[a-z_]* # SKIP the kernel refuses to record'

# Another user: what the settings of the kernel allow.
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$TMP"
	mkdir -m 777 theirs
	cp "$LINGER_CMD" "$SHIM" theirs/
	user() { (cd theirs && HOME=$TMP/theirs setpriv --reuid 65534 --clear-groups --inh-caps=-all ./linger perf --archive ./archive "$@"); }
	said=$(user record -q -e cpu-clock:u -o data true 2>&1)
	status=$?
	if [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -gt 2 ]; then
		like "not permitted: which setting" "$said" 'kernel.perf_event_paranoid=2'
	else
		is "a user may record what is theirs" "$said $status" ' 0'
	fi
	like "the whole system: which setting" "$(user record -a -e cpu-clock -o data true 2>&1)" \
		'may not record the whole system: kernel.perf_event_paranoid is [0-9]; as root, `sysctl kernel.perf_event_paranoid=0`'
	like "files of another user's process" "$(user rescue $$ 2>&1)" 'may not be read; it takes root'
fi
