# shellcheck shell=bash
# crashes.sh - what the tests of programs that crash plain share. Source it first, instead of ../lib.sh.
#
# Something that a program still uses points into a library that it has closed. A test says of such a program
#
#	crashes NAME COMMAND...		the control: plain it crashes, 5 times of 5, and that not before the first line
#					of $EXPECTED: programs print one when all is ready, and then close the library
#	lives NAME LIBRARY COMMAND...	with linger it does not, 20 times of 20: standard output is $EXPECTED,
#					nothing is on standard error, the status is 0, and linger's log has the
#					start of that very process, and that it keeps the library
#	unloads NAME LIBRARY COMMAND...	the holder ends, and the library goes while the program still runs
#	holds_on NAME LIBRARY COMMAND...	the holder never ends, and the library stays
#
# NAME is of letters, digits and `_`; LIBRARY the end of its path, a regular expression. COMMAND may be a
# function. In the latter two it opens and closes $OTHER, an unrelated library of its own, until the library
# is gone from /proc/self/maps, for $PATIENCE seconds at most: linger looks again in these calls.
#
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
HERE=$ROOT/tests/crashes
[ -x "$LINGER_CMD" ] || bail "build first: $LINGER_CMD is missing"
# The packaged programs are meant, whatever else comes first; and one language for messages.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH LC_ALL=C.UTF-8 HOME=$TMP
unset "${!PYTHON@}" "${!PERL@}" "${!LUA_@}" "${!R_@}" "${!NODE_@}" "${!OMP_@}" "${!GOMP_@}" "${!MAGICK_@}"
# Empty: the default of the shim.
KEEPING_POLICY=${KEEPING_POLICY-}
# What a crash is about is known; its image in a file helps nobody.
ulimit -c 0
AT_ONCE=2
export PATIENCE=${PATIENCE-10}
cd "$TMP" || exit

# A library that does nothing, and one that ends what others began: see ends.c.
export OTHER=$TMP/other.so
build() {
	"$CC" -D_GNU_SOURCE -Wall -Wextra -O2 -fPIC -shared -o "$@" || bail "$1 cannot be built"
}
build "$OTHER" -x c - <<<'int other_library;'
build "$TMP/ends.so" "$HERE/ends.c"

# need_library SONAME PACKAGE
need_library() {
	ldconfig -p | grep -qF "$1 (" || bail "$1 is missing: install the Debian package $2"
}

# one DIR COMMAND...: a run with its output, status and log in a directory of its own.
one() {
	local dir=$1
	shift
	mkdir "$dir"
	"$@" </dev/null >"$dir/out" 2>"$dir/err"
	echo $? >"$dir/status"
} 2>/dev/null # the shell's own words about a crash
# times N NAME COMMAND...: N runs, $AT_ONCE at a time, in $TMP/NAME/1 and so on.
times() {
	local n=$1 name=$2 i
	shift 2
	mkdir "$TMP/$name"
	for ((i = 1; i <= n; i++)); do
		[ "$i" -le $AT_ONCE ] || wait -n
		RUN=$TMP/$name/$i one "$TMP/$name/$i" "$@" &
	done
	wait
} 2>/dev/null
kept() {
	POLICY=$KEEPING_POLICY with_linger "$RUN/log" "$@"
}

# how_it_ended DIR: `crash` for the signals of one, else the status.
how_it_ended() {
	local status
	status=$(cat "$1/status")
	case $status in
	132 | 135 | 139) echo crash ;; # SIGILL SIGBUS SIGSEGV
	*) echo "status $status" ;;
	esac
}
# said EVENT LIBRARY LOG: process and id of such records, each on a line.
said() {
	grep "\"event\":\"$1\"" "$3" | grep -E "\"path\":\"[^\"]*$2\"" |
		sed 's/.*"pid":\([0-9]*\).*"id":\([0-9]*\).*/\1 \2/' | sort -u
}
# clean DIR LIBRARY: `clean`, or what is wrong with that run.
clean() {
	local dir=$1 who
	[ "$(how_it_ended "$dir")" = 'status 0' ] || { how_it_ended "$dir"; return; }
	[ "$(cat "$dir/out")" = "$EXPECTED" ] || { echo 'another output'; return; }
	[ ! -s "$dir/err" ] || { echo 'words on standard error'; return; }
	events "$dir/log" >"$dir/events"
	who=$(said keep "$2" "$dir/events" | sed 's/ .*//;q')
	[ "$who" ] || { echo 'the library is not kept'; return; }
	grep -q "\"pid\":$who,.*\"event\":\"start\"" "$dir/events" || { echo 'no start record'; return; }
	echo clean
}
# told DIR: what a run said, as a diagnosis.
told() {
	head -n 12 "$1/out" "$1/err" "$1/status" | sed 's/^/# /'
	[ ! -e "$1/events" ] || grep -v -e '"event":"dl' -e "\"$OTHER\"" "$1/events" | tail -n 20 | sed 's/^/# /'
}

crashes() {
	local name=$1 i all
	shift
	times 5 "$name.plain" "$@"
	all=$(for i in 1 2 3 4 5; do
		echo "$(how_it_ended "$TMP/$name.plain/$i") behind $(head -n 1 "$TMP/$name.plain/$i/out")"
	done | sort | uniq -c | xargs)
	is "$name: plain it crashes, 5 of 5" "$all" "5 crash behind ${EXPECTED%%$'\n'*}"
	[[ $all = '5 crash'* ]] || told "$TMP/$name.plain/1"
}
lives() {
	local name=$1 library=$2 i all
	shift 2
	times 20 "$name.kept" kept "$@"
	all=$(for ((i = 1; i <= 20; i++)); do clean "$TMP/$name.kept/$i" "$library"; done >"$TMP/$name.all"
		sort "$TMP/$name.all" | uniq -c | xargs)
	is "$name: with linger it is right, and the library kept, 20 of 20" "$all" '20 clean'
	i=$(grep -vnxm 1 clean "$TMP/$name.all" | cut -d: -f1)
	[ -z "$i" ] || told "$TMP/$name.kept/$i"
}

# until_it_ends RUN NAME LIBRARY COMMAND...: whether that run was right.
until_it_ends() {
	local run=$1 name=$2 library=$3 all
	shift 3
	times 1 "$run" kept "$@"
	all=$(clean "$TMP/$run/1" "$library")
	[ "$all" = clean ] || is "$name: it is right when the holder ends" "$all" clean
	[ "$all" = clean ] || told "$TMP/$run/1"
	[ "$all" = clean ]
}
# fate RUN LIBRARY: what became of what was kept.
fate() {
	local log=$TMP/$1/1/events
	if [ "$(comm -23 <(said keep "$2" "$log") <(said unload "$2" "$log"))" ]; then
		echo 'kept'
	else
		echo 'kept, then unloaded'
	fi
}
# A word that is no address, the end of a text and what the memory had before, may look like one into a large library.
# Addresses are other ones in the next run: so there are up to $TRIES.
TRIES=3
unloads() {
	local i fate=
	for ((i = 1; i <= TRIES; i++)); do
		until_it_ends "$1.ends$i" "$@" || return
		fate=$(fate "$1.ends$i" "$2")
		[ "$fate" = kept ] || break
		echo "# $1: kept in run $i"
	done
	is "$1: it is right, and the library is unloaded, when the holder ends" "$fate" 'kept, then unloaded'
}
holds_on() {
	until_it_ends "$1.lasts" "$@" || return
	is "$1: it is right, and the library stays" "$(fate "$1.lasts" "$2")" kept
}
