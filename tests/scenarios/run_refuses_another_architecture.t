#!/bin/bash
# run_refuses_another_architecture.t - programs of another machine, class or byte order, files that
# are ELF but no program, and damaged ones.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

# patched NAME OFFSET OCTAL-BYTES...: report with other bytes.
patched() {
	local name=$1 at=$2
	shift 2
	cp report "$name"
	printf %b "$(printf '\\0%s' "$@")" | dd of="$name" bs=1 seek="$at" conv=notrunc status=none
}
ours=$("$RUN" run true 2>&1; uname -m | sed 's/_/-/; s/aarch64/AArch64/')
patched aarch64 18 267 000
patched x86-64 18 076 000
patched i386 18 003 000 && printf '\001' | dd of=i386 bs=1 seek=4 conv=notrunc status=none
patched x32 18 076 000 && printf '\001' | dd of=x32 bs=1 seek=4 conv=notrunc status=none
patched s390 18 000 026 && printf '\002' | dd of=s390 bs=1 seek=5 conv=notrunc status=none
patched unknown 18 376 376
case $(uname -m) in
x86_64) other=aarch64 name=AArch64 ;;
*) other=x86-64 name=x86-64 ;;
esac
refused "another machine" 125 "\./$other is a 64-bit $name program and this linger is for 64-bit $ours" \
	"$RUN" run ./$other
refused "a 32-bit program" 125 '\./i386 is a 32-bit x86 program' "$RUN" run ./i386
refused "x32" 125 'is a 32-bit x86-64 program' "$RUN" run ./x32
refused "another byte order" 125 'is a 64-bit big-endian S/390 program' "$RUN" run ./s390
refused "a machine without a name" 125 'is a 64-bit machine number 65278 program' "$RUN" run ./unknown
printf '#!%s/i386\n' "$TMP" > script && chmod 755 script
refused "a script of such an interpreter" 125 '\./script: its interpreter .*/i386 is a 32-bit x86' \
	"$RUN" run ./script

compile -c -o object.o report.c && chmod 755 object.o
refused "an object file" 126 '\./object\.o is an ELF file but not a program' "$RUN" run ./object.o
head -c 100 report > cut.bin && chmod 755 cut.bin
refused "a file cut off in its headers" 126 '\./cut\.bin is a damaged ELF file' "$RUN" run ./cut.bin
patched class 4 007
refused "a class that does not exist" 126 'is a damaged ELF file' "$RUN" run ./class
