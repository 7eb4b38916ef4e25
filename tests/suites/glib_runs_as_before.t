#!/bin/bash
# The rest of GLib's own tests, most of which have little to do with loading: with policies of off and
# never, and by default, they do what they do plain.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/glib.sh"

# Not run: what takes more than half a second (as measured on two cores; some wait for a clock), what
# fails plain (gdbus-threading, file, fileutils), and what stands in glib_unloads_modules.t.
WITHOUT='
	1bit-mutex actions assert-msg-test.py asyncqueue cancellable closure-refcount codegen.py
	cond convert converter-stream file fileutils gapplication gdatetime gdbus-close-pending
	gdbus-connection-slow gdbus-export gdbus-peer gdbus-proxy gdbus-proxy-threads
	gdbus-threading genmarshal.py giomodule gmenumodel gsocketclient-slow gsubprocess
	gvariant io-channel-basic mainloop memory-monitor-dbus memory-monitor-portal mkenums.py
	module-test-library module-test-plugin mutex network-address network-monitor-race
	objects-refcount1 objects-refcount2 performance performance-threaded
	power-profile-monitor-dbus power-profile-monitor-portal private properties-refcount1
	properties-refcount2 properties-refcount3 queue rec-mutex resources rwlock sequence
	signals-refcount1 signals-refcount2 signals-refcount3 signals-refcount4 slice-color
	slice-concurrent slice-eager-freeing slice-glib slice-malloc slice-memchunk slice-slab
	socket spawn-multithreaded srvtarget static-link task thread-deprecated thread-pool-slow
	threadtests timeout unix unix-streams utf8-pointer
'
suite() {
	local name without
	read -rd '' -a without <<<"$WITHOUT"
	for name in /usr/share/installed-tests/glib/*.test; do
		name=$(LD_PRELOAD='' basename "$name" .test)
		[[ " ${without[*]} " = *" $name "* ]] || glib "$name"
	done
}

WAYS='off never safe'
in_every_way suite
passes 4500
differs_only off
differs_only never
differs_only safe
keeps never start=600
