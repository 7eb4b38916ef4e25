#!/bin/bash
# ls_lists_the_objects_of_a_process.t - both forms, and that they are true: of a process that says
# what we know, and of one with the shim.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/ls.sh"

standin ''
LS --json $PID > json 2>&1
addresses='"lo":"0x[0-9a-f]*","hi":"0x[0-9a-f]*"'
is "JSON" "$(sed "s/$addresses/A/; s/\"pid\":$PID/P/" json)" '{P,"id":10,"path":"/lib/with\nline feed.so","state":"kept",A,"handles":0,"build_id":"ab000102030405060708090a0b0c0d0e0f1011ff","bytes":4096,"soname":"feed.so.1","flags":["nodelete","tls","namespace","held","unnamed","detached"]}
{P,"id":20,"path":"","state":"live",A,"handles":null,"build_id":"","bytes":4096,"soname":"","flags":[]}'
is "addresses are those of the process" "$(grep -c "\"lo\":\"0x$(sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) r--p 00000000 00:00 0.*/\1/p' /proc/$PID/maps | head -1)\"" json)" 1
is "text" "$(LS $PID | sed 's/[0-9a-f]\{12\}-[0-9a-f]\{12\}/A/')" '   ID  STATE      ADDRESSES                  HANDLES       BYTES  FLAGS                                         BUILD-ID      PATH
   10  kept       A        0        4096  nodelete,tls,namespace,held,unnamed,detached  ab0001020304  /lib/with\x0aline feed.so
   20  live       A        -        4096  -                                             -             '
standin reopened
is "what is kept and has handles was opened again" "$(LS --json $PID | sed -n 1p | grep -o '"id":10,\|"state":"[a-z]*"\|"handles":[0-9]*' | xargs)" \
	'id:10, state:live handles:77'
standin reopened,hidden
is "but nobody opens a hidden one" "$(LS --json $PID | sed -n 1p | grep -o '"state":"[a-z]*"\|"handles":[0-9]*' | xargs)" \
	'state:kept handles:77'
standin nohandles
is "handles are unknown where the count was not found" "$(LS --json $PID | grep -o '"handles":[^,]*' | sort -u)" '"handles":null'
standin badpath
is "an object whose strings cannot be read is left out" "$(LS --json $PID | grep -c '"id"')" 1

# The shim itself: what it says agrees with the kernel and with what was opened.
cat > open.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	void *first = dlopen(argv[1], RTLD_NOW), *second = dlopen(argv[1], RTLD_NOW);
	if (!first || !second || dlclose(dlopen(argv[2], RTLD_NOW)))
		return 1;
	puts("ready");
	fflush(stdout);
	return getchar() == EOF;
}
END
echo 'int opened;' | "$CC" -shared -fPIC -Wl,--build-id=sha1,-soname,opened.so.1 -o opened.so -x c -
echo 'int closed;' | "$CC" -shared -fPIC -o closed.so -x c -
"$CC" -o open open.c -ldl || bail "cannot compile"
mkfifo in out
LINGER=policy:off LD_PRELOAD=$SHIM ./open ./opened.so ./closed.so < in > out &
PID=$! PIDS+=" $!"
exec 3> in 4< out
read -r ready <&4
is "the program has opened it" "$ready" ready
LS --json $PID > json
opened=$(grep '"soname":"opened.so.1"' json)
like "its state" "$opened" '"state":"live"'
like "its handles" "$opened" '"handles":2,'
like "its build-id" "$opened" "\"build_id\":\"$(readelf -n opened.so | sed -n 's/.*Build ID: //p')\""
lo=$(sed -n 's|^\([0-9a-f]*\)-.* 00000000 .*/opened\.so$|\1|p' /proc/$PID/maps)
hi=$(sed -n 's|^[0-9a-f]*-\([0-9a-f]*\) .*/opened\.so$|\1|p' /proc/$PID/maps | tail -1)
like "its addresses" "$opened" "\"lo\":\"0x$lo\",\"hi\":\"0x$hi\""
bytes=$(perl -ne '$n += hex($2) - hex($1) if m|^(\w+)-(\w+) .*/opened\.so$|; END { print $n }' /proc/$PID/maps)
like "its bytes" "$opened" "\"bytes\":$bytes,"
is "what was closed is not there" "$(grep -c closed.so json)" 0
is "every file the kernel has mapped to run is there" \
	"$(sed -n 's|.* r-xp .* \(/.*\)|\1|p' /proc/$PID/maps | sort -u)" \
	"$(perl -MJSON::PP -ne 'print decode_json($_)->{path}, "\n"' json | grep ^/ | xargs -n1 readlink -f | sort -u)"
like "the program itself" "$(grep '"main"' json)" "\"path\":\"[^\"]*/open\""
is "ids ascend" "$(grep -o '"id":[0-9]*' json | cut -d: -f2 | sort -n -c 2>&1)" ''
echo >&3
wait $PID
is "the program ended well" $? 0
