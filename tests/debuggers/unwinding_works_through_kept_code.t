#!/usr/bin/env bash
# A program walks its own stack, with libgcc's unwinder and with libunwind, and throws exceptions, where linger
# is on the way: in constructors below dlopen, in destructors that run inside linger's dlclose, in callbacks
# of linger's, in code that is kept, whose file was replaced, and through redirected functions. Each walk ends
# in main, and each exception is caught. gdb, from outside, sees the same.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/debuggers.sh"
need gdb gdb
need g++ g++

unwinder() {
	"${CXX:-g++}" -D_GNU_SOURCE -g -O1 -fomit-frame-pointer -I"$O/public" -rdynamic "$@" || bail "unwinder.cc cannot be built"
}
[ -f "$O/public/linger.h" ] || { mkdir -p "$O/public" && cp "$ROOT/core/linger.h" "$O/public/"; }
unwinder -o libgcc "$HERE/unwinder.cc"
unwinder -o libunwind -DLIBUNWIND "$HERE/unwinder.cc" -lunwind
# No frame pointers: the tables of .eh_frame are all there is. Nops at the entry let it be redirected there.
for gen in old new; do
	plugin $gen.so $gen -DTRACED -fexceptions -fomit-frame-pointer -fpatchable-function-entry=16 \
		"-DPAD$([ $gen = old ] && echo _NOT)"
done
compile shadow.so "$HERE/shadow.c" -fPIC -shared -fexceptions -fomit-frame-pointer
SHADOW=$TMP/shadow.so

# run UNWINDER SETTINGS: the distinct lines of a run; what runs when the process exits is below main no more.
run() {
	cp old.so p.so
	cp new.so q.so
	if [ "$2" = plain ]; then
		"$TMP/$1" "$TMP/p.so" "$TMP/q.so" 2>&1
	else
		LINGER_SETTINGS=$2 POLICY='' with_linger "$TMP/log" "$TMP/$1" "$TMP/p.so" "$TMP/q.so" 2>&1
	fi | sort -u | grep -v '_start no main$'
} 2>/dev/null # the shell's own words about a crash

# What all have in common, and with a wrapper $1 around traced(), and $2 for hurl().
walks() {
	cat <<EOF
closed
constructor of old: $1local local main
hurl: caught
hurled: $1$2 main
open: called_back local local entry main
start: main
EOF
}
kept() {
	cat <<EOF
callback: local main
constructor of new: $1local local main
end
kept: called_back local local entry main
new: called_back local local entry main
replaced: called_back local local entry main
thrown through kept code: caught
thrown through replaced code: caught
EOF
}
for unwinder in libgcc libunwind; do
	# The control: it dies of its closed library.
	is "$unwinder, plain" "$(run $unwinder plain | grep -v destructor)" "$(walks '' hurl | sort)"
	is "$unwinder, default" "$(run $unwinder children:on | grep -v destructor)" \
		"$({ walks '' hurl; kept ''; } | sort)"
	is "$unwinder, policy:never" "$(run $unwinder policy:never | grep -v destructor)" \
		"$({ walks '' hurl; kept ''; } | sort)"
	is "$unwinder, traced redirected" \
		"$(run $unwinder "redirect:traced=$SHADOW#shadow_traced" | grep -v destructor)" \
		"$({ walks 'shadow_traced ' hurl; kept 'shadow_traced '; } | sort)"
	is "$unwinder, hurl redirected" \
		"$(run $unwinder "redirect:hurl=$SHADOW#shadow_hurl" | grep -v destructor)" \
		"$({ walks '' shadow_hurl; kept ''; } | sort)"
	# Inside linger's dlclose at once; and for libgcc, which remembers nothing, once nothing leads there.
	is "$unwinder, a destructor" "$(run $unwinder leakcheck:on | grep destructor)" "destructor of old: local main"
done
is "libgcc, a destructor of what was kept" "$(run libgcc children:on | grep 'destructor of old')" \
	"destructor of old: local main"

# gdb's own walk, stopped in a constructor and in a destructor that linger's dlclose runs.
for settings in off leakcheck:on; do
	cp old.so p.so
	cp new.so q.so
	got=$(gdb -q -batch -nx -ex "set exec-wrapper env LD_PRELOAD=$SHIM LINGER=$settings" \
		-ex 'set breakpoint pending on' -ex 'break begin_old' -ex 'break end_old' \
		-ex 'run' -ex 'backtrace' -ex 'continue' -ex 'backtrace' \
		--args "$TMP/libgcc" "$TMP/p.so" "$TMP/q.so" 2>&1)
	chains=$(grep -E '^(#0|#[1-9][0-9]*)' <<<"$got" | sed -E 's/^#[0-9]+ +(0x[0-9a-f]+ in )?//; s/ .*//' | uniq | tr '\n' ' ')
	echo "# $settings: $chains"
	like "gdb, from a constructor ($settings)" "$chains" 'begin_old .*_dl_init .*dlopen .*open_library .*main '
	like "gdb, from a destructor ($settings)" "$chains" 'end_old .*_dl_close.*dlclose main '
	is "gdb: no frame without a name ($settings)" "$(grep -c '?? ()' <<<"$got")" 0
done
like "linger's own frames are in it" "$chains" 'lgr_[a-z_]+ dlclose main'
