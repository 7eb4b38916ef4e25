# shellcheck shell=bash
# reload.sh - what the tests of libraries that are replaced share. Source it first, instead of plugins.sh.
#
# Gives: build, build_cxx, reasons.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/plugins.sh"
POLICY=never

# build FILE FLAG...: plug_reloaded.c, bound lazily; its dependencies are found in sub/ beside it.
build() {
	"$CC" -D_GNU_SOURCE -g -O1 -fPIC -shared -Wl,-z,lazy -Wl,-rpath,\$ORIGIN/sub -o "$1" \
		"$ROOT/tests/plugins/plug_reloaded.c" "${@:2}" || bail "cannot build $1"
}
build_cxx() {
	g++ -x c++ -D_GNU_SOURCE -g -O1 -fPIC -shared -Wl,-z,lazy -o "$1" "${@:2}" \
		"$ROOT/tests/plugins/plug_reloaded.c" || bail "cannot build $1"
}
# reasons LOG PATH-REGEX: of the errors that the log has of such objects, each once.
reasons() {
	events "$1" error | grep -E "\"path\":\"[^\"]*$2\"" | sed 's/.*"reason":"\([^"]*\)".*/\1/' | sort -u
}
