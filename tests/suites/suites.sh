# suites.sh - what the tests with strangers' suites share. Source it first, instead of ../lib.sh.
#
# Suites judge without knowing about linger. in_every_way runs one eight times
#
#	plain		without anything
#	counted		with the counter of tests/programs, which shares nothing with linger
#	off		with linger, policy:off
#	never		with linger, policy:never
#	fresh		with linger, policy:never and reopen:fresh
#	safe		with linger as it is by default
#	proven		the same, with as much time for a proof as it takes
#	trusting	the same, with nothing to prove: what is closed goes at once
#
# and requires that off does what plain does, and that linger's logs agree with the counter's files on
# which processes there were and what each of them called: a suite that ran without the shim is no
# judge. Then differs_only says in which tests of the suite another run may differ.
#
# A test file defines `results RUN`: a line "NAME: RESULT" for each test of the suite.
#
# shellcheck shell=bash disable=SC1091
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../programs/programs.sh"
SUITES=$O/suites
# Fewer runs than all, where a suite is long; and settings for all of them.
WAYS='off never fresh safe proven trusting'
LOG_SETTINGS=

# ------------------------------------------------------------------------------------- sources

# One line for each archive of Debian that the system installs from, with deb-src for deb. None is
# known where the system's package lists have been deleted. Security updates are left out: mirrors often lack
# their sources, and only what upstream published is used.
source_lists() {
	local archives
	# shellcheck disable=SC2016
	archives=$(apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
		--format '$(REPO_URI) $(RELEASE) $(COMPONENT)' | grep -v -- '-security ' | sort -u)
	# shellcheck disable=SC1091
	[ -n "$archives" ] ||
		archives="http://deb.debian.org/debian $(. /etc/os-release && echo "$VERSION_CODENAME") main"
	while read -r archive; do
		echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive"
	done <<<"$archives"
}

# private_apt ARGUMENT...: apt-get with lists and caches of its own; the system's stay as they are.
private_apt() {
	apt-get -q -o Dir::Etc::sourcelist="$SUITES/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$SUITES/apt/lists" -o Dir::Cache="$SUITES/apt/cache" \
		-o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

download_source() {
	(cd "$SUITES/$1" && private_apt source --download-only "$1")
}
# fetch_source PACKAGE: leaves what upstream published in $SUITES/PACKAGE/source. Lists that are absent
# or too old make the first attempt fail at once; only then are new ones fetched.
fetch_source() {
	local dir=$SUITES/$1
	mkdir -p "$SUITES/apt/lists/partial" "$SUITES/apt/cache/archives/partial" "$dir/source" &&
		source_lists >"$SUITES/apt/sources.list" &&
		{ download_source "$1" || { private_apt update && download_source "$1"; }; } &&
		tar -xf "$(compgen -G "$dir/*.orig.tar.*[z2]")" -C "$dir/source" --strip-components=1 &&
		rm "$dir"/*.tar.*
}

# built_from PACKAGE BUILD: the suite in $SUITE, built by the function BUILD, which runs in that folder
# with the sources in ./source. Done once; again when the test or this file has changed.
built_from() {
	local log=$SUITES/$1.log
	SUITE=$SUITES/$1
	if [ "$SUITE/done" -nt "$0" ] && [ "$SUITE/done" -nt "${BASH_SOURCE[0]}" ]; then return; fi
	rm -rf "$SUITE"
	mkdir -p "$SUITE" || bail "$SUITE cannot be made"
	# The package lists are shared: one at a time.
	if ! (flock 8 && fetch_source "$1" 8>&-) >"$log" 2>&1 8>"$SUITES/lock"; then
		tail -n 20 "$log" | sed 's/^/# /'
		bail "the source package $1 cannot be had"
	fi
	# Not as a condition: that would switch off -e inside.
	(set -e && cd "$SUITE" && "$2" && touch "$SUITE/done") >>"$log" 2>&1
	if [ ! -e "$SUITE/done" ]; then
		tail -n 20 "$log" | sed 's/^/# /'
		bail "the suite of $1 cannot be built"
	fi
}

# --------------------------------------------------------------------------------------- running

with_settings() {
	local POLICY='' LINGER_SETTINGS=$1${LOG_SETTINGS:+${1:+,}$LOG_SETTINGS}
	shift
	alone "$@"
}

declare -A SETTINGS_OF=([off]='policy:off' [never]='policy:never' [fresh]='policy:never,reopen:fresh'
	[safe]='' [proven]='budget:60s'
	[trusting]='trust:*')

# in_every_way COMMAND...: COMMAND may be a function; it runs in a new folder, which is $PWD.
in_every_way() {
	local r
	[ -e "$SHIM" ] || bail "$SHIM is missing: run make first"
	run plain in_new_folder "$@"
	run counted with_counter in_new_folder "$@"
	for r in $WAYS; do
		run "$r" with_settings "${SETTINGS_OF[$r]}" in_new_folder "$@"
	done
	is "counted: same results" "$(results counted)" "$(results plain)"
	is "off: same results" "$(results off)" "$(results plain)"
	is "off: same status" "$(cat "$TMP/off.status")" "$(cat "$TMP/plain.status")"
	# What is left out of a log is left out of the counter's files, too: see tally.
	is "off: same calls and objects, process by process" "$(logged off)" "$(counted counted)"
	for r in ${WAYS#off}; do
		is "$r: the shim was live in every process" \
			"$(logged "$r" | programs_of)" "$(counted counted | programs_of)"
		is "$r: same calls, process by process" \
			"$(logged "$r" | calls_of)" "$(counted counted | calls_of)"
	done
}
in_new_folder() {
	local folder
	# One length for all runs: nothing depends on it.
	folder=$(LD_PRELOAD='' mktemp -d "$TMP/work.XXXXXX") && (cd "$folder" && "$@")
}

# passes N: the suite plain has so many tests that pass, or more, and none that fails.
passes() {
	local n
	n=$(results plain | grep -v ' status: ' | grep -c ': ok$')
	ok "plain: $n tests pass, at least $1" [ "$n" -ge "$1" ]
	is "plain: none fails" "$(results plain | grep -v -e ': ok$' -e ': skipped$')" ""
}

# differs_only RUN [NAME...]: the tests whose result is not that of the plain run.
differs_only() {
	local run=$1
	shift
	is "$run: ${*:-nothing} differs" "$(diff <(results plain) <(results "$run") |
		sed -n 's/^[<>] \(.*\): [a-z]*$/\1/p' | sort -u)" "$(printf '%s\n' "$@" | sort -u)"
}

# by_default N: what the suite gives up, N times, goes when nothing reaches it. What reaches it is the
# suite's own affair, and seldom nothing at the very call; but all of it can be seen, and where nothing has
# to be proven all of it goes before the call returns.
by_default() {
	local r
	for r in safe proven; do
		tell_outcomes $r
		like "$r: given up $1 times" "$(outcomes $r)" "^given-up=$1 "
	done
	is "proven: all could be seen" "$(outcomes proven --reasons | grep ': unknown,')" ""
	is "trusting: all goes at once" "$(outcomes trusting)" "given-up=$1 at-call=$1 later=0 kept=0"
}

# keeps RUN [EVENT=N]...: the log has at least so many records of each event, and no object went away
# but charset converters, which libc opens and closes for itself.
keeps() {
	local run=$1 all event n
	shift
	all=$(events "$TMP/$run/log")
	for event; do
		n=$(grep -c "\"event\":\"${event%=*}\"" <<<"$all")
		ok "$run: ${event%=*} is $n times in the log, at least ${event#*=}" [ "$n" -ge "${event#*=}" ]
	done
	is "$run: nothing of the program's is unloaded" \
		"$(grep '"event":"unload"' <<<"$all" | grep -v '/gconv/')" ""
}
