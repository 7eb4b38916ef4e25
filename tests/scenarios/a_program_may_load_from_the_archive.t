#!/usr/bin/env bash
# archive_mode:open: the loader gets the archived copy in place of the file, but never where the program
# would get something else by that. archive_mode:link: a hard link in place of the copy. And --archive.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/archive.sh"
for v in 1 2; do build v$v.so -DVERSION=$v; done
WORDS=archive_mode:open
# opened COMMAND...: its output, with the archive's paths as ARCHIVE/NAME and the status.
opened() {
	archived two "$@"
	cat two two.err | sed -E "s,$A/objects/[0-9a-f-]+/,ARCHIVE/,;s,$TMP/,,"
}

cp v1.so p.so
is 'a library is loaded from the archive' "$(opened "$HOST" open "$TMP/p.so" noload "$TMP/p.so" close)" \
	$'open: 1000 ARCHIVE/p.so\nnoload: yes\nstatus 0'
is 'it is listed under its own path' "$(lines open "$TMP/p.so" | wc -l) $(lines unload "$TMP/p.so" | wc -l)" '1 1'
ok 'with its key' complete v1.so "$(key_of "$TMP/p.so")"
relative() { (cd sub && LINGER=$(LINGER_SETTINGS=archive:$A,$WORDS words_for "$TMP/two.log") LD_PRELOAD=$SHIM "$HOST" open "../p.so"); }
mkdir sub
like 'by a relative path, too' "$(relative)" "^open: 1000 $A/"
is 'it is opened once, by whatever path' "$(opened "$HOST" open "$TMP/p.so" open "$TMP/./p.so" | sort | uniq -c | tr -s ' ')" \
	$' 2 open: 1000 ARCHIVE/p.so\n 1 status 0'
is 'what is not loaded is not loaded' "$(opened "$HOST" noload "$TMP/p.so")" $'noload: no\nstatus 0'
new_archive
cp v1.so p.so
is 'overwriting the file in place does no harm' "$(opened "$HOST" open "$TMP/p.so" cp "$TMP/v2.so" "$TMP/p.so" value)" \
	$'open: 1000 ARCHIVE/p.so\nvalue: 1000 ARCHIVE/p.so\nstatus 0'
cp v1.so p.so
is 'and the next open gives the new one' "$(opened "$HOST" open "$TMP/p.so" cp "$TMP/v2.so" "$TMP/p.so" open "$TMP/p.so")" \
	$'open: 1000 ARCHIVE/p.so\nopen: 2000 ARCHIVE/p.so\nstatus 0'
cp v1.so p.so
is 'so it does for what is kept' "$(POLICY=never opened "$HOST" open "$TMP/p.so" close cp "$TMP/v2.so" "$TMP/p.so" open "$TMP/p.so" close \
	cp "$TMP/v1.so" "$TMP/p.so" open "$TMP/p.so")" $'open: 1000 ARCHIVE/p.so\nopen: 2000 ARCHIVE/p.so\nopen: 1000 ARCHIVE/p.so\nstatus 0'
is 'what has no file' "$(opened "$HOST" memfd "$TMP/v1.so" value)" $'memfd: 1000 ARCHIVE/generated.so\nvalue: 1000 ARCHIVE/generated.so\nstatus 0'

# -- where the copy is not the same
cp v1.so same.so
is 'another file of the same content is another library' "$(opened "$HOST" open "$TMP/v1.so" open "$TMP/same.so")" \
	$'open: 1000 ARCHIVE/v1.so\nopen: 1000 same.so\nstatus 0'
is 'once the first has gone it is loaded from the archive' "$(opened "$HOST" open "$TMP/v1.so" close open "$TMP/same.so")" \
	$'open: 1000 ARCHIVE/v1.so\nopen: 1000 ARCHIVE/same.so\nstatus 0'
build sub/dependency.so -DIS_DEPENDENCY
build needs.so -DDEPENDS sub/dependency.so -Wl,-rpath,"\$ORIGIN/sub"
new_archive
is 'what finds its dependencies beside it stays there' "$(opened "$HOST" open "$TMP/needs.so")" $'open: 1001 needs.so\nstatus 0'
like 'and is archived' "$(key_of "$TMP/needs.so")" '[0-9a-f]+-[0-9a-f]+'
build sub/needed.so -DVERSION=7 -Wl,-soname,needed.so
build needing.so -DIS_DEPENDENCY -nostdlib -Wl,--no-as-needed sub/needed.so -Wl,-rpath,"$TMP/sub"
is 'what is loaded from its own place is the same' "$(opened "$HOST" open "$TMP/needing.so" open "$TMP/sub/needed.so" | tail -n 2)" \
	$'open: 7000 sub/needed.so\nstatus 0'
cat > started.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
extern int counter;
int value(void);
int main(int argc, char **argv)
{
	void *handle = dlopen(argv[1], RTLD_NOW);
	int *its = handle ? dlsym(handle, "counter") : 0;
	printf("%s %d\n", its == &counter ? "the same" : "another", value());
	return 0;
}
END
"$CC" -fPIC -o started started.c "$TMP/v1.so" || bail 'cannot build'
is 'what was there at the start is the same' "$(opened ./started "$TMP/v1.so")" $'the same 1000\nstatus 0'
LD_LIBRARY_PATH=$TMP/sub
export LD_LIBRARY_PATH
cat > bare.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(void)
{
	void *handle = dlopen("needed.so", RTLD_NOW);
	Dl_info info = { 0 };
	if (handle)
		dladdr(dlsym(handle, "value"), &info);
	puts(info.dli_fname ? info.dli_fname : "?");
	return 0;
}
END
"$CC" -D_GNU_SOURCE -o bare bare.c || bail 'cannot build'
is 'what is found by its bare name is loaded from its own place' "$(opened ./bare)" $'sub/needed.so\nstatus 0'
new_archive
opened ./bare > /dev/null
like 'and is archived, too' "$(key_of "$TMP/sub/needed.so")" '[0-9a-f]+-[0-9a-f]+'
unset LD_LIBRARY_PATH
space=(unshare -Urm)
"${space[@]}" true 2> /dev/null || space=(unshare -m)
if "${space[@]}" true 2> /dev/null; then
	mkdir disk
	noexec() { "${space[@]}" bash -c 'mount -t tmpfs -o noexec none "$0" && "$@"' "$TMP/disk" "$@"; }
	rm -f two.log.*
	is 'nothing can be loaded from the archive' "$(LINGER=policy:off,archive:$TMP/disk/archive,$WORDS,log:$TMP/two.log \
		noexec env LD_PRELOAD="$SHIM" "$HOST" open "$TMP/v1.so" open "$TMP/v2.so")" "open: 1000 $TMP/v1.so"$'\n'"open: 2000 $TMP/v2.so"
	is 'that is said once' "$(reasons_of two.log)" ' 1 archive-noexec;'
else
	skip 'nothing can be loaded from the archive' 'no mount namespace may be made here'
fi

# -- archive_mode:link
WORDS=archive_mode:link
new_archive
cp v1.so p.so
is 'link: the program' "$(opened "$HOST" open "$TMP/p.so")" $'open: 1000 p.so\nstatus 0'
is 'link: the same file' "$(stat -c %i "$A/objects/$(key_of "$TMP/p.so")/elf")" "$(stat -c %i p.so)"
sleep 0.05
is 'link: what is kept is not taken for changed' "$(POLICY=never opened "$HOST" open "$TMP/p.so" close open "$TMP/p.so" close)" \
	$'open: 1000 p.so\nopen: 1000 p.so\nstatus 0'
is 'link: it is loaded once' "$(events two.log open | grep -c p.so)" 1
sleep 0.05
is 'link: nor is what it needs' "$(POLICY=never opened "$HOST" open "$TMP/needs.so" close open "$TMP/needs.so" close)" \
	$'open: 1001 needs.so\nopen: 1001 needs.so\nstatus 0'
is 'link: that is loaded once' "$(events two.log open | grep -c dependency.so)" 1
new_archive
if [ "$(stat -c %d /dev/shm)" != "$(stat -c %d .)" ] && cp v2.so "/dev/shm/linger-test.$$.so"; then
	opened "$HOST" open "/dev/shm/linger-test.$$.so" > /dev/null
	key=$(key_of "/dev/shm/linger-test.$$.so")
	rm "/dev/shm/linger-test.$$.so"
	ok 'link: a copy where no link can be made' cmp -s v2.so "$A/objects/$key/elf"
else
	skip 'link: a copy where no link can be made' 'there is no other file system'
fi

# -- linger run --archive
unset WORDS
run() { LINGER=policy:off env -u LD_PRELOAD "$@" | sed "s,$TMP/,,"; }
run "$LINGER_CMD" run "--archive=$TMP/by/option" "$HOST" open "$TMP/v1.so" > one
is '--archive=DIR makes the directory' "$(cat one; count by/option/manifest)" $'open: 1000 v1.so\n1'
nothing=("$HOST" noload none.so)
run XDG_CACHE_HOME="$TMP/cache" "$LINGER_CMD" run --archive "${nothing[@]}" > one
is '--archive: below XDG_CACHE_HOME' "$(count cache/linger/manifest)" 1
run -u XDG_CACHE_HOME HOME="$TMP/home" "$LINGER_CMD" run --archive "${nothing[@]}" > one
is '--archive: else below HOME' "$(count home/.cache/linger/manifest)" 1
is 'for the user alone' "$(stat -c %a home/.cache/linger by/option | tr '\n' ' ')" '700 700 '
(cd sub && run "$LINGER_CMD" run --archive=here "${nothing[@]}" > one)
is 'a relative one: in the working directory' "$(count sub/here/manifest)" 1
