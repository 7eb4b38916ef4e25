#!/bin/bash
# programs_that_open_before_main.t - constructors that call dlopen: the program's own, and such as run
# even before linger's constructor, in an object linked with -z initfirst. Linger then starts at that
# call, with all its settings; the environment is not to be had from the C library at that time.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/plugins.sh"
EARLY=$(plug base)

same_with_linger 'a constructor and a destructor of the program' "$(host opens_early)" "$EARLY"
is 'the constructor: logged' "$(count_events linger.log open /plug_base.so)" 1
is 'the destructor: logged' "$(count_events linger.log dlclose /plug_base.so)" 1

export EARLY
same_with_linger 'a library of the program that is initfirst' "$(host needs_initfirst)"
is 'initfirst library: logged' "$(count_events linger.log open /plug_base.so)" 1
is 'initfirst library: nothing is in the log twice' "$(events linger.log start | wc -l)" 1

# As a preload behind ours it takes the first place from ours.
run_plain plain env LD_PRELOAD="$(plug initfirst)" "$(host churns)" 3 "$EARLY"
with_linger "$TMP/behind" env LD_PRELOAD="$SHIM $(plug initfirst)" \
	"$(host churns)" 3 "$EARLY" > behind 2> behind.err
echo "status $?" >> behind
is 'a preload behind ours that is initfirst: as without linger' "$(cat behind)" "$(cat plain)"
like 'a preload behind ours: it ran first' "$(head -n 1 behind)" '^opened before everything$'
# env itself opened it once, too: it is preloaded into both.
is 'a preload behind ours: logged' "$(count_events behind open /plug_base.so)" 4

# The settings of such a start come from /proc/self/environ.
LINGER=off LD_PRELOAD=$SHIM "$(host needs_initfirst)" > out 2> err
is 'LINGER=off is heard that early' "$? $(cat out err)" '0 opened before everything
main'
unknown="linger: setting 'gone' is ignored"
LINGER=gone LD_PRELOAD=$SHIM "$(host needs_initfirst)" env true > out 2> err
is 'an unknown word is named once, and not again by children' \
	"$(grep -c "^$unknown" err)" 1
LINGER=children:off,log:$TMP/alone LD_PRELOAD=$SHIM "$(host needs_initfirst)" \
	grep -c liblinger.so /proc/self/maps > out 2> err
is 'children:off is heard that early' "$(tail -n 1 out)" 0
