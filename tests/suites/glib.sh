# glib.sh - running GLib's installed tests. Source it first, instead of suites.sh.
#
# shellcheck shell=bash disable=SC1091
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/suites.sh"
GLIB_TESTS=/usr/libexec/installed-tests/glib
[ -x $GLIB_TESTS/resources ] || bail "GLib's tests are missing: install the Debian package libglib2.0-tests"
# Many short processes; each has a log, whose size is what reading it costs.
LOG_SETTINGS=log_max:256K

# glib PROGRAM [ARGUMENT...]: runs one of its tests in a new folder. Two minutes are for one that hangs.
glib() {
	local folder=$PWD/$1.$RANDOM
	LD_PRELOAD='' mkdir "$folder"
	echo "program: $1"
	(cd "$folder" && exec timeout 120 "$GLIB_TESTS/$1" "${@:2}")
	echo "status: $?"
}
# The number of a test, and a reason for skipping with a path in it, are not part of its name.
results() {
	perl -ne '$program = $1 if /^program: (.*)/;
		print "$program$2: ", $1 ? "failed" : "ok", "\n" if m{^(not )?ok \d+ (?:- )?(\S+)};
		print "$program status: ", $1 ? "failed" : "ok", "\n" if /^status: (\d+)/;
		' "$TMP/$1.out" | sort
}
