# shellcheck shell=bash
# debuggers.sh - what the tests of debuggers and memory tools share. Source it first, instead of ../lib.sh.
#
# Each tool is asked for the three frames of plugin.c, plainly (the control) and with linger. Gives: $HOST,
# plugin, start, stop, named, and archives made by hand. Prints tables as TAP diagnostics.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
HERE=$ROOT/tests/debuggers
[ -x "$LINGER_CMD" ] || bail "build first: $LINGER_CMD is missing"
mkdir "$TMP/home" "$TMP/tmp"
# Nothing of the user's: no settings of a debugger, no server of debug files.
export HOME=$TMP/home TMPDIR=$TMP/tmp LC_ALL=C
unset DEBUGINFOD_URLS XDG_CACHE_HOME ASAN_OPTIONS LSAN_OPTIONS GDBHISTFILE
ulimit -S -c 0
cd "$TMP" || exit
HOST=$TMP/host
# The build folder may be where only root looks; some of this is run by others.
mkdir -m 755 "$TMP/bin"
cp "$LINGER_CMD" "$SHIM" "$TMP/bin"
LINGER_CMD=$TMP/bin/linger
SHIM=$TMP/bin/liblinger.so

# compile OUTPUT SOURCE FLAG...: with frame pointers, which some tools follow; and not all of them inlined.
compile() {
	local out=$1 source=$2
	shift 2
	"$CC" -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer "$@" -o "$out" "$source" ||
		bail "$source cannot be built"
}
# plugin OUTPUT GEN FLAG...
plugin() {
	local out=$1 gen=$2
	shift 2
	compile "$out" "$HERE/plugin.c" -fPIC -shared "-DGEN=$gen" "$@"
}
compile "$HOST" "$HERE/host.c" -Wno-use-after-free -pthread -rdynamic

# start WITH ACTION...: runs the host until it says "ready", which the last action makes it do. WITH is
# `plain`, or settings for a run with linger; `${AS[@]}` stands before its command line. Gives $PID;
# `poke LINE` writes to its input.
AS=(env)
start() {
	local with=$1
	shift
	rm -f input
	mkfifo input
	: >output
	if [ "$with" = plain ]; then
		"${AS[@]}" "$HOST" "$@" <input >output 2>errors &
	else
		"${AS[@]}" env "LINGER=$with" "LD_PRELOAD=$SHIM" "$HOST" "$@" <input >output 2>errors &
	fi
	PID=$!
	exec 7>input
	until [ -s output ]; do
		kill -0 $PID 2>/dev/null || bail "the host ended: $(cat errors)"
		sleep 0.02
	done
	if [ "$with" != plain ]; then
		"$LINGER_CMD" ls --json $PID >/dev/null || bail "the shim is not in the host"
	fi
}
poke() {
	echo "$1" >&7
}
stop() {
	exec 7>&-
	kill -KILL "$PID" 2>/dev/null
	wait "$PID" 2>/dev/null
} 2>/dev/null

# named GEN TEXT [PLACES]: how many of the three frames have their right name in it; with `places`, and their
# right line.
named() {
	local name n=0
	for name in "leaf_$1" "mid_$1" entry; do
		if [ $# -gt 2 ]; then
			grep -qE "$name [^#]*$1\.c:[0-9]" <<<"$2" && n=$((n + 1))
		else
			grep -qw "$name" <<<"$2" && n=$((n + 1))
		fi
	done
	echo $n
}

# Whether this linger makes an archive.
has_archive() {
	! env LINGER=help "LD_PRELOAD=$SHIM" true 2>&1 | grep -A1 '^  archive:' | grep -q 'no effect'
}

# --------------------------------------------------------- an archive made by hand, as the shim makes it
# archive_file DIR FILE NAME: adds a copy under that name; prints its key.
archive_file() {
	local id content key
	content=$(sha1sum <"$2" | cut -c1-40)
	id=$(readelf -nW "$2" | sed -n 's/.*Build ID: //p')
	key=${id:+$id-}$content
	id=${id:-$content}
	mkdir -p "$1/objects/$key" "$1/.build-id/${id:0:2}" "$1/manifest"
	cp "$2" "$1/objects/$key/elf"
	ln -f "$1/objects/$key/elf" "$1/objects/$key/$3"
	ln -sfn "../../objects/$key" "$1/.build-id/${id:0:2}/${id:2}"
	echo "$key"
}
# range_of PID PATTERN: LO-HI of what is mapped from files whose name has this in it.
range_of() {
	perl -ne 'next unless /^(\w+)-(\w+) .*'"$2"'/; $lo //= $1; $hi = $2; END { print "$lo-$hi\n" }' \
		"/proc/$1/maps"
}
# manifest DIR PID RANGE KEY PATH
manifest() {
	{
		echo "linger-manifest 1 $2 5 6 $HOST"
		echo "open 7 3 $3 08:01:99 - $4 $5"
	} >"$1/manifest/$2.5"
}
