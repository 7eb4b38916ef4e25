#!/bin/bash
# run_refuses_another_c_library.t - the program's loader must be glibc's, and be there.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

with_loader() { compile -Wl,--dynamic-linker="$2" -o "$1" report.c; }
with_loader musl "/lib/ld-musl-$(uname -m).so.1"
with_loader bionic /system/bin/linker64
with_loader uclibc /lib/ld-uClibc.so.0
with_loader other /opt/strange/loader.so
with_loader glibc-elsewhere /opt/glibc-2.50/lib/ld-linux-x86-64.so.2
refused "musl" 125 '\./musl is a program of musl \(its loader is /lib/ld-musl-.*run it without linger' "$RUN" run ./musl
refused "Android" 125 "a program of Android's C library" "$RUN" run ./bionic
refused "uClibc" 125 'a program of uClibc' "$RUN" run ./uclibc
refused "any other" 125 'another C library \(its loader is /opt/strange/loader\.so\)' "$RUN" run ./other
refused "a glibc that is not there" 127 'its loader /opt/glibc-2\.50/.* does not exist' "$RUN" run ./glibc-elsewhere
