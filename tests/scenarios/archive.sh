# shellcheck shell=bash
# archive.sh - what the tests of the archive share. Source it first, instead of plugins.sh.
#
# Gives: $A (an archive that is not there yet), build, archived, key_of, manifest, lines, new_archive,
# complete, reasons_of, count, copies_of, leftovers.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/plugins.sh"
A=$TMP/archive
# The build folder may be where only root looks; some of this is run by others.
mkdir -m 755 "$TMP/bin"
cp "$(host archived)" "$SHIM" "$TMP/bin"
HOST=$TMP/bin/host_archived
SHIM=$TMP/bin/liblinger.so
# Without debug information: what is below half a MiB is archived however long it takes on a busy machine.
need strip binutils
strip -g -o "$TMP/liblinger.so" "$SHIM" && SHIM=$TMP/liblinger.so
[ -x "$HOST" ] || bail "build first: $HOST is missing"

# build FILE FLAG...: a library whose value() is 1000 times VERSION.
build() {
	"$CC" -D_GNU_SOURCE -g -O1 -fPIC -shared -o "$1" "$ROOT/tests/plugins/plug_reloaded.c" "${@:2}" ||
		bail "cannot build $1"
}
# archived OUT COMMAND...: runs it with the archive; as run_linger. Words: more settings.
archived() {
	LINGER_SETTINGS=archive:$A${WORDS:+,$WORDS} run_linger "$@"
}
new_archive() {
	chmod -R u+w "$A" 2>/dev/null
	rm -rf "$A"
}
build_id_of() { readelf -nW "$1" 2>/dev/null | sed -n 's/.*Build ID: //p'; }
# manifest [N]: the N-th process's manifest, by their start; without N, of the only one.
manifest() {
	local files=("$A"/manifest/*)
	if [ $# -eq 0 ] && [ ${#files[@]} -ne 1 ]; then
		echo "${#files[@]} manifests" >&2
		return 1
	fi
	mapfile -t files < <(find "$A/manifest" -type f -printf '%f\n' | sort -t. -k2n)
	cat "$A/manifest/${files[${1:-0}]}"
}
# lines WHAT PATH-REGEX [N]: lines of the manifest, of objects whose path matches.
lines() {
	manifest ${3+"$3"} | awk -v what="$1" -v path="$2" '
		$1 == "open" && $0 ~ path "$" { id[$3] = 1 }
		$1 == what && ($3 in id)'
}
# key_of PATH-REGEX [N]: its key in the manifest.
key_of() { lines open "$@" | awk '{ print $7 }' | tail -n 1; }
# complete FILE KEY: is the copy there, the same, and led to by the build-id?
complete() {
	local file=$1 key=$2 id=${2%%-*} o=$A/objects/$2
	[ -n "$key" ] && [ "$key" != - ] && cmp -s "$file" "$o/elf" &&
		[ "$(stat -c %a "$o/elf")" = 500 ] &&
		[ "$(readlink "$A/.build-id/${id:0:2}/${id:2}")" = "../../objects/$key" ]
}
# reasons_of LOG: the reasons of its errors, each once, with their number.
reasons_of() { events "$1" error | sed 's/.*"reason":"\([^"]*\)".*/\1/' | sort | uniq -c | tr -s ' ' | tr '\n' ';'; }
count() { find "$1" -mindepth 1 -maxdepth 1 | wc -l; }
copies_of() { find "$A/objects" -maxdepth 1 -name "$(build_id_of "$1")-*" | wc -l; }
leftovers() { find "$A/tmp" -mindepth 1 | wc -l; }
