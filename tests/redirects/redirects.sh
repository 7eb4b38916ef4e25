# shellcheck shell=bash
# redirects.sh - what the tests of this folder share. Source it first, instead of ../scenarios/plugins.sh.
#
# Gives: program NAME [FLAG...], library NAME FLAG..., run_host OUT COMMAND..., well NAME OUT.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../scenarios/plugins.sh"
HERE=$ROOT/tests/redirects
export ROOT SHIM CC
flags=(-g -O1 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-function
	-iquote "$HERE" -iquote "$ROOT/core" -iquote "$ROOT/tests/hosts" -pthread)

# program NAME [FLAG...]: ./NAME of NAME.c.
program() {
	local name=$1
	shift
	"$CC" "${flags[@]}" -o "$name" "$HERE/$name.c" "$@" || bail "cannot build $name"
}
# library NAME FLAG...: ./NAME.so of the sources among the flags.
library() {
	local name=$1
	shift
	"$CC" "${flags[@]}" -fPIC -shared -Wl,-soname,"${name##*/}.so" -o "$name.so" "$@" || bail "cannot build $name"
}
# run_host OUT COMMAND...: with linger. OUT has its output, its errors but comments, and its status.
run_host() {
	local out=$1
	shift
	run_linger "$out" timeout 300 "$@"
	grep -v '^#' "$TMP/$out.err" >>"$TMP/$out"
	sed -n '/^#/p' "$TMP/$out.err"
}
# well NAME OUT [TEXT]: it ended well, and said what it should.
well() {
	is "$1" "$(grep -v '^#' "$2")" "${3:+$3
}status 0"
	sed -n '/^#/p' "$2"
}
