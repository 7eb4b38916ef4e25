#!/bin/bash
# a_start_that_fails_lets_the_program_run.t - whatever linger cannot have at its start or later (a log,
# memory, /proc, a working directory, file descriptors, system calls): the program runs as it would,
# and linger itself goes on without what is missing, or switches itself off.
# Argument: the policy, `off` if there is none.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
export POLICY=${1:-off}
[ "$POLICY" = off ] || export KEEPS=1
mapfile -t paths < <(copies 3 base)
quiet=("$(host is_quiet)" 30 "${paths[@]}")

# try NAME STATUS COMMAND...: the command's status, and that nothing but the program spoke.
try() {
	local name=$1 wanted=$2
	shift 2
	"$@" > try.out 2> try.err
	is "$name: status" $? "$wanted"
	is "$name: nobody speaks" "$(cat try.out try.err)" ''
}
with() { LINGER=$1 LD_PRELOAD=$SHIM "${@:2}"; }
# 42: without linger, 43: with it. The first two show that the rest would notice the difference.
try 'without linger' 42 "${quiet[@]}"
try 'with it' 43 with "policy:$POLICY,log:$TMP/fine" "${quiet[@]}"
try 'LINGER=off' 42 with "off,log:$TMP/off" "${quiet[@]}"
ok 'LINGER=off: no log' test -z "$(compgen -G 'off.*')"

# -- the log
try 'a log in a directory that is not there' 43 with "policy:$POLICY,log:$TMP/no/such/place" "${quiet[@]}"
try 'a log in a place that is a file' 43 with "policy:$POLICY,log:$TMP/base1.so/log" "${quiet[@]}"
mkdir mine && chmod 0 mine
nobody=()
[ "$(id -u)" != 0 ] || nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
mkdir open && cp -r "$SHIM" "$(host is_quiet)" "${paths[@]}" open && chmod -R a+rX . && chmod 0 mine
try 'a log in a directory that may not be written' 43 \
	${nobody[@]+"${nobody[@]}"} env LINGER="policy:$POLICY,log:$TMP/mine/log" LD_PRELOAD="$TMP/open/liblinger.so" \
	"$TMP/open/host_is_quiet" 3 "$TMP/open/base1.so"
try 'a log with a name that is too long' 43 with "policy:$POLICY,log:$TMP/$(printf 'x%.0s' {1..300})" "${quiet[@]}"
try 'a relative log' 43 with "policy:$POLICY,log:relative" "${quiet[@]}"
ok 'a relative log: is in the working directory' test -n "$(compgen -G 'relative.*')"
in_no_directory() {
	mkdir gone && (cd gone && rmdir ../gone && "$@")
}
try 'a working directory that was removed' 43 in_no_directory with "policy:$POLICY,log:${TMP##*/}" "${quiet[@]}"
is 'a working directory that was removed: no log in /' "$(compgen -G "/${TMP##*/}.*")" ''
rm -f "/${TMP##*/}".*

# on_small_disk KIB COMMAND...: with a disk of that size at $TMP/disk, for the command alone.
mkdir disk
on_small_disk() {
	"${space[@]}" bash -c 'mount -t tmpfs -o "size=$1k" none "$0" || exit; "${@:2}"' "$TMP/disk" "$@"
}
many=("$(host is_quiet)" 2000 "${paths[@]}")
# A mount namespace, where one may be had: containers often forbid it.
space=(unshare -Urm)
"${space[@]}" true 2> /dev/null || space=(unshare -m)
if "${space[@]}" true 2> /dev/null; then
	try 'a disk without any room' 43 on_small_disk 4 env LINGER="policy:$POLICY,log:$TMP/disk/log" LD_PRELOAD="$SHIM" \
		"${quiet[@]}"
	try 'a disk that fills up in the middle' 43 on_small_disk 200 env LINGER="policy:$POLICY,log:$TMP/disk/log" \
		LD_PRELOAD="$SHIM" "${many[@]}"
	is 'a disk that fills up: what did not fit is counted' "$(on_small_disk 200 bash -c '
		LINGER=policy:$POLICY,log:$0/log LD_PRELOAD=$1 "${@:3}"
		"$2" log --json "$0"/log.* | head -n 1 | grep -c "\"lost\":[1-9]"' \
		"$TMP/disk" "$SHIM" "$LINGER_CMD" "${many[@]}")" 1
else
	skip 'a small disk' 'no mount namespace may be made here'
fi
for limit in 40 128 200; do
	try "no file over $limit KiB (RLIMIT_FSIZE)" 43 \
		bash -c "ulimit -f $limit; exec \"\$@\"" bash env LINGER="policy:$POLICY,log:$TMP/limit$limit" \
		LD_PRELOAD="$SHIM" "${many[@]}"
done

# -- what a process stands on
without_proc() {
	"${space[@]}" bash -c 'mount -t tmpfs none /proc && "$@"' bash "$@"
}
if "${space[@]}" true 2> /dev/null; then
	try '/proc is not mounted' 43 without_proc env LINGER="policy:$POLICY,log:$TMP/noproc" \
		LD_PRELOAD="$SHIM" "${quiet[@]}"
else
	skip '/proc is not mounted' 'no mount namespace may be made here'
fi
no_files() { "$@" <&- >&- 2>&-; }
try 'standard input, output and error are closed' 43 no_files with "policy:$POLICY,log:$TMP/nofiles" "${quiet[@]}"
# What a program finds open behind our start.
echo 'for fd in 0 1 2 3 4 5; do [ -e /proc/$$/fd/$fd ] && echo $fd; done > "$1"' > descriptors
for closed in '<&-' '>&-' '2>&-' '<&- >&- 2>&-'; do
	bash -c "exec $closed; exec bash descriptors $TMP/plain.fds"
	with "policy:$POLICY,log:$TMP/files" bash -c "exec $closed; exec bash descriptors $TMP/linger.fds"
	is "descriptors after $closed: none is ours" "$(cat linger.fds)" "$(cat plain.fds)"
done
try 'four file descriptors at most' 43 bash -c 'ulimit -n 4; exec "$@"' bash \
	env LINGER="policy:$POLICY,log:$TMP/four" LD_PRELOAD="$SHIM" "${quiet[@]}"
try 'a stack of 64 KiB' 43 bash -c 'ulimit -s 64; exec "$@"' bash \
	env LINGER="policy:$POLICY,log:$TMP/stack" LD_PRELOAD="$SHIM" "${quiet[@]}"

# Less and less memory: the log's mapping goes, then the registry's, then the shim itself is refused by
# the loader. At each size the program runs, or finds out by itself that there is too little.
worst=''
reached=''
for ((kib = 3000; kib <= 12000; kib += 250)); do
	bash -c "ulimit -v $kib; LINGER=policy:$POLICY,log:$TMP/as LD_PRELOAD=$SHIM exec \"\$@\"" bash \
		"${quiet[@]}" > /dev/null 2>&1
	status=$?
	reached+=" $status"
	case $status in 42 | 43 | 1 | 127) ;; *) worst+=" $kib KiB: $status" ;; esac
done
is 'RLIMIT_AS from 3 to 12 MiB: nobody is killed' "$worst" ''
like 'RLIMIT_AS: from refused to enough' "$reached" '127.* 43$'

# -- system calls that are refused (numbers of x86-64), by EPERM and ENOSYS
if [ "$(uname -m)" = x86_64 ]; then
	for call in fallocate=285 ftruncate=77 madvise=28 readlinkat=267 prlimit64=302 renameat2=316 \
		gettid=186 getppid=110 clock_gettime=228 getcwd=79 writable-shared-mmap=shared \
		fallocate+pwrite=285,18 getpid=39 all-of-them=285,18,77,28,267,302,316,186,110,228,79,shared,39; do
		# Without a thread's number the loader's locks are not found.
		case $call in *=*186*) short=held ;; *) short=1 ;; esac
		for errno in 1 38; do
			KEEPS=${KEEPS:+$short} try "${call%=*} fails with errno $errno" 43 "$(host filters)" $errno "${call#*=}" \
				env LINGER="policy:$POLICY,log:$TMP/seccomp" LD_PRELOAD="$SHIM" "${quiet[@]}"
		done
	done
else
	skip 'seccomp filters' 'their numbers are those of x86-64'
fi

# -- settings; the default policy where none was understood, so what is closed is kept
LINGER=help,policy:$POLICY,log:$TMP/help LD_PRELOAD=$SHIM "${quiet[@]}" > help.out 2> help.err
is 'LINGER=help: status' $? 43
is 'LINGER=help: nothing on standard output' "$(cat help.out)" ''
like 'LINGER=help: the table on standard error' "$(cat help.err)" 'log:FILE.*children:on'
LINGER=$(printf 'x%.0s' {1..40000}) KEEPS=1 LD_PRELOAD=$SHIM "${quiet[@]}" > long.out 2> long.err
is 'a word of 40,000 characters: status' $? 43
ok 'a word of 40,000 characters: two short complaints' \
	test "$(wc -l < long.err)" -eq 2 -a "$(wc -c < long.err)" -lt 1000
words=$(printf 'nonsense%d,' {1..4000})
LINGER=${words}policy:$POLICY,log:$TMP/cut KEEPS=1 LD_PRELOAD=$SHIM "${quiet[@]}" > words.out 2> words.err
is '4,000 unknown words: status' $? 43
is '4,000 unknown words: the program said nothing' "$(cat words.out)" ''
LINGER='policy:,:,::,log,log:,=,\,log_max:99999999999999999999,children:maybe,help:1,off:on' \
	KEEPS=1 LD_PRELOAD=$SHIM "${quiet[@]}" > odd.out 2> odd.err
is 'odd words: status' $? 43
ok 'odd words: each is named' test "$(wc -l < odd.err)" -ge 9
is 'no word at all: status' "$(LINGER='' KEEPS=1 LD_PRELOAD=$SHIM "${quiet[@]}"; echo $?)" 43
