#!/bin/bash
# run_refuses_a_static_program.t - nothing can be preloaded where there is no loader.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

compile -static -o static report.c
compile -static-pie -o static-pie report.c
compile -shared -fPIC -nostdlib -o library.so -x c - <<< 'int x;'
refused "a static program" 125 '\./static is statically linked.*run it without linger' "$RUN" run ./static
refused "a static-pie program" 125 '\./static-pie is statically linked \(static-pie\)' "$RUN" run ./static-pie
refused "a library" 126 'library\.so is a shared library, not a program' "$RUN" run ./library.so
PATH=$TMP:$PATH refused "one found in PATH, under its full name" 125 "$TMP/static is statically linked" \
	"$RUN" run static
is "without linger it runs" "$("$RUN" run -o off ./static)" 'shim=0 secure=0'

# The loader has no PT_INTERP either, but it preloads into what it starts.
loader=$(readelf -lW report | sed -n 's/.*interpreter: \(.*\)]/\1/p')
started "the loader run as a command" "$RUN" run "$loader" ./report
