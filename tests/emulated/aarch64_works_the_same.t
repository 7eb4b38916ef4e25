#!/usr/bin/env bash
# The shim for aarch64, run by qemu: the stubs, the notices, the private fields of another build of
# glibc, a program with holes between its segments, a process without a vDSO.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2054 # options of the linker
. "$(dirname "$0")/../lib.sh"
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need qemu-aarch64 qemu-user

arm=$O/aarch64
make -s -C "$ROOT" CC=aarch64-linux-gnu-gcc ARCH=aarch64 O="$arm" DEVELOPER=1 "$arm/liblinger.so" >"$TMP/make" 2>&1 ||
	bail "the build for aarch64 failed: $(tail -3 "$TMP/make")"
aarch64-linux-gnu-gcc -I"$ROOT/core" -o "$TMP/host" "$ROOT/tests/hosts/host_opens_twice.c" ||
	bail "the host does not build"

run() { qemu-aarch64 -L /usr/aarch64-linux-gnu "$@" "$TMP/host" libm.so.6 sin; }
plain=$(run)
# as_with LOG CLOSED NAME: with linger, POLICY and a log. What is CLOSED is known then, or not.
as_with() {
	local log=$TMP/$1 under
	# qemu's -E takes a comma for the end of a variable.
	under=$(LINGER=$(words_for "$log") run -E "LD_PRELOAD=$arm/liblinger.so")
	is "$3: the program sees the same" "$(grep -v ^linger <<<"$under")" "$(grep -v ^linger <<<"$plain")"
	is "$3: linger knows its objects" "$(grep ^linger <<<"$under")" \
		"linger: main known, loaded known, closed $2, namespace known"
	is "$3: no part had to be switched off" "$(events "$log" error)" ''
	is "$3: each opening is in the log" "$(events "$log" open | grep -c libm.so.6)" 2
}
like "without linger" "$plain" 'linger: absent'
as_with off unknown "as glibc unloads"
is "each unloading is in the log" "$(events "$TMP/off" unload | grep -c libm.so.6)" 2
POLICY=never as_with kept known "where linger keeps"
is "nothing is unloaded" "$(events "$TMP/kept" unload)" ''
is "but kept" "$(events "$TMP/kept" keep | grep -c 'libm.so.6.*"reason":"policy"')" 2

# The stub of dlopen gives the loader another path.
cp /usr/aarch64-linux-gnu/lib/libm.so.6 "$TMP/p.so"
LINGER_SETTINGS=archive:$TMP/archive,archive_mode:open
LINGER=$(words_for "$TMP/archived") qemu-aarch64 -L /usr/aarch64-linux-gnu -E "LD_PRELOAD=$arm/liblinger.so" "$TMP/host" "$TMP/p.so" sin > "$TMP/out"
like "a library is loaded from the archive" "$(events "$TMP/archived" open)" "\"path\":\"$TMP/archive/objects/[0-9a-f-]+/p.so\""
is "and the program sees the same" "$(grep -v ^linger "$TMP/out")" \
	"$(qemu-aarch64 -L /usr/aarch64-linux-gnu "$TMP/host" "$TMP/p.so" sin | grep -v ^linger)"

# A redirect in slots that are bound at the first call, and in some that are read-only by then.
from=$ROOT/tests/redirects
cd "$TMP" || exit
for how in lazy now; do
	build() {
		aarch64-linux-gnu-gcc -O1 -D_GNU_SOURCE -fPIC -iquote "$ROOT/core" -iquote "$ROOT/tests/hosts" -Wl,-z,$how -Wl,-z,relro "$@" ||
			bail "$* cannot be built"
	}
	beside=(-Wl,-rpath,"$TMP" -Wl,--no-as-needed)
	build -shared -o def.so "$from/lib_definer.c"
	build -shared -o rep.so "$from/lib_replacer.c" "${beside[@]}" def.so
	build -shared -o constructs.so "$from/lib_constructs.c" "${beside[@]}" def.so
	build -o asks "$from/asks.c" "${beside[@]}" def.so constructs.so
	asks() {
		LINGER_SETTINGS=$1
		LINGER=$(words_for "$TMP/asked.$how") qemu-aarch64 -L /usr/aarch64-linux-gnu \
			-E "LD_PRELOAD=$arm/liblinger.so" ./asks
	}
	is "$how: nothing is redirected" "$(asks log_max:1M)" 'library 1 program 1 main 1 other 10'
	is "$how: all callers are" "$(asks "redirect:t_answer=$TMP/rep.so#r_answer")" \
		'library 100 program 100 main 100 other 10'
	is "$how: one is" "$(asks "redirect:t_answer=$TMP/rep.so#r_answer;in=*/constructs.so")" \
		'library 100 program 1 main 1 other 10'
	is "$how: the replacement calls what it replaces" "$(asks "redirect:t_answer=$TMP/rep.so#r_by_name")" \
		'library 1001 program 1001 main 1001 other 10'
done
