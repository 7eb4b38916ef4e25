#!/bin/bash
# log_lists_a_log_for_people_and_programs.t - the two forms of every record.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/log.sh"

forge L start=1000000000 pid=12 tid=12 ppid=7 linger=log:/x exe=/bin/app << END
1000001000 0 2 12 $DLOPEN 0 ./a.so
1000002000 3 0 12 $OPEN 0 /lib/a.so
1000003000 0 257 13 $DLOPEN 0
1000004000 0 4097 12 $DLOPEN 0 b
1000005000 0 2147483654 12 $DLOPEN 0 c
1000006000 0 18446744073709551615 12 $DLMOPEN 0 d.so
1001000000 3 0 12 $DLCLOSE 0 /lib/a.so
1001001000 3 0 12 $REQUEST 0 /lib/a.so
1001002000 3 0 12 $KEEP $BY_POLICY /lib/a.so
3500000000 0 0 12 $ERROR $E_LOG /log.12
3500001000 0 0 12 $ERROR $E_LOG
END
is "text" "$(log --calls L)" '     0.000000  12/12           start         -  /bin/app (linger 0.1.0, glibc 2.36, LINGER=log:/x)
     0.000001  12/12           dlopen        -  ./a.so RTLD_NOW|RTLD_LOCAL
     0.000002  12/12           open         #3  /lib/a.so
     0.000003  12/13           dlopen        -  (the program) RTLD_LAZY|RTLD_GLOBAL
     0.000004  12/12           dlopen        -  b RTLD_LAZY|RTLD_LOCAL|RTLD_NODELETE
     0.000005  12/12           dlopen        -  c RTLD_NOW|RTLD_LOCAL|RTLD_NOLOAD|0x80000000
     0.000006  12/12           dlmopen       -  d.so namespace -1
     0.001000  12/12           dlclose      #3  /lib/a.so
     0.001001  12/12           request      #3  /lib/a.so
     0.001002  12/12           keep         #3  /lib/a.so: the policy keeps every object
     2.500000  12/12           error         -  /log.12: the log file could not be made
     2.500001  12/12           error         -  the log file could not be made'
is "calls are listed only when asked for" "$(log --json L | json '$o->{event}' | sort | uniq -c | xargs)" \
	'2 error 1 keep 1 open 1 request 1 start'
is "JSON" "$(log --json --calls L)" '{"time_ns":1000000000,"pid":12,"tid":12,"event":"start","id":0,"path":"/bin/app","version":"0.1.0","libc":"2.36","settings":"log:/x","lost":0,"forked":false,"ppid":7}
{"time_ns":1000001000,"pid":12,"tid":12,"event":"dlopen","id":0,"path":"./a.so","flags":"RTLD_NOW|RTLD_LOCAL"}
{"time_ns":1000002000,"pid":12,"tid":12,"event":"open","id":3,"path":"/lib/a.so"}
{"time_ns":1000003000,"pid":12,"tid":13,"event":"dlopen","id":0,"path":"","flags":"RTLD_LAZY|RTLD_GLOBAL"}
{"time_ns":1000004000,"pid":12,"tid":12,"event":"dlopen","id":0,"path":"b","flags":"RTLD_LAZY|RTLD_LOCAL|RTLD_NODELETE"}
{"time_ns":1000005000,"pid":12,"tid":12,"event":"dlopen","id":0,"path":"c","flags":"RTLD_NOW|RTLD_LOCAL|RTLD_NOLOAD|0x80000000"}
{"time_ns":1000006000,"pid":12,"tid":12,"event":"dlmopen","id":0,"path":"d.so","namespace":-1}
{"time_ns":1001000000,"pid":12,"tid":12,"event":"dlclose","id":3,"path":"/lib/a.so"}
{"time_ns":1001001000,"pid":12,"tid":12,"event":"request","id":3,"path":"/lib/a.so"}
{"time_ns":1001002000,"pid":12,"tid":12,"event":"keep","id":3,"path":"/lib/a.so","reason":"policy"}
{"time_ns":3500000000,"pid":12,"tid":12,"event":"error","id":0,"path":"/log.12","reason":"log-unwritable"}
{"time_ns":3500001000,"pid":12,"tid":12,"event":"error","id":0,"path":"","reason":"log-unwritable"}'

# Paths are bytes. One long enough for several slots, and bytes no terminal should see.
long=/$(printf 'd%.0s' {1..200})/$(printf 'f%.0s' {1..55})
forge odd slots=256 forked=1 ppid=9 << END
2000 18446744073709551615 0 5 $OPEN 0 $long
2001 2 0 5 $OPEN 0 /a%0ab%1b[2J%ff%c3%a9
END
is "a path over several slots" "$(log --json odd | sed -n 2p | json '$o->{path}')" "$long"
is "the largest id" "$(log --json odd | sed -n 2p | grep -o '"id":[0-9]*')" '"id":18446744073709551615'
is "odd bytes for people" "$(log odd | tail -1 | sed 's/.*#2  //')" '/a\x0ab\x1b[2J\xffé'
is "odd bytes for programs" "$(log --json odd | tail -1 | sed 's/.*"path"://')" '"/a\nb\u001b[2J\udcffé"}'
like "a forked process says so" "$(log odd | head -1)" 'forked by 9'
is "and in JSON" "$(log --json odd | head -1 | json '"$o->{forked} $o->{ppid}"')" '1 9'

is "an output that is full" "$("$LINGER_CMD" log L 2>&1 > /dev/full; echo $?)" \
	'linger log: cannot write to standard output: No space left on device
1'
is "no log is named" "$(log > out; echo $?; cat err)" '2
linger log: name a log file, or the FILE given to log:FILE'
is "an unknown option" "$(log --nonsense L; echo $?; cat err)" "2
linger log: unrecognized option '--nonsense'"
