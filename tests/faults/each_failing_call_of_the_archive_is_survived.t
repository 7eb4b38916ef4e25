#!/usr/bin/env bash
# Every system call that the shim makes to archive a program and a library fails in turn, with two errors
# each; the program must not notice, and what is archived all the same is what its key says.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/faults.sh"
cp "$O/tests/plug_base.so" "$TMP/p.so"
new_archive() { rm -rf "$TMP/archive"; }
before_each=new_archive

# places TRACE: "NAME K PLACE" of the shim's calls: the K-th of that name, from which place in the shim.
places() {
	perl -ne '
		/^\[(\w+)\] (\w+)\((.*)/ or next;
		my ($ip, $name, $rest) = (hex $1, $2, $3);
		$n{$name}++;
		$fd = $1 if $name eq "openat" && $rest =~ m{/liblinger\.so".* = (\d+)$};
		if (!$lo && $name eq "mmap" && defined $fd && $rest =~ /^NULL, (\d+), .*, $fd, 0\) = (\w+)$/) {
			($lo, $hi) = (hex $2, (hex $2) + $1);
		}
		printf "%s %d %x\n", $name, $n{$name}, $ip - $lo if $lo && $ip >= $lo && $ip < $hi;' "$1"
}
trace_host "$TMP/p.so" -i
places "$TMP/trace" | cut -d' ' -f3 | sort -u > "$TMP/without"
LINGER_SETTINGS=archive:$TMP/archive
for _ in 1 2 3 4 5; do # the time for it may be up, since strace takes its own
	trace_host "$TMP/p.so" -i
	[ "$(find "$TMP/archive/objects" -name elf | wc -l)" = 3 ] && break
done
mv "$TMP/archive" "$TMP/right"

# Of what is called again and again from one place the first two: reads of an ELF file, piece by piece.
calls=$(places "$TMP/trace" | grep -vwFf "$TMP/without" | awk '++n[$3] <= 2 { print $1, $2 }')
count=$(wc -l <<<"$calls")
ok "there are many ($count)" test "$count" -ge 60
for name in openat mkdirat pread64 pwrite64 linkat symlinkat renameat2 flock ioctl newfstatat; do
	like "among them $name" "$calls" "$name"
done
is_right() {
	local key
	for key in "$TMP"/archive/objects/*; do
		[ ! -e "$key" ] || cmp "$key/elf" "$TMP/right/objects/${key##*/}/elf" 2>&1
	done
}
after_each=is_right
each_fails "$calls"
