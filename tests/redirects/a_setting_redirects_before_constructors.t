#!/bin/bash
# LINGER=redirect:SYM=LIB#SYM[;in=GLOB]: unchanged programs, before any constructor runs.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
. "$(dirname "$0")/redirects.sh"

beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)
settings() { LINGER_SETTINGS=$1 run_host out ./asks "${@:2}"; }
for how in lazy now; do
	link=(-Wl,-z,$how -Wl,-z,relro)
	library def "$HERE/lib_definer.c" "${link[@]}"
	library rep "$HERE/lib_replacer.c" "${link[@]}" "${beside[@]}" def.so
	library nothing -x c /dev/null -Wl,--defsym=r_nothing=0
	library constructs "$HERE/lib_constructs.c" "${link[@]}" "${beside[@]}" def.so
	library opened "$HERE/lib_constructs.c" -Wl,-Bsymbolic "${link[@]}" "${beside[@]}" def.so
	program asks "${link[@]}" "${beside[@]}" def.so constructs.so

	settings log_max:1M
	well "$how: without" out 'library 1 program 1 main 1 other 10'
	settings "redirect:t_answer=$TMP/rep.so#r_answer"
	well "$how: one redirect" out 'library 100 program 100 main 100 other 10'
	settings "redirect:t_answer=$TMP/rep.so#r_answer,redirect:t_other=$TMP/rep.so#r_second" "$TMP/opened.so"
	well "$how: two redirects, and a library that is opened" out \
		'library 100 program 100 main 100 other 200 opened 100'
	settings "redirect:t_answer=$TMP/rep.so#r_answer;in=*/constructs.so" "$TMP/opened.so"
	well "$how: in one library" out 'library 100 program 1 main 1 other 10 opened 1'
	# A log has the program's path; without one it must be found all the same.
	settings "redirect:t_answer=$TMP/rep.so#r_answer;in=$TMP/asks"
	well "$how: in the program" out 'library 1 program 100 main 100 other 10'
	is "$how: in the program, without a log" \
		"$(LINGER="redirect:t_answer=$TMP/rep.so#r_answer;in=$TMP/asks" LD_PRELOAD=$SHIM timeout 60 ./asks)" \
		'library 1 program 100 main 100 other 10'
	settings "redirect:t_answer=$TMP/rep.so#r_by_name"
	well "$how: a replacement that calls what it replaces" out 'library 1001 program 1001 main 1001 other 10'
	mkdir -p 'odd,;dir'
	cp def.so rep.so 'odd,;dir'
	settings "redirect:t_answer=$TMP/odd\\,\\;dir/rep.so#r_answer"
	well "$how: a path with a comma and a semicolon" out 'library 100 program 100 main 100 other 10'

	settings "redirect:t_answer=$TMP/rep.so#r_nothing"
	well "$how: a replacement that is not there: the program runs as ever" out \
		'library 1 program 1 main 1 other 10'
	ok "$how: and the log says so" grep -q '"event":"error"' <(events out.log)
	settings "redirect:t_answer=$TMP/absent.so#r_answer"
	well "$how: a library that is not there" out 'library 1 program 1 main 1 other 10'
	ok "$how: and the log says so" grep -q '"event":"error"' <(events out.log)
	settings "redirect:t_answer=$TMP/nothing.so#r_nothing"
	well "$how: a replacement whose address is NULL" out 'library 1 program 1 main 1 other 10'
	ok "$how: and the log says so" grep -q '"event":"error"' <(events out.log)
	settings "redirect:t_nowhere=$TMP/rep.so#r_answer"
	well "$how: a name that nobody defines" out 'library 1 program 1 main 1 other 10'
done
