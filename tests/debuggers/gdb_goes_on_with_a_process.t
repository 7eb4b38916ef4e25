#!/usr/bin/env bash
# After `linger gdb` has found what was there, a program goes on as under stock gdb: what it loads from then on
# is found by its name, also where the debugger was first shown another file of that name; breakpoints that
# wait for a library stop in it; the user's own settings of gdb hold, and nothing is left behind.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/debuggers.sh"
need gdb gdb
need setpriv util-linux

plugin old.so old
plugin new.so new -DPAD=1
plugin third.so third -DPAD=1
P=$TMP/p.so

# The first library is deleted with a thread inside; then another one comes under its name, and a third.
cp old.so p.so
cp new.so by.so
start plain open "$P" enter delete "$P" wait replace "$P" by.so namespace "$P" call trace \
	open "$TMP/third.so" call trace wait
got=$("$LINGER_CMD" gdb $PID -q -batch -ex 'set breakpoint pending on' -ex 'break mid_third' \
	-ex 'break mid_new' -ex 'thread apply all backtrace' -ex 'shell echo >&7' -ex 'continue' \
	-ex 'backtrace 2' -ex 'continue' -ex 'backtrace 2' 7>&7 2>&1)
is "what was there" "$(named old "$got" places)" 3
like "a breakpoint in the file that came under its name" "$got" \
	'Breakpoint 2, mid_new .*new\.c:[0-9]+.*#1 [^#]*entry [^#]*new\.c:[0-9]+'
like "and in one from elsewhere" "$got" \
	'Breakpoint 1, mid_third .*third\.c:[0-9]+.*#1 [^#]*entry [^#]*third\.c:[0-9]+'
like "the process is let go" "$got" 'detached'
ok "and lives on" kill -0 $PID
stop

# The user's own settings.
echo 'set logging file /dev/null' >"$HOME/.gdbinit"
echo 'print "the user was here"' >>"$HOME/.gdbinit"
cp old.so p.so
start plain open "$P" enter delete "$P" wait
got=$("$LINGER_CMD" gdb $PID -q -batch -ex 'thread apply all backtrace' 2>&1)
like "the user's settings are read" "$got" 'the user was here'
is "and do not stand in the way" "$(named old "$got" places)" 3
got=$("$LINGER_CMD" gdb $PID -q -batch -nx -ex 'print 40 + 2' 2>&1)
like "options are gdb's own" "$got" '= 42'
ok "and win" test -z "$(grep 'the user' <<<"$got")"
is "the status is gdb's" "$("$LINGER_CMD" gdb $PID -q -batch -ex 'quit 7' >/dev/null 2>&1; echo $?)" 7

stop

# A process with a file system of its own, as in a container: what its paths lead to is not what ours do.
mkdir box
cp third.so box/new.so
if unshare -m true 2>/dev/null; then
	AS=(unshare -m sh -c 'mount -t tmpfs none box && cp old.so new.so box/ && exec "$@"' sh)
	start plain open "$TMP/box/old.so" enter open "$TMP/box/new.so" enter delete "$TMP/box/old.so" wait
	AS=(env)
	got=$("$LINGER_CMD" gdb $PID -q -batch -nx -ex 'thread apply all backtrace' 2>&1)
	is "in another file system, deleted" "$(named old "$got" places)" 3
	is "in another file system, in place" "$(named new "$got" places)" 3
	stop
else
	skip "another file system" "no mount namespace may be made here"
fi

# Who is not root cannot open what is mapped, unless a descriptor leads there: linger's private copy.
mkdir theirs
cp old.so theirs/p.so
chmod 755 "$TMP" "$TMP/tmp"
chmod 777 "$TMP/tmp" theirs
NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
AS=("${NOBODY[@]}")
start policy:safe open "$TMP/theirs/p.so" enter close delete "$TMP/theirs/p.so" wait
got=$("${NOBODY[@]}" "$LINGER_CMD" gdb $PID -q -batch -nx -ex 'thread apply all backtrace' 2>&1)
is "closed and deleted, for others than root" "$(named old "$got" places)" 3
like "by the process's own descriptor" "$got" "/proc/$PID/fd/[0-9]+"
stop
AS=(env)
rm -f "$HOME/.gdbinit"
is "nothing is left behind" "$(find "$TMP/tmp" "$HOME" -mindepth 1)" ""
