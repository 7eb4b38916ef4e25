#!/usr/bin/env bash
# With the setting `control` the command redirects symbols while the program runs: where a thread waits
# in a system call, or in the program's next dl* call, and never where it would do harm.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
need python3 python3
need perl perl
need setpriv util-linux
need strace strace
chmod 755 "$TMP"
mkdir -m 700 run bin
chmod 755 bin
cp "$LINGER_CMD" "$SHIM" bin/
export XDG_RUNTIME_DIR=$TMP/run
replaced="getppid=$(plug commands)#replaced_getppid"
controlled=control # what begin adds to the settings

# begin OUT COMMAND...: starts it with linger, and waits until it says that it begins. $PID is its.
begin() {
	local out=$1
	shift
	rm -f "$out.log".*
	: > "$out"
	LINGER=${controlled:+$controlled,}$(words_for "$TMP/$out.log") LD_PRELOAD=$SHIM timeout 120 "$@" > "$out" 2> "$out.err" &
	JOB=$!
	until grep -q begins "$out"; do
		kill -0 $JOB 2> /dev/null || bail "$* ended: $(cat "$out.err")"
		read -rt 0.01 _ < <(:)
	done
	PID=$(sed -n 's/^child //p' "$out")
	[ -n "$PID" ] || read -r PID _ < "/proc/$JOB/task/$JOB/children"
	compgen -G "$out.log.*" > /dev/null || bail "the shim was not in the process"
}
# command WORD...: what it says, and its status where that is not 0.
command_of() { "$LINGER_CMD" "$@" 2>&1 || echo "status $?"; }
# until_says OUT WORD N
until_says() { until [ "$(grep -cx "$2" "$1")" -ge "$3" ] || ! kill -0 $JOB 2> /dev/null; do read -rt 0.01 _ < <(:); done; }
# ended: waits for its end. ends_well NAME OUTPUT.
ended() { wait $JOB 2> /dev/null; STATUS=$?; }
ends_well() {
	ended
	is "$1" "status $STATUS
$(cat out out.err)" "status 0
$2"
}
# turn NAME HOW: redirected, listed and restored.
turn() {
	local name=$1
	begin out "$(host is_commanded)" "$2"
	is "$name: redirected" "$(command_of redirect "$PID" "$replaced")" 1
	until_says out redirected 1
	like "$name: it is listed" "$(command_of redirects --json "$PID")" \
		"^\{\"pid\":$PID,\"number\":1,\"symbol\":\"getppid\",\"library\":\"[^\"]*plug_commands.so\",\"changed\":[1-9][0-9]*,\"unbound\":[0-9]+,\"other\":0,\"restorable\":true\}$"
	is "$name: restored" "$(command_of restore "$PID" 1)" ''
	ends_well "$name: it ends well" "$(sed '/^redirected$/d; /^restored$/d' out)
redirected
restored"
	is "$name: it leaves no socket" "$(ls run/linger)" ''
}

POLICY=
turn "it waits in poll" waits
turn "it opens something now and then" opens
turn "a child of fork" forks
turn "with a handler of its own for the signal" handles
turn "every descriptor was closed, and the signal's action is the default" forgets

begin out "$(host is_commanded)" computes
like "it does neither" "$(command_of redirect --wait 0.3 "$PID" "$replaced")" \
	'^linger redirect: process [0-9]+ has not come to it: .*--wait gives it more time
status 1$'
is "and has not been redirected" "$(cat out)" begins
kill "$PID"
ended

# It comes to the request in a dl* call, between the command's connect and its send, and hangs up.
begin out "$(host is_commanded)" opens
is "it looked before the request was sent" "$(strace -qq -o /dev/null -e trace=sendto -e inject=sendto:delay_enter=300ms:when=1 \
	"$LINGER_CMD" redirect --wait 20 "$PID" "$replaced" 2>&1)" 1
"$LINGER_CMD" restore --wait 20 "$PID" all
ended

# The request is in the socket when the process goes on, before that of the list.
begin out "$(host is_commanded)" waits
kill -STOP "$PID"
like "it is stopped" "$(command_of redirect --wait 0.3 "$PID" "$replaced")" 'has not come to it'
kill -CONT "$PID"
is "what was given up is not carried out later" "$(command_of redirects --json "$PID")" ''
kill "$PID"
ended

# ------------------------------------------------------------------------------ in the middle of malloc
# A library that is loaded already costs no memory: each time another one.
copies 20 commands >copied
begin out "$(host is_commanded)" allocates
for ((i = 1; i <= 20; i++)); do
	"$LINGER_CMD" redirect --wait 20 "$PID" "getppid=$TMP/commands$i.so#replaced_getppid" 2>&1 || break
	until_says out redirected $i
	"$LINGER_CMD" restore --wait 20 "$PID" all 2>&1 || break
	until_says out restored $i
done > said
is "threads that allocate all the time: each command was carried out" "$(cat said)" "$(seq 1 20)"
[ "$i" -gt 20 ] || kill -9 "$PID"
ended
is "and it ends well" "$STATUS$(cat out.err)" 0

# ------------------------------------------------------------------------------------ real programs
cat > joins.py <<'END'
import os, threading
def compute():
    while os.getppid() != 4242:
        sum(range(1000))
threads = [threading.Thread(target=compute) for _ in range(3)]
for t in threads: t.start()
print("begins", flush=True)
for t in threads: t.join()
print("joined", flush=True)
END
begin out python3 joins.py
is "python3, which waits for threads that compute" "$(command_of redirect "$PID" "$replaced")" 1
ends_well "it goes on" "begins
joined"
mkfifo fifo
begin out bash -c 'exec 3<> fifo; echo begins; read -r line <&3; echo "read $line"'
is "a shell that reads" "$(command_of redirect "$PID" "$replaced")" 1
echo something > fifo
ends_well "it reads on" "begins
read something"

# ------------------------------------------------------------------------------- what is said
begin out "$(host is_commanded)" waits
is "nothing is redirected" "$(command_of redirects "$PID")" "NUMBER  CHANGED  UNBOUND  OTHER  SYMBOL  LIBRARY"
is "no such number" "$(command_of restore "$PID" 7)" \
	"linger restore: there is no redirect of that number; \`linger redirects\` lists them
status 1"
is "nothing to restore" "$(command_of restore "$PID" all)" ''
is "no number" "$(command_of restore "$PID" x)" \
	"linger restore: 'x' is no number of a redirect; \`linger redirects\` lists them
status 2"
is "no redirect" "$(command_of redirect "$PID" getppid)" \
	"linger redirect: bad redirect 'getppid': it takes SYM[@VER]=LIB[#SYM][;in=GLOB]
status 2"
is "judged before the process is asked" "$(command_of redirect "$PID" getppid=./none.so)" \
	"linger redirect: 'getppid' cannot be redirected: $TMP/./none.so does not exist
status 1"
like "what only the loader can know" "$(command_of redirect "$PID" getppid=libnone.so)" \
	'^linger redirect: libnone.so: cannot open shared object file.*
status 1$'
like "what only linger in the process can know" "$(command_of redirect "$PID" "sigaltstack=$(plug commands)#replaced_getppid")" \
	'^linger redirect: sigaltstack cannot be redirected: it is defined by .*
status 1$'
is "two at once, and both are carried out" "$(command_of redirect "$PID" "geteuid=$(plug commands)#replaced_getppid" > one &
	command_of redirect "$PID" "getuid=$(plug commands)#replaced_getppid" > two; wait; sort one two)" '2
3'
is "a relative path is of the command's directory" "$(cd "$BUILT" && command_of redirect "$PID" getgid=plug_commands.so#replaced_getppid)" \
	"linger redirect: plug_commands.so: cannot open shared object file: No such file or directory
status 1"
is "a path" "$(cd "$BUILT" && command_of redirect "$PID" getgid=./plug_commands.so#replaced_getppid)" 4
is "a name that nobody defines" "$("$LINGER_CMD" redirect "$PID" "nosuch=$(plug commands)#replaced_getppid" 2> hint; cat hint)" \
	"5
linger redirect: nosuch is defined by no loaded object; once it is, it will be redirected"
is "all are restored" "$(command_of restore "$PID" all; command_of redirects --json "$PID")" ''
kill -9 "$PID"
ended

# ---------------------------------------------------------------------------------------- who may ask
# connect PATH: whether somebody who connects gets an answer.
cat > connect.pl <<'END'
use Socket;
socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
connect($s, sockaddr_un($ARGV[0])) or do { print "no: $!\n"; exit };
syswrite($s, "redirects\n");
kill "URG", $ARGV[1];
my $n = sysread($s, my $line, 100);
print defined $n && $n ? "answer $line" : "none\n";
END
begin out "$(host is_commanded)" waits
socket=run/linger/$PID.sock
is "the folder is the user's alone" "$(stat -c '%a %u' run/linger)" "700 $(id -u)"
is "the user gets an answer" "$(perl connect.pl "$socket" "$PID")" 'answer ok 0'
if [ "$(id -u)" -eq 0 ]; then
	nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
	chmod 644 connect.pl
	like "another user's command" "$(nobody bin/linger redirects "$PID" 2>&1)" "process $PID may not be read: be the same user or root"
	like "another user cannot connect" "$(nobody perl connect.pl "$socket" 0)" 'no: Permission denied'
	chmod 755 run run/linger
	chmod 777 "$socket"
	nobody perl connect.pl "$socket" 0 > nobodys &
	until [ -s nobodys ]; do command_of redirects "$PID" > /dev/null; done
	is "and gets no answer where he can" "$(cat nobodys)" none
	chmod 700 run run/linger
else
	skip "another user" "not root"
fi
kill -9 "$PID"
ended
ok "a killed process leaves its socket" test -S "$socket"

# A process that has the number of one that has gone: exec is the way to have it for sure.
# shellcheck disable=SC2016
begin out perl -MSocket -e 'mkdir "run/linger"; socket(S, AF_UNIX, SOCK_STREAM, 0) or die;
	unlink "run/linger/$$.sock"; bind(S, sockaddr_un("run/linger/$$.sock")) or die; close S;
	exec @ARGV' "$(host is_commanded)" waits
is "a stale socket is replaced" "$(command_of redirects --json "$PID")" ''
kill -9 "$PID"
ended

# refused NAME: the command says that it cannot be, and the log has this reason and path.
refused() {
	begin out "$(host is_commanded)" waits
	like "$1: the command says so" "$(command_of redirects "$PID")" \
		'^linger redirects: process [0-9]+ is not under control; .*its log says why there is no socket\)
status 1$'
	like "$1: the log says so" "$(events out.log error)" "\"path\":\"[^\"]*$2[^\"]*\",\"reason\":\"no-control\""
	kill -9 "$PID"
	ended
}
long=$TMP/$(printf 'x%.0s' {1..108})
mkdir -p "$long"
XDG_RUNTIME_DIR=$long refused "a folder whose name is too long" xxxx
XDG_RUNTIME_DIR=$TMP/none refused "a folder that is not there" none
mkdir -p open/linger
chmod 755 open/linger
XDG_RUNTIME_DIR=$TMP/open refused "a folder that is open to others" open/linger

# ------------------------------------------------------------------------------------ without the setting
rm -rf run/linger
controlled=
begin out "$(host is_commanded)" waits
like "without the setting" "$(command_of redirect "$PID" "$replaced")" \
	'^linger redirect: process [0-9]+ is not under control; start it with `linger run -o control`.*
status 1$'
is "there is no descriptor" "$(find "/proc/$PID/fd" -lname 'socket:*')" ''
is "no signal is caught" "$(sed -n 's/^SigCgt:\t//p' "/proc/$PID/status")" 0000000000000000
is "and there is no folder" "$(ls run)" ''
kill -9 "$PID"
ended
