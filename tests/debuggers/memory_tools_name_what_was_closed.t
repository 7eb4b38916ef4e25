#!/usr/bin/env bash
# A library allocates, is closed, and a tool reports the block at the end: stock tools have lost the library's
# names by then, or give none to a file that is gone. With linger the library is kept, and all three frames
# are named. Keeping hides what only a library's variable refers to; leakcheck:on shows it, without names.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/debuggers.sh"
need valgrind valgrind
need heaptrack heaptrack
need zstd zstd
need google-pprof google-perftools

plugin old.so old
plugin other.so new
compile "$TMP/host-asan" "$HERE/host.c" -fsanitize=address -Wno-use-after-free -pthread -rdynamic
P=$TMP/p.so
library() {
	local path
	path=$(ldconfig -p | sed -n "s/.*$1 .* => //p" | head -1)
	[ -n "$path" ] || bail "$1 is missing: install the Debian package $2"
	echo "$path"
}
TCMALLOC=$(library libtcmalloc.so.4 libgoogle-perftools4) || exit
PROFILER=$(library libprofiler.so.0 libgoogle-perftools4) || exit

# with SETTINGS COMMAND...: `plain`, or under linger, whose log must name the host. VARS: its environment.
VARS=()
with() {
	local settings=$1
	shift
	cp old.so p.so
	rm -f log.*
	if [ "$settings" = plain ]; then
		env "${VARS[@]}" "$@" 2>&1
		return
	fi
	env "${VARS[@]}" "$LINGER_CMD" run -o "$settings" -o "log:$TMP/log" -- "$@" 2>&1
	"$LINGER_CMD" log --json log | grep -q '"event":"start".*"path":"'"$TMP/host" || echo "NO SHIM"
}

# Each tool: SETTINGS ACTION... after the library was opened, called and closed.
memcheck() {
	with "$1" valgrind -q --leak-check=full "$HOST" open "$P" call leak close "${@:2}"
}
memcheck_stale() {
	with "$1" valgrind -q "$HOST" open "$P" call allocate close "${@:2}" use-after-free
}
# Frames by unwind tables: libraries are seldom built with frame pointers.
asan() {
	local VARS=(ASAN_OPTIONS=fast_unwind_on_malloc=0)
	with "$1" "$TMP/host-asan" open "$P" call leak close "${@:2}"
}
asan_stale() {
	local VARS=(ASAN_OPTIONS=fast_unwind_on_malloc=0)
	with "$1" "$TMP/host-asan" open "$P" call allocate close "${@:2}" use-after-free
}
heaptrack_leaks() {
	rm -f ht.zst
	with "$1" heaptrack -o "$TMP/ht" "$HOST" open "$P" call leak close "${@:2}" | grep 'NO SHIM\|^host:'
	heaptrack_print -l 1 -a 0 -T 0 -p 0 ht.zst 2>&1
}
CHECKING=("LD_PRELOAD=$TCMALLOC" HEAPCHECK=normal "PPROF_PATH=$(command -v google-pprof)")
heapcheck() {
	local VARS=("${CHECKING[@]}")
	with "$1" "$HOST" open "$P" call leak close "${@:2}"
}
cpu_profile() {
	local VARS=("LD_PRELOAD=$PROFILER" "CPUPROFILE=$TMP/prof")
	rm -f prof*
	with "$1" "$HOST" open "$P" call spin close "${@:2}" | grep 'NO SHIM\|^host:'
	# What another program has become by exec adds its number.
	google-pprof --text --lines --nodefraction=0 "$HOST" "$(find . -name 'prof*' -size +0)" 2>&1
}

# judge TITLE WANTED TEXT: how many of three are named, `any` where nothing is promised.
judge() {
	local got
	got=$(named old "$3")
	if grep -q 'NO SHIM\|^host: ' <<<"$3"; then
		is "$1" "$3" "a run with linger"
	elif [ "$2" = any ]; then
		ok "$1: it ran" test -n "$3"
	else
		is "$1" "$got" "$2"
	fi
	LINE+=" $(printf '%8s' "$got")"
}

ARCHIVE=
has_archive && ARCHIVE=archive:$TMP/archive

TABLE=$(printf '%-16s %8s %8s %8s %8s %8s %8s' "three frames" plain safe never deleted archive open)
# What a dlopen waits for the archive is bounded, and a busy machine may not get done with all the tool's own
# libraries. What is there is there the next time.
fill() {
	local _
	for _ in {1..20}; do
		"$1" "policy:never,$ARCHIVE" delete "$P" >/dev/null
		"$LINGER_CMD" log --json log | grep -q '"reason":"not-archived"' || return
	done
}
# row TOOL PLAIN SAFE NEVER DELETED ARCHIVE OPEN: `deleted` is policy:never, and the file is gone at the end;
# the others the same with an archive, and with archive_mode:open.
row() {
	local tool=$1 LINE
	LINE=$(printf '%-16s' "$tool")
	judge "$tool, plain" "$2" "$("$tool" plain)"
	judge "$tool, policy:safe" "$3" "$("$tool" policy:safe)"
	judge "$tool, policy:never" "$4" "$("$tool" policy:never)"
	judge "$tool, policy:never, deleted" "$5" "$("$tool" policy:never delete "$P")"
	if [ -n "$ARCHIVE" ]; then
		fill "$tool"
		judge "$tool, archive, deleted" "$6" "$("$tool" "policy:never,$ARCHIVE" delete "$P")"
		judge "$tool, archive_mode:open, deleted" "$7" \
			"$("$tool" "policy:never,$ARCHIVE,archive_mode:open" delete "$P")"
	fi
	TABLE+=$'\n'$LINE
}

# With the default policy a library that nothing leads into goes, and its names with it. Under valgrind nobody
# looks, so everything is kept; and ASan's own records of stacks lead into the library.
row memcheck 0 3 3 3 3 3
row memcheck_stale 0 3 3 3 3 3
row asan 0 any 3 any any 3
row asan_stale 0 any 3 any any 3
row heaptrack_leaks 3 3 3 any any 3
row heapcheck 0 any any any 3 3
row cpu_profile 0 any any any 3 3
while IFS= read -r line; do echo "# $line"; done <<<"$TABLE"

# ASan asks the loader for the path: once linger has seen that the file is gone, it is one that opens.
got=$(asan policy:never delete "$P" open "$TMP/other.so")
is "asan, deleted, and something opened since" "$(named old "$got")" 3

# A block that only a variable of the library leads to: keeping the library keeps the variable.
hidden() {
	local VARS=()
	case $2 in
	memcheck) with "$1" valgrind -q --leak-check=full "$HOST" open "$P" call store close ;;
	asan) with "$1" "$TMP/host-asan" open "$P" call store close ;;
	heapcheck)
		VARS=("${CHECKING[@]}")
		with "$1" "$HOST" open "$P" call store close
		;;
	esac | grep -c '777 byte.* \(lost\|allocated from\)'
}
TABLE=$(printf '%-16s %8s %8s %8s' "leaks reported" plain never leakcheck)
for tool in memcheck asan heapcheck; do
	plain=$(hidden plain $tool)
	never=$(hidden policy:never $tool)
	leakcheck=$(hidden leakcheck:on $tool)
	ok "$tool: what only the library refers to is a leak, once it is closed" test "$plain" -gt 0
	is "$tool: keeping the library hides it" "$never" 0
	is "$tool: leakcheck:on shows it" "$leakcheck" "$plain"
	TABLE+=$'\n'$(printf '%-16s %8s %8s %8s' $tool "$plain" "$never" "$leakcheck")
done
while IFS= read -r line; do echo "# $line"; done <<<"$TABLE"

# Nothing of linger's own is an error or a leak to them.
for settings in "" policy:never leakcheck:on; do
	got=$(with "$settings" valgrind -q --leak-check=full "$HOST" open "$P" close open "$P" call allocate close)
	is "memcheck has nothing to say of linger (${settings:-default})" "$got" ""
done
