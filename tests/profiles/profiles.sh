# shellcheck shell=bash
# profiles.sh - what the tests of `linger perf` share. Source it first, instead of ../lib.sh.
#
# A host spends time in plugins whose files are deleted, replaced and rewritten (host.c, plugin.c), perf records
# it, and measure.pl says how much of that perf names. Gives: $ARCHIVE, $SECONDS_A_ROW, plugin, stripped, host, plain,
# linger_perf, record, measure.
#
# Frame pointers and DWARF are two builds: perf 6.1 falls back to frame pointers where DWARF leads nowhere, and a
# host that has them would make that look like success.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
HERE=$ROOT/tests/profiles
[ -x "$LINGER_CMD" ] || bail "build first: $LINGER_CMD is missing"
need perf linux-perf
export LC_ALL=C.UTF-8 HOME=$TMP/home LINGER_CMD
unset "${!PERF_@}" "${!XDG_@}" "${!DEBUGINFOD_@}" PAGER
mkdir "$HOME"
cd "$TMP" || exit
export ARCHIVE=$TMP/archive
SECONDS_A_ROW=${CHECK_ALL:+0.3}
SECONDS_A_ROW=${SECONDS_A_ROW:-0.08}
EVENT=(-q -e cpu-clock:u -F 997)

# Only where the kernel itself refuses, and in its words: a container's filter, or its settings.
refused=$("$LINGER_CMD" perf --archive "$TMP/none" record -q -e cpu-clock:u -o "$TMP/refused" true 2>&1) ||
	case $refused in
	*perf_event_paranoid* | *perf_event_open*)
		skip "$(basename "$0" .t)" "${refused##*record: }"
		exit 0
		;;
	*) bail "perf does not record: $refused" ;;
	esac

compile() { "$CC" -O2 -g -D_GNU_SOURCE "$@" || bail "cannot compile: $*"; }
frames() {
	case $1 in
	fp) echo -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer ;;
	dwarf) echo -fomit-frame-pointer ;;
	esac
}
# plugin HOW VERSION FILE FLAG...: each version is another plugin. Those that end in x are what replaces one: they
# have other lines, and their addresses mean something else in the other.
mkdir source
plugin() {
	local other=()
	: >"source/plugin_$2.c"
	if [[ $2 = *x ]]; then
		other=(-DPADDING=5)
		printf '%050d' 0 | tr 0 '\n' >"source/plugin_$2.c"
	fi
	cat "$HERE/plugin.c" >>"source/plugin_$2.c"
	# shellcheck disable=SC2046
	(cd source && compile $(frames "$1") -fPIC -shared -DVERSION="$2" "${other[@]}" "${@:4}" -o "$3" "plugin_$2.c")
}
# stripped FILE: without symbols; what they were is in FILE.debug.
stripped() {
	objcopy --only-keep-debug "$1" "$1.debug"
	objcopy --strip-all --add-gnu-debuglink="$1.debug" "$1"
}
host() {
	# shellcheck disable=SC2046
	[ -x "host_$1" ] || compile $(frames "$1") -o "host_$1" "$HERE/host.c"
	plugin "$1" ref "$TMP/ref.so"
	objdump -d --no-show-raw-insn ref.so >"ref.$1"
}

graph() { if [ "$1" = fp ]; then echo fp; else echo dwarf,16384; fi; }
linger_perf() { "$LINGER_CMD" perf --archive "$ARCHIVE" "$@"; }
plain() { perf "$@"; }
# record WHO HOW FILE COMMAND...: WHO is plain or linger_perf. What the host prints goes to FILE.phases.
record() {
	local who=$1 how=$2 file=$3
	shift 3
	"$who" record "${EVENT[@]}" -k CLOCK_MONOTONIC --call-graph "$(graph "$how")" -o "$file" -- "$@" \
		>"$file.phases" 2>"$file.err" || { cat "$file.phases" "$file.err" | sed 's/^/# /'; return 1; }
}
# measure WHO FILE: a line for each row. FILE ends in fp where frame pointers were recorded. (Plain perf 6.1 dies
# of SIGPIPE where a file is gone.)
measure() {
	local code=
	case $2 in *fp) code=ref.fp ;; esac
	(
		trap '' PIPE
		"$1" script -i "$2" -G --ns -F pid,time,ip,sym,srcline >"$2.lines" 2>"$2.err"
		"$1" script -i "$2" --no-inline --ns -F pid,time,ip,sym,symoff >"$2.chains" 2>>"$2.err"
	)
	"$HERE/measure.pl" "${PHASES:-$2.phases}" "$2.lines" "$2.chains" source ${code:+"$code"}
}
