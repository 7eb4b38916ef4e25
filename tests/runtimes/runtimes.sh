# shellcheck shell=bash
# runtimes.sh - what the tests of this folder share. Source it first, instead of ../scenarios/plugins.sh.
#
# Gives: build_host NAME FLAG..., build_library NAME [COPIES [FLAG...]], as_host OUT COMMAND..., ends_as.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../scenarios/plugins.sh"
HERE=$ROOT/tests/runtimes
flags=(-g -O2 -D_GNU_SOURCE -Wall -Wextra -iquote "$ROOT/core" -iquote "$ROOT/tests/hosts" -pthread)

# build_host NAME [FLAG...]: ./NAME of NAME.c.
build_host() {
	local name=$1
	shift
	"$CC" "${flags[@]}" -o "$name" "$HERE/$name.c" "$@" || bail "cannot build $name"
}
# build_library NAME COPIES [FLAG...]: ./NAME1.so and so on, of NAME.c.
build_library() {
	local name=$1 copies=$2 i
	shift 2
	"$CC" "${flags[@]}" -fPIC -shared "$@" -o "${name}1.so" "$HERE/$name.c" || bail "cannot build $name"
	for ((i = 2; i <= copies; i++)); do cp "${name}1.so" "$name$i.so"; done
}
# as_host OUT COMMAND...: with linger, as the policy for hosts. Its output, errors but comments, and status.
as_host() {
	POLICY=host run_linger "$1" timeout 300 "${@:2}"
	grep -v '^#' "$1.err" >> "$1"
	grep '^#' "$1.err"
}
# well NAME OUT: it ended well, and linger was there (run_linger says so otherwise).
well() {
	is "$1" "$(cat "$2")" "${3:-done}
status 0"
}
