#!/bin/bash
# Ruby's own test_jit.rb: each test is a program whose methods are compiled, by gcc, into libraries that are opened,
# unlinked at once, and closed when newer ones replace them or the program ends. Minutes: only in
# `make check-all`.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/suites.sh"
need ruby3.1 ruby3.1
[ -n "$(compgen -G '/usr/include/*/ruby-3.1.0/rb_mjit_min_header-*.h')" ] ||
	bail "what Ruby compiles needs a header: install the Debian package ruby3.1-dev"

# Its harness looks for the header where Ruby is built, and to that end sets LD_PRELOAD, to nothing
# where there is no such library: the one with linger would not reach the programs.
build() {
	sed -i "s/base_env = { 'MJIT_SEARCH_BUILD_DIR' => 'true' }/base_env = {}/
		/if preloadenv = /s/if /if false and /" source/test/lib/jit_support.rb
	! grep -q "MJIT_SEARCH_BUILD_DIR'\|if preloadenv" source/test/lib/jit_support.rb
}
suite() {
	ruby3.1 --disable-gems "$SUITE/source/test/runner.rb" --ruby=/usr/bin/ruby3.1 -v \
		"$SUITE/source/test/ruby/test_jit.rb"
}
results() {
	perl -ne '$result{$1} //= "ok" if m{^\[ *\d+/\d+\] (\S+) = };
		$failed = 1, next if /^ *\d+\) (Failure|Error):/;
		$result{$1} = "failed" if $failed && /^([^\s:]+)/;
		$failed = 0;
		END { print "$_: $result{$_}\n" for sort keys %result }' "$TMP/$1.out"
}

built_from ruby3.1 build
LOG_SETTINGS=log_max:1M
run plain in_new_folder suite
run counted with_counter in_new_folder suite
run safe with_settings "${SETTINGS_OF[safe]}" in_new_folder suite
passes 100
is "102 tests in all" "$(results plain | wc -l)" 102
is "counted: same results" "$(results counted)" "$(results plain)"
differs_only safe
is "safe: same status" "$(cat "$TMP/safe.status")" "$(cat "$TMP/plain.status")"
# How often a program waits for its compiler is chance; that it has linger is not.
is "safe: the shim was live in every process of Ruby" \
	"$(logged safe | programs_of | grep -c /ruby3.1)" "$(counted counted | programs_of | grep -c /ruby3.1)"
ok "safe: in a hundred at least" [ "$(logged safe | programs_of | grep -c /ruby3.1)" -ge 100 ]
really dlclose 180
echo "# safe: $(outcomes safe)"
n=$(events "$TMP/safe/log" request | grep -c _ruby_mjit_)
ok "safe: compiled libraries were given up $n times, at least 180" [ "$n" -ge 180 ]
