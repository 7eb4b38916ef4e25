#!/bin/bash
# One row for each thing that a tool for redirecting is asked for, one column for each way in which
# compilers and linkers bind symbols. The table is printed; `no` is explained below it. What is
# opened and closed is closed by glibc (policy off); the rows about closing also run as linger's
# policies would have it. No page is writable and executable at any time.
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086
. "$(dirname "$0")/redirects.sh"
need clang clang
need ld.lld lld
need strace strace

variants=(gcc-bfd-lazy gcc-bfd-now gcc-bfd-partial gcc-bfd-full gcc-bfd-noplt gcc-bfd-nopie
	gcc-lld-lazy gcc-lld-full clang-bfd-nopie clang-lld-noplt)
[ -z "${CHECK_ALL:-}" ] || variants+=(gcc-bfd-nopiefull gcc-lld-noplt clang-bfd-partial clang-lld-full)
closing='the_replaced_object_is_closed the_replacing_object_is_closed reopened_50_times rebuilt_50_times'
closing+=' in_constructors_and_destructors errors_of_the_program_stay'
"$HERE/build.sh" "$TMP/v" "${variants[@]}" >build.log 2>&1 || { sed 's/^/# /' build.log; bail "cannot build the table"; }
mapfile -t rows < <("v/${variants[0]}/table")
ok "there are rows" test "${#rows[@]}" -gt 25

export LINGER_CMD XDG_RUNTIME_DIR=$TMP/run
mkdir -m 700 run
# column VARIANT: each row's answer in VARIANT.answers.
column() {
	local row policy
	for row in "${rows[@]}"; do
		for policy in off safe never; do
			[ $policy = off ] || [[ " $closing " = *" $row "* ]] || continue
			LINGER_SETTINGS=$([ "$row" != by_the_command ] || echo control) \
				KEEPS=${policy/#[os]*/} HOLDS=${policy/#off/} POLICY=$policy with_linger "$TMP/v/$1/log" timeout 60 "v/$1/table" "$row" "v/$1" \
				>"v/$1/$row.$policy" 2>&1 || echo "status $?" >>"v/$1/$row.$policy"
			if [ -s "v/$1/$row.$policy" ]; then echo "no $row $policy"; else echo "yes $row $policy"; fi
		done
	done >"v/$1/answers"
}
for variant in "${variants[@]}"; do
	column "$variant" &
	while [ "$(jobs -r | wc -l)" -ge 2 ]; do wait -n; done
done
wait

printf '# %-36s' ''
i=0
for variant in "${variants[@]}"; do printf ' %2d' $((++i)); done
echo
all() { # ROW POLICY: a line of the table; its failures
	local variant
	failed=
	printf '# %-36s' "$1${2:+, $2}"
	for variant in "${variants[@]}"; do
		if grep -qx "yes $1 ${2:-off}" "v/$variant/answers"; then
			printf ' yes'
		else
			printf '  no'
			failed+="$variant: $(head -n 3 "v/$variant/$1.${2:-off}")"$'\n'
		fi
	done
	echo
}
for row in "${rows[@]}"; do
	all "$row" | sed 's/ yes/  +/g; s/  no/ no/g'
	all "$row" >/dev/null
	is "$row" "$failed" ""
	[[ " $closing " = *" $row "* ]] || continue
	for policy in safe never; do
		all "$row" $policy | sed 's/ yes/  +/g; s/  no/ no/g'
		all "$row" $policy >/dev/null
		is "$row, policy $policy" "$failed" ""
	done
done
i=0
for variant in "${variants[@]}"; do echo "# column $((++i)): $variant"; done

# ---------------------------------------------------------------------------- protections
# trace VARIANT ROW: every mprotect and mmap of the run that makes a page writable and executable.
trace() {
	POLICY=off LINGER=$(words_for "$TMP/trace.log") strace -f -qq -e trace=mprotect,mmap,mremap,pkey_mprotect -o trace.out \
		-E LD_PRELOAD="$SHIM" "v/$1/table" "$2" "v/$1" >trace.said 2>&1 || sed 's/^/# /' trace.said
	grep -c 'mprotect.*PROT_WRITE' trace.out >trace.changes
	grep -E 'PROT_WRITE\|PROT_EXEC|PROT_EXEC\|PROT_WRITE' trace.out
}
for variant in gcc-bfd-full gcc-bfd-lazy gcc-lld-full gcc-bfd-nopie; do
	is "$variant: nothing is ever writable and executable" "$(trace $variant everything_is_as_found)" ""
	ok "$variant: it did change protections" test "$(cat trace.changes)" -gt 0
done

# Where the symbol table is in a segment that is executed, it stays executable while it is written: that
# page alone, and nothing else.
cp -r v/gcc-bfd-full v/noseparate
gcc -shared -Wl,-z,now -Wl,-z,relro -Wl,-z,noseparate-code -Wl,-soname,def.so -o v/noseparate/def.so v/gcc-plt/definer.o
is "noseparate-code: an executable symbol table" \
	"$(readelf -lW v/noseparate/def.so | sed -n 's/.* R E .*/executable/p; s/.*\(\.dynsym\).*\.text.*/\1/p' | xargs)" \
	'executable .dynsym'
trace noseparate everything_is_as_found >both
is "only its page is both, and each time for a moment" \
	"$(sed 's/.*mprotect(\(0x[0-9a-f]*\), \([0-9]*\), .*/\1 \2/' both | sort -u | wc -l) $(
		grep -cF 'PROT_READ|PROT_WRITE|PROT_EXEC)' both) $(
		grep -A1 -F 'PROT_READ|PROT_WRITE|PROT_EXEC)' trace.out | grep -vc '^--')" \
	"1 $(wc -l <both) $((2 * $(wc -l <both)))"
ok "it was" test -s both
