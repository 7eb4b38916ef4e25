# ghc.sh - what the tests of GHC share. Source it first, instead of ../lib.sh.
#
# Gives: a directory to work in with the hosts and plugin.so built, same, count.
# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
HERE=$ROOT/tests/ghc
need ghc ghc
[ -e "$SHIM" ] || bail "$SHIM is missing: run make first"
# The packaged compiler, and one language for messages; crashes are wanted here, cores are not.
export PATH=/usr/bin:/bin:$PATH LC_ALL=C.UTF-8 HOME=$TMP
unset "${!GHC@}"
ulimit -c 0
cd "$TMP" || exit

# built OUTPUT ARGS...: each with objects of its own, as the ways of compiling differ.
built() {
	ghc -v0 -O -dynamic -outputdir "objects.$1" -o "$@" >"$1.errors" 2>&1 ||
		bail "ghc fails: $(head -3 "$1.errors")"
}
# ran NAME COMMAND...: what it prints and how it ends, in NAME.out. A shell says when its child was
# killed, hence the subshell.
ran() {
	local name=$1
	shift
	( "$@" </dev/null; echo "status $?" ) >"$name.out" 2>"$name.err"
}
# killed NAME: by a signal that a wild jump ends in.
killed() {
	grep -qxE 'status (132|135|139)' "$1.out"
}
# count LOG EVENT [PATTERN]: the records of it that are about what PATTERN says.
count() {
	events "$TMP/$1" "$2" | grep -c -- "${3:-/plugin.so\"}"
}
