#!/bin/bash
# what_is_freed_is_cleared_when_asked_for.t - scrub:on: what the program frees has nothing left in it; free
# is found in the program, bound lazily or not, and in what it opens.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
POLICY=
run_linger off "$(host frees)"
is "scrub:off: it is as it was" "$(cat off)" $'directly: left\nin a plugin: left\nstatus 0'
LINGER_SETTINGS=scrub:on
run_linger on "$(host frees)"
is "scrub:on: it is clear" "$(cat on)" $'directly: clear\nin a plugin: clear\nstatus 0'
# A program that frees all the time, through many libraries.
need perl perl
program='my @a = map { { n => $_, s => "x" x $_ } } 1..2000; @a = reverse @a; print scalar(@a), "\n"; use POSIX; print floor(2.5), "\n"'
is "scrub:on: perl is the same" "$(with_linger "$TMP/perl" perl -e "$program")" "$(perl -e "$program")"
