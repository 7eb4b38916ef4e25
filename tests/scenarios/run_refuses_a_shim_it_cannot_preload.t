#!/bin/bash
# run_refuses_a_shim_it_cannot_preload.t - where the shim is looked for, and what LD_PRELOAD cannot say.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

for name in 'a space' 'a:colon' 'a$dollar'; do
	mkdir "$name" && cp bin/* "$name/"
	refused "$name" 125 'LD_PRELOAD cannot hold the path .*move linger elsewhere' "$TMP/$name/linger" run ./report
	is "$name: off needs no shim" "$("$TMP/$name/linger" run -o off ./report)" 'shim=0 secure=0'
done
mkdir alone damaged cut
cp bin/linger alone/
if [ "$(alone/linger run ./report 2> /dev/null)" = 'shim=1 secure=0' ]; then
	ok "one is installed: it is used" true
else
	refused "no shim" 125 'liblinger\.so is neither in .*/alone nor in ' "$TMP/alone/linger" run ./report
fi
cp bin/linger damaged/ && echo text > damaged/liblinger.so
refused "a shim that is no library" 125 'damaged/liblinger\.so is damaged' "$TMP/damaged/linger" run ./report
cp bin/linger cut/ && head -c 300 bin/liblinger.so > cut/liblinger.so
refused "a shim that is cut off" 125 'cut/liblinger\.so is damaged' "$TMP/cut/linger" run ./report
ln -s "$RUN" link
started "the command called by a link" ./link run ./report
