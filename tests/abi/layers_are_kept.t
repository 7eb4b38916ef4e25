#!/usr/bin/env bash
# Who may include whom. core decides, preload is called by the loader, tools look from outside;
# inside core a file includes only lower ranks. The ranks stand in each header.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lib.sh"
cd "$ROOT" || bail "no project"

rank() { sed -n 's/^ \* Rank \([0-9]*\).*/\1/p' "$1" | head -1; }
headers_of() { sed -n 's/^#include "\(.*\)"/\1/p' "$1"; }

wrong=
for h in core/*.h preload/*.h; do
	[ "$h" = core/linger.h ] && continue
	own=$(rank "$h")
	[ -n "$own" ] || wrong+="$h names no rank"$'\n'
	for i in $(headers_of "$h"); do
		[ "$i" = linger.h ] && continue
		for f in core/$i preload/$i; do
			[ -f "$f" ] && [ "$(rank "$f")" -gt "$own" ] && wrong+="$h includes $i"$'\n'
		done
	done
done
is "a header includes only lower ranks" "$wrong" ""

wrong=
for c in core/*.c; do
	own=$(rank "${c%.c}.h")
	for i in $(headers_of "$c"); do
		[ -f "core/$i" ] || wrong+="$c includes $i"$'\n'
		[ -f "core/$i" ] && [ "$(rank "core/$i")" -gt "$own" ] && wrong+="$c includes $i"$'\n'
	done
done
is "core includes core alone, and lower ranks" "$wrong" ""

is "tools and preload do not know each other" \
	"$(for f in tools/*.[ch]; do for i in $(headers_of "$f"); do
		[ -f "preload/$i" ] && echo "$f includes $i"; done; done)" ""
is "hosts and plugins see the public header alone" \
	"$(for f in tests/hosts/*.[ch] tests/plugins/*.[ch]; do [ -f "$f" ] || continue
		for i in $(headers_of "$f"); do
			[ -f "core/$i" ] && [ "$i" != linger.h ] && echo "$f includes $i"; done; done)" ""
is "the top level is the agreed one" \
	"$(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u |
		grep -vxE 'preload|core|tools|tests|bench|Makefile|README\.md|LICENSE|NEWS|\..*')" ""
