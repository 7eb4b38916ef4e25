#!/usr/bin/env bash
# What is loaded from outside the system's library directories is found in the archive under its content
# and its build-id, whatever becomes of the file, and the manifest says when it was where.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/archive.sh"

# -- a library, the program, and what is listed
build p.so
archived one "$HOST" open "$TMP/p.so" maps close
is 'the program' "$(sed 's/^[0-9a-f]* [0-9:]*:[0-9]*$/MAPS/' one)" $'open: 1000 '"$TMP/p.so"$'\nMAPS\nstatus 0'
key=$(key_of "$TMP/p.so")
is 'the key is the build-id and the content' "$(sed -E 's/-[0-9a-f]{40}$/-CONTENT/' <<<"$key")" "$(build_id_of p.so)-CONTENT"
ok 'a library is archived' complete p.so "$key"
is 'its copy has its name, too' "$(stat -c %i "$A/objects/$key/p.so")" "$(stat -c %i "$A/objects/$key/elf")"
ok 'the program is archived' complete "$HOST" "$(key_of "$HOST")"
is 'nobody else may look' "$(stat -c %a "$A")" 700
is 'nothing is left over' "$(leftovers)" 0
like 'the first line' "$(manifest | head -n 1)" "^linger-manifest 1 [0-9]+ [0-9]+ [0-9]+ $HOST$"
pid=$(manifest | head -n 1 | cut -d' ' -f3)
is 'the name is of the process and its start' "$(ls "$A/manifest")" "$(manifest | head -n 1 | cut -d' ' -f3,4 | tr ' ' .)"
is 'and the log has it' "$(compgen -G 'one.log.*')" "one.log.$pid"
like 'system libraries are listed, and not archived' "$(lines open '/libc.so.6')" ' [0-9a-f]+ - /.*libc.so.6$'
is 'a library is where the kernel says' "$(lines open "$TMP/p.so" | awk '{ sub(/-.*/, "", $4); print $4, $5 }')" "$(sed -n 2p one)"
is 'it is unloaded' "$(lines unload "$TMP/p.so" | wc -l)" 1
is 'nothing else is' "$(manifest | grep -c '^unload')" 1
is 'each line has its time, in order' "$(manifest | sed 1d | awk '{ print $2 }' | sort -nc 2>&1)" ''
is 'the log has the copies' "$(events one.log archive | grep -c "\"path\":\"$A/objects/$key/elf\"")" 1
like 'and their number' "$(events one.log archive | wc -l)" '^3$'

# -- no build-id
build bare.so -Wl,--build-id=none
new_archive
archived one "$HOST" open "$TMP/bare.so"
key=$(key_of "$TMP/bare.so")
like 'without build-id the content is the key' "$key" '^[0-9a-f]{40}$'
ok 'without build-id: archived' complete bare.so "$key"
is 'without build-id: listed under its content' "$(lines open "$TMP/bare.so" | awk '{ print $6 }')" "$key"

# -- files that do not last
new_archive
for kind in '' '-nostartfiles'; do
	for id in sha1 none; do
		build original.so $kind -Wl,--build-id=$id
		for step in brief memfd; do
			new_archive
			cp original.so gone.so
			archived one "$HOST" "$step" "$TMP/gone.so" value
			like "$step, build-id $id $kind: the program" "$(sed -n 2p one)" '^value: 1000'
			path=$TMP/gone.so
			[ $step = memfd ] && path='/proc/self/fd/[0-9]*'
			ok "$step, build-id $id $kind: archived" complete original.so "$(key_of "$path")"
		done
	done
done
is 'a memfd has a name' "$(basename "$A"/objects/*/generated.so)" generated.so
# As another user, who may not open /proc/PID/map_files.
build original.so -nostartfiles
new_archive
mkdir -m 777 theirs
cp original.so theirs/gone.so
chmod 755 "$TMP"
A=$TMP/theirs/archive
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
LINGER=$(LINGER_SETTINGS=archive:$A words_for "$TMP/theirs/log") "${as_nobody[@]}" env LD_PRELOAD="$SHIM" "$HOST" \
	brief "$TMP/theirs/gone.so" > two 2>&1
is 'for any user' "$(cat two)" "brief: 1000 $TMP/theirs/gone.so"
ok 'for any user: archived' complete original.so "$(key_of "$TMP/theirs/gone.so")"
A=$TMP/archive

# -- dependencies, and what is there at the start
mkdir sub
build sub/dependency.so -DIS_DEPENDENCY
build needs.so -DDEPENDS sub/dependency.so -Wl,-rpath,"\$ORIGIN/sub"
new_archive
archived one "$HOST" open "$TMP/needs.so"
ok 'what it needs is archived' complete sub/dependency.so "$(key_of "$TMP/.*sub/dependency.so")"
cat > started.c <<'END'
#include <unistd.h>
int dependency_value(void);
int main(int argc, char **argv) { return unlink(argv[1]) || dependency_value() != 1; }
END
"$CC" -o started started.c sub/dependency.so -Wl,-rpath,"\$ORIGIN/sub" || bail 'cannot build'
cp started original
new_archive
archived one ./started started
is 'a program that removes itself: the program' "$(cat one)" 'status 0'
ok 'a program that removes itself: archived' complete original "$(key_of "$TMP/started")"
ok 'with its own library' complete sub/dependency.so "$(key_of "$TMP/.*sub/dependency.so")"

# -- files that change
build v1.so -DVERSION=1
build v2.so -DVERSION=2
new_archive
cp v1.so p.so
archived one "$HOST" open "$TMP/p.so" close cp v2.so p.so open "$TMP/p.so"
is 'rewritten in place: both are listed' "$(lines open "$TMP/p.so" | awk '{ print $7 }' | sort -u | wc -l)" 2
for v in 1 2; do
	is "rewritten in place: version $v" "$(cat "$A"/objects/"$(build_id_of v$v.so)"-*/elf | cmp - v$v.so)" ''
done

# -- two files with one build-id
strip -o stripped.so v1.so
for order in 'v1 stripped' 'stripped v1'; do
	new_archive
	rm -f one.log.*
	for f in $order; do
		archived one "$HOST" open "$TMP/$f.so"
	done
	is "one build-id, $order: two copies" "$(copies_of v1.so)" 2
	id=$(build_id_of v1.so)
	ok "one build-id, $order: the link leads to the one with symbols" cmp -s "$A/.build-id/${id:0:2}/${id:2}/elf" v1.so
done

# -- separate debug files
mkdir -p debugs/.debug
objcopy --only-keep-debug v1.so p.debug
build bare1.so -Wl,--build-id=none
objcopy --only-keep-debug bare1.so bare.debug
strip -o debugs/p.so --strip-all v1.so && objcopy --add-gnu-debuglink=p.debug debugs/p.so
strip -o debugs/bare.so --strip-all bare1.so && objcopy --add-gnu-debuglink=bare.debug debugs/bare.so
build other.so -DTELLS -Wl,--build-id=none
objcopy --only-keep-debug other.so wrong.debug
objcopy --only-keep-debug v2.so another.debug
# debug_of PLACE FILE LIBRARY: what is archived as its debug file, with FILE in that place.
debug_of() {
	mkdir -p "$(dirname "$1")"
	cp "$2" "$1"
	new_archive
	archived one "$HOST" open "$TMP/debugs/$3"
	rm "$1"
	rmdir -p "$(dirname "$1")" 2>/dev/null
	cmp "$2" "$A/objects/$(key_of "$TMP/debugs/$3")/debug" 2>&1
}
id=$(build_id_of v1.so)
is 'a debug file beside it' "$(debug_of debugs/p.debug p.debug p.so)" ''
is 'a debug file in .debug' "$(debug_of debugs/.debug/p.debug p.debug p.so)" ''
is 'a debug file without build-id' "$(debug_of debugs/bare.debug bare.debug bare.so)" ''
like 'one of another build is none' "$(debug_of debugs/p.debug another.debug p.so)" 'No such file'
like 'one with another checksum is none' "$(debug_of debugs/bare.debug wrong.debug bare.so)" 'No such file'
if [ -w /usr/lib ]; then
	is 'a debug file in /usr/lib/debug' "$(debug_of "/usr/lib/debug$TMP/debugs/p.debug" p.debug p.so)" ''
	is 'a debug file by its build-id' "$(debug_of "/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug" p.debug p.so)" ''
else
	skip 'a debug file in /usr/lib/debug' 'it may not be written'
	skip 'a debug file by its build-id' 'it may not be written'
fi

# -- what is known is not read again
need strace strace
sleep 0.05 # what was written within a tick of the clock may change within it
opens() {
	LINGER=$(LINGER_SETTINGS=archive:$A words_for "$TMP/strace") strace -f -qq -e trace=openat -E "LD_PRELOAD=$SHIM" -o strace.out \
		"$HOST" open "$TMP/v1.so" close open "$TMP/v1.so" close > /dev/null
	grep -c "\"$TMP/v1.so\"" strace.out
}
new_archive
is 'a new file is opened by the loader, twice, and to be archived' "$(opens)" 3
is 'a known file is opened by the loader alone' "$(opens)" 2
rm -rf "$A"/objects/*
is 'what was removed is archived again' "$(opens) $(copies_of v1.so)" '3 1'
: > v1.empty
chmod u+w "$A"/objects/"$id"-*/elf
: > "$(echo "$A"/objects/"$id"-*/elf)"
is 'what was damaged is archived again' "$(opens) $(cmp "$A"/objects/"$id"-*/elf v1.so)" '3 '

# -- kept objects: their pages are another file's, and the file's again
new_archive
POLICY=never archived one "$HOST" open "$TMP/v1.so" close stop < /dev/null
is 'a kept library is not unloaded' "$(lines unload "$TMP/v1.so")" ''
is 'a kept library has moved to the copy' \
	"$(lines map "$TMP/v1.so" | awk '{ print NF, $4 ~ /^[0-9a-f]+-[0-9a-f]+$/, $5 }' | sed 's/ [0-9]*:[0-9]*:/ /')" \
	"5 1 $(stat -c %i "$A"/objects/*/v1.so)"

# -- forks
for how in fork _fork; do
	new_archive
	archived one "$HOST" open "$TMP/v1.so" memfd "$TMP/v2.so" $how open "$TMP/bare.so" close
	is "$how: the program" "$(tail -n 1 one)" 'status 0'
	is "$how: the child has its own" "$(count "$A/manifest")" 2
	is "$how: the child lists what it inherited" "$(lines open "$TMP/v1.so" 1 | cut -d' ' -f3-)" \
		"$(lines open "$TMP/v1.so" 0 | cut -d' ' -f3-)"
	is "$how: also what has no file" "$(key_of '/proc/self/fd/[0-9]+' 1)" "$(key_of '/proc/self/fd/[0-9]+' 0)"
	is "$how: and what is its own" "$(lines open "$TMP/bare.so" 1 | wc -l) $(lines unload "$TMP/bare.so" 1 | wc -l)" '1 1'
	is "$how: which the parent has not" "$(lines open "$TMP/bare.so" 0 | wc -l)" 0
done
new_archive
archived one "$HOST" fork
is 'a child that loads nothing has none' "$(count "$A/manifest")" 1

# -- many at once
mkdir many
for i in 1 2 3 4 5 6 7 8; do build "many/$i.so" -DVERSION=$i; done
new_archive
steps=()
for i in 1 2 3 4 5 6 7 8; do steps+=(open "$TMP/many/$i.so"); done
pids=()
for i in 1 2 3 4 5 6 7 8; do
	LINGER=policy:off,log:$TMP/at-once,archive:$A LD_PRELOAD=$SHIM "$HOST" "${steps[@]}" > "at-once.out$i" 2>&1 &
	pids+=($!)
done
bad=0
for i in "${pids[@]}"; do wait "$i" || bad=$((bad + 1)); done
is 'eight at once: all end well' "$bad" 0
is 'eight at once: each has its manifest' "$(count "$A/manifest")" 8
bad=
for i in 1 2 3 4 5 6 7 8; do
	for n in 0 1 2 3 4 5 6 7; do
		complete "many/$i.so" "$(key_of "$TMP/many/$i.so" $n)" || bad+="$i.so in $n; "
	done
done
is 'eight at once: all is complete' "$bad" ''
is 'eight at once: nothing is left over' "$(leftovers)" 0
is 'eight at once: nothing went wrong' "$(reasons_of at-once)" ''

# -- its size
new_archive
for i in 1 2 3 4 5; do build "many/large$i.so" -DVERSION=$i -DPADDING=300000; done
for i in 1 2 3 4; do
	archived one "$HOST" open "$TMP/many/large$i.so"
	touch -cd "$((10 - i)) minutes ago" "$A"/objects/"$(build_id_of "many/large$i.so")"-*
done
touch -cd '20 minutes ago' "$A"/objects/"$(build_id_of many/large2.so)"-*
there() {
	for i in 1 2 3 4 5; do
		compgen -G "$A/objects/$(build_id_of "many/large$i.so")-*" > /dev/null && printf %s "$i"
	done
}
is 'it is noted, with a page for each manifest' "$(($(cat "$A/used") - $(cat "$A"/objects/*/elf | wc -c)))" $((4 * 4096))
is 'as long as there is room all stays' "$(there)" 1234
max=$(($(cat "$A/used") + 200000))
touch -cd '30 minutes ago' "$A/manifest"/*
WORDS=archive_max:$max archived one "$HOST" open "$TMP/many/large5.so"
like 'what was used longest ago has gone' "$(there)" '^1?345$'
is 'what has gone is not led to' "$(find "$A/.build-id" -xtype l | wc -l)" 0
left=$(($(cat "$A/used") - $(cat "$A"/objects/*/elf | wc -c)))
ok "the size is noted anew ($left for manifests)" test $left -gt 0 -a $left -le 8192
ok 'it is below what was allowed' test "$(cat "$A/used")" -lt $max
is 'manifests of processes that have ended go, too' "$(count "$A/manifest")" 1
