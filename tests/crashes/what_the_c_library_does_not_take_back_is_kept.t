#!/bin/bash
# What a library leaves behind with the C library or the kernel, and neither takes back when it is closed: a function
# for on_exit, a signal handler, a key of thread-specific data, a thread, a timer, a specifier of printf, a variable
# of the environment, a stream's buffer. Plain the program crashes when it is used; linger keeps the library
# until it has been taken back. What on_exit was given, nobody can take back: it is called at exit.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"

says() {
	EXPECTED=opened$'\n'$1
}
for kind in on_exit signal key thread timer printf putenv setvbuf; do
	case $kind in
	on_exit) says 'the plugin, at exit' ;;
	signal) says 'the plugin, in a handler' ;;
	key) says "the plugin, at a thread's end" ;;
	thread | timer) says 'the plugin, in a thread' ;;
	printf) says 'the plugin, with 42' ;;
	putenv) says "the plugin's text" ;;
	setvbuf) says "into the plugin's buffer" ;;
	esac
	crashes $kind "$O/tests/host_dangles" $kind
	lives $kind /plug_dangles.so "$O/tests/host_dangles" $kind
	if [ $kind = on_exit ]; then
		PATIENCE=0.5 holds_on $kind /plug_dangles.so "$O/tests/host_dangles" $kind end
	else
		unloads $kind /plug_dangles.so "$O/tests/host_dangles" $kind end
	fi
done
