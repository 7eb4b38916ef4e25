# apache.sh - what the tests of a private apache2 share. Source it first, instead of programs.sh.
#
# Gives: $MODULES, $ADDRESS and $PORT for it to listen on, get, until_true, resumed, settled; and ends the
# server whose process number is in $server, when the test ends. Its configuration is $TMP/apache.conf,
# its error log $TMP/error.log.
# Nothing waits for time to pass: only for an answer, a line of the error log, or the scoreboard.
#
# shellcheck shell=bash disable=SC1091,SC2034
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/programs.sh"
need apache2 apache2-bin

MODULES=/usr/lib/apache2/modules
# An address that no other test has; the port is free there unless somebody listens everywhere.
ADDRESS=127.$((RANDOM % 200 + 20)).$(($$ >> 8 & 255)).$((($$ & 255) | 1))
PORT=$(perl -MIO::Socket::INET -e \
	'print IO::Socket::INET->new(Listen => 1, LocalAddr => $ARGV[0])->sockport' "$ADDRESS")

# get PATH: the answer's status and body.
get() {
	exec 4<>"/dev/tcp/$ADDRESS/$PORT" || return
	printf 'GET %s HTTP/1.0\r\nHost: linger.test\r\n\r\n' "$1" >&4
	tr -d '\r' <&4 | sed '1s/^HTTP[^ ]* //; 1n; 2,/^$/d'
	exec 4>&-
}

# until_true COMMAND...: looks again every 10 ms; a minute is for machines that stand still.
until_true() {
	local tries=0
	until "$@"; do
		kill -0 "$server" 2>/dev/null && [ $((tries += 1)) -lt 3000 ] || return 1
		sleep 0.01
	done
}
# resumed N: the server said so N times.
resumed() {
	[ "$(grep -c 'resuming normal operations' "$TMP/error.log" 2>/dev/null)" = "$1" ]
}
# settled: all children of this generation are ready, one of them busy with this question, and none
# of an earlier generation is left.
settled() {
	local board
	board=$(get '/server-status?auto' 2>/dev/null | sed -n 's/^Scoreboard: //p')
	[[ $board = _W || $board = W_ ]]
}

server=
finish_server() {
	local status=$?
	[ -z "$server" ] || kill -KILL -- "-$server" 2>/dev/null
	(exit "$status")
	finish
}
trap finish_server EXIT
