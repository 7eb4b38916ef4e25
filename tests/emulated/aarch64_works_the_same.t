#!/usr/bin/env bash
# The shim for aarch64, run by qemu: the stubs, the notices, the private fields of another build of
# glibc, a program with holes between its segments, a process without a vDSO.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need qemu-aarch64 qemu-user

arm=$O/aarch64
make -s -C "$ROOT" CC=aarch64-linux-gnu-gcc ARCH=aarch64 O="$arm" DEVELOPER=1 >"$TMP/make" 2>&1 ||
	bail "the build for aarch64 failed: $(tail -3 "$TMP/make")"
aarch64-linux-gnu-gcc -I"$ROOT/core" -o "$TMP/host" "$ROOT/tests/hosts/host_opens_twice.c" ||
	bail "the host does not build"

run() { qemu-aarch64 -L /usr/aarch64-linux-gnu "$@" "$TMP/host" libm.so.6 sin; }
plain=$(run)
under=$(run -E "LD_PRELOAD=$arm/liblinger.so" -E "LINGER=log:$TMP/log")
like "without linger" "$plain" 'linger: absent'
is "with linger the program sees the same" "$(grep -v ^linger <<<"$under")" \
	"$(grep -v ^linger <<<"$plain")"
is "and linger knows its objects" "$(grep ^linger <<<"$under")" \
	"linger: main known, loaded known, closed unknown, namespace known"
log=$("$LINGER_CMD" log --json "$TMP/log")
is "no part had to be switched off" "$(grep -c '"event":"error"' <<<"$log")" 0
is "each opening is in the log" "$(grep -c '"event":"open".*libm.so.6' <<<"$log")" 2
is "each unloading is in the log" "$(grep -c '"event":"unload".*libm.so.6' <<<"$log")" 2
