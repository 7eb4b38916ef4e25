#!/usr/bin/env bash
# Whatever is wrong with the archive, the program runs as without it; and the log says once that it is off.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/archive.sh"
mkdir -m 777 logs
chmod 755 "$TMP"
for v in 1 2 3; do build "$v.so" -DVERSION=$v; done
steps=(open "$TMP/1.so" open "$TMP/2.so" close memfd "$TMP/3.so" value)

# disturbs_not NAME REASONS COMMAND...: prefix of the program; as without linger, with these reasons in the log.
disturbs_not() {
	local name=$1 reasons=$2 out
	shift 2
	run_plain plain "$HOST" "${steps[@]}"
	rm -f logs/two.*
	# To a pipe: files may be limited.
	out=$(LINGER=$(LINGER_SETTINGS=archive:$A${WORDS:+,$WORDS} words_for "$TMP/logs/two") \
		"$@" env LD_PRELOAD="$SHIM" "$HOST" "${steps[@]}" 2> "$TMP/two.err"
		echo "status $?")
	is "$name: as without linger" "$out$(cat two.err)" "$(cat plain plain.err)"
	[ "$reasons" = - ] || is "$name: what the log says" "$(reasons_of logs/two)" "$reasons"
}
OFF=' 1 archive-off;'

disturbs_not 'an archive' ''
is 'an archive: it is there' "$(count "$A/objects")" 5

# -- the directory
A=$TMP/none/of/these disturbs_not 'a directory in none' "$OFF"
: > file
A=$TMP/file disturbs_not 'a file for a directory' "$OFF"
A=$TMP/$(printf '%3500s' '' | tr ' ' x) disturbs_not 'a name that is too long' "$OFF"
mkdir -m 777 open
A=$TMP/open disturbs_not 'a directory that others may write to' "$OFF"
is 'and nothing was written there' "$(ls -A open)" ''
if [ "$(id -u)" = 0 ]; then
	mkdir -m 700 strangers && chown 65534 strangers
	A=$TMP/strangers disturbs_not "another user's directory" "$OFF"
	mkdir -m 755 roots
	A=$TMP/roots/archive disturbs_not 'a directory that may not be made' "$OFF" \
		setpriv --reuid=65534 --regid=65534 --clear-groups
else
	skip "directories of others" "only root can make them"
fi
relative() { (cd sub && "$@"); }
mkdir sub
A=relative disturbs_not 'a relative name' '' relative
is 'a relative name: is in the working directory' "$(count sub/relative/manifest)" 1

# -- the disk
space=(unshare -Urm)
"${space[@]}" true 2> /dev/null || space=(unshare -m)
mkdir disk
# on_disk OPTIONS COMMAND...: with that tmpfs at $TMP/disk, for the command alone.
on_disk() {
	"${space[@]}" bash -c 'mount -t tmpfs none "$0" && mkdir -m 700 "$0/archive" && mount -o "remount,$1" "$0" || exit
		"${@:2}"; status=$?; find "$0/archive/tmp" -mindepth 1 2>/dev/null | wc -l > "$0.left"; exit $status' "$TMP/disk" "$@"
}
if "${space[@]}" true 2> /dev/null; then
	for size in 4k 16k 40k 100k 200k 250k; do
		A=$TMP/disk/archive disturbs_not "a disk of $size" "$OFF" on_disk size=$size
		is "a disk of $size: nothing is left over" "$(cat disk.left)" 0
	done
	for inodes in 4 9 20; do
		A=$TMP/disk/archive disturbs_not "a disk with $inodes inodes" "$OFF" on_disk nr_inodes=$inodes
	done
	A=$TMP/disk/archive disturbs_not 'a read-only disk' "$OFF" on_disk ro
	A=$TMP/disk/archive disturbs_not 'a disk that nothing may be executed on' '' on_disk noexec
	no_proc() { "${space[@]}" bash -c 'mount -t tmpfs none /proc && "$@"' bash "$@"; }
	steps=(open "$TMP/1.so" open "$TMP/2.so" value close)
	new_archive
	disturbs_not 'no /proc' ' 1 file-gone;' no_proc
else
	skip 'disks' 'no mount namespace may be made here'
fi

# -- limits
steps=(open "$TMP/1.so" open "$TMP/2.so" value close)
for limit in 0 1 4 20 100 140; do
	new_archive
	reasons=-
	[ $limit = 140 ] && reasons=$OFF # where there may be a log
	disturbs_not "no file over $limit KiB" "$reasons" bash -c "ulimit -f $limit; exec \"\$@\"" bash
done
for limit in 4 5 6; do
	new_archive
	LINGER=policy:off,archive:$A LD_PRELOAD=$SHIM bash -c "ulimit -n $limit; exec \"\$@\"" bash "$HOST" "${steps[@]}" > two 2>&1
	bash -c "ulimit -n $limit; exec \"\$@\"" bash "$HOST" "${steps[@]}" > plain 2>&1
	is "$limit descriptors: as without linger" "$(cat two)" "$(cat plain)"
done
no_files() { "$@" <&- >&- 2>&-; }
new_archive
LINGER=policy:off,archive:$A LD_PRELOAD=$SHIM no_files "$HOST" "${steps[@]}"
is 'standard input, output and error are closed: status' $? 0
ok 'standard input, output and error are closed: archived' complete 1.so "$(key_of "$TMP/1.so")"

# -- what goes wrong in the middle
mkfifo in out
stopped_between() { # COMMAND: while the program is stopped
	"$HOST" open "$TMP/1.so" stop open "$TMP/2.so" value < in > out &
	exec 4> in 3< out
	read -r _ <&3; read -r _ <&3
	eval "$1"
	echo >&4
	exec 4>&-
	cat <&3
	wait $!
}
new_archive
rm -f two.log.*
is 'removed while the program runs: the program' "$(LINGER=policy:off,log:$TMP/two.log,archive:$A LD_PRELOAD=$SHIM \
	stopped_between 'rm -rf "$A"')" "$(stopped_between :)"
is 'removed while the program runs: off' "$(reasons_of two.log)" "$OFF"

# -- files that are not archived
cp 1.so large.so
truncate -s 200M large.so
sleep 0.05 # what is younger is tried again
steps=(open "$TMP/large.so" close open "$TMP/large.so")
new_archive
disturbs_not 'a large file' ' 1 not-archived;'
is 'a large file: it is listed' "$(lines open "$TMP/large.so" | awk '{ print $6, $7 }' | sort -u)" "$(build_id_of 1.so) -"
ok 'a large file: nothing is kept of it' test "$(du -sm "$A" | cut -f1)" -lt 20
is 'a large file: nothing is left over' "$(leftovers)" 0
mkfifo fifo
echo text > text.so
head -c 100 1.so > cut.so
for f in fifo text.so cut.so sub nowhere.so ''; do
	steps=(noload "$TMP/$f" open "$TMP/$f")
	[ "$f" = fifo ] && steps=(noload "$TMP/none.so") # glibc would wait for a writer
	run_plain plain timeout 60 "$HOST" "${steps[@]}"
	archived two timeout 60 "$HOST" "${steps[@]}"
	is "dlopen of '$f': as without linger" "$(cat two two.err)" "$(cat plain plain.err)"
	is "dlopen of '$f': nothing to be said" "$(reasons_of two.log)" ''
done
archived two timeout 60 "$(host keeps_errors)" "$(plug base)" "$(plug deep)"
run_plain plain timeout 60 "$(host keeps_errors)" "$(plug base)" "$(plug deep)"
is 'errno and dlerror: as without linger' "$(cat two two.err)" "$(cat plain plain.err)"

# -- a sandbox of the program's own
cat > sandbox.c <<'END'
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
/* Kills for what a program that only loads never does. */
int main(int argc, char **argv)
{
	static const int calls[] = { SYS_mkdirat, SYS_renameat2, SYS_unlinkat, SYS_linkat, SYS_symlinkat, SYS_flock };
	struct sock_filter f[32] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
	struct sock_fprog p = { 1, f };
	for (unsigned i = 0; i < 6; i++) {
		f[p.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ, calls[i], 0, 1);
		f[p.len++] = (struct sock_filter)BPF_STMT(BPF_RET, SECCOMP_RET_KILL_PROCESS);
	}
	f[p.len++] = (struct sock_filter)BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
		return 2;
	for (int i = 1; i < argc; i++)
		puts(dlopen(argv[i], RTLD_NOW) ? "loaded" : dlerror());
	return argc == 1;
}
END
"$CC" -o sandbox sandbox.c || bail 'cannot build'
new_archive
archived two ./sandbox "$TMP/1.so" "$TMP/2.so"
is 'a sandbox: the program' "$(cat two)" $'loaded\nloaded\nstatus 0'
is 'a sandbox: off' "$(reasons_of two.log)" "$OFF"
