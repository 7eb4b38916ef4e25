#!/bin/bash
# build.sh - builds the table and its libraries in one way of binding symbols.
#
# usage: build.sh DIR VARIANT...     environment: ROOT, SHIM
#
# A variant is COMPILER-LINKER-HOW, for instance gcc-bfd-lazy. HOW is one of
#   lazy     bound at the first call, nothing read-only     partial  lazy, with what else can be read-only
#   now      bound when loaded, nothing read-only           full     bound when loaded, then read-only
#   noplt    -fno-plt: calls through the GOT, read-only     nopie, nopiefull  a program at a fixed address
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086 # the loader's $ORIGIN; lists of words
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
cd "$1"
shift
flags="-O1 -g0 -D_GNU_SOURCE -Wall -Wextra -Werror -iquote $here -iquote $ROOT/core -iquote $ROOT/tests/hosts -pthread"
beside=(-Wl,-rpath,'$ORIGIN' -Wl,--no-as-needed)

# objects COMPILER DIR [FLAGS]: the libraries' code, compiled.
objects() {
	local compiler=$1 dir=$2 part
	shift 2
	mkdir "$dir"
	for part in definer second late caller replacer versions of_versions early uses_early ctor; do
		$compiler $flags -Wno-unused-function -fPIC "$@" -c -o "$dir/$part.o" "$here/lib_$part.c"
	done
	$compiler $flags -Wno-unused-function -fPIC "$@" -DBUILD=2 -c -o "$dir/rebuilt.o" "$here/lib_caller.c"
	$compiler $flags -fPIC "$@" -DSECOND=3 -c -o "$dir/third.o" "$here/lib_second.c"
	for part in shape square; do
		$compiler $flags -x c++ -fno-rtti -fno-exceptions -fPIC "$@" -c -o "$dir/$part.o" "$here/lib_$part.cc"
	done
}
# library NAME OBJECT [FLAGS]: NAME.so, bound as the variant is.
library() {
	local name=$1 object=$2
	shift 2
	$compiler -shared $link -Wl,-soname,"${name##*/}.so" -o "$name.so" "$objects/$object.o" "$@"
}
variant() (
	local compiler linker how link objects program='-fPIE' pie=-pie more=
	IFS=- read -r compiler linker how <<<"$1"
	objects=../$compiler-plt
	case $how in
	lazy) link='-Wl,-z,lazy -Wl,-z,norelro' ;;
	now) link='-Wl,-z,now -Wl,-z,norelro' ;;
	partial) link='-Wl,-z,lazy -Wl,-z,relro' ;;
	full) link='-Wl,-z,now -Wl,-z,relro' ;;
	noplt) link='-Wl,-z,now -Wl,-z,relro' objects=../$compiler-noplt program='-fPIE -fno-plt' ;;
	nopie) link='-Wl,-z,lazy -Wl,-z,relro' program='-fno-pie' pie=-no-pie ;;
	nopiefull) link='-Wl,-z,now -Wl,-z,relro' program='-fno-pie' pie=-no-pie ;;
	esac
	# clang binds what the header declares only if it is linked (linger.h).
	[ "$compiler$pie" != clang-no-pie ] || more="-Wl,--no-as-needed $SHIM"
	[ "$linker" = bfd ] || link+=" -fuse-ld=$linker"
	mkdir -p "$1/sub"
	cd "$1"
	library def definer
	library def2 second
	$compiler -shared -fPIC -o other.so -x c - <<<'int other_library;'
	for i in 1 2 3; do library call$i caller "${beside[@]}" def.so; done
	library late1 caller "${beside[@]}" def.so -Wl,-soname,late.so
	library late2 rebuilt "${beside[@]}" def.so -Wl,-soname,late.so
	library runpath caller -Wl,--no-as-needed def.so -Wl,--enable-new-dtags '-Wl,-rpath,$ORIGIN/sub:$ORIGIN'
	library sub/found caller -Wl,--no-as-needed def.so '-Wl,-rpath,$ORIGIN/..'
	library def3 third
	library uses2 late "${beside[@]}" def2.so
	library uses3 late "${beside[@]}" def3.so
	library ctor ctor
	library rep replacer "${beside[@]}" def.so
	library rep2 replacer "${beside[@]}" def.so
	library versions versions -Wl,--version-script,"$here/versions.map"
	library of_versions of_versions "${beside[@]}" versions.so
	library early early "${beside[@]}" def.so
	library uses_early uses_early "${beside[@]}" early.so
	library shape shape
	library square square "${beside[@]}" shape.so
	$compiler $flags $program $pie $link -o table "$here/table.c" "${beside[@]}" def.so $more
)
each() { # COMMAND < arguments: two at a time, or failure
	local jobs=() job words
	while read -ra words; do
		"$@" "${words[@]}" &
		jobs+=($!)
		[ ${#jobs[@]} -lt 2 ] || { wait "${jobs[0]}"; jobs=("${jobs[@]:1}"); }
	done
	for job in "${jobs[@]}"; do wait "$job"; done
}
for compiler in $(printf '%s\n' "$@" | cut -d- -f1 | sort -u); do
	echo "$compiler $compiler-plt"
	echo "$compiler $compiler-noplt -fno-plt"
done | each objects
printf '%s\n' "$@" | each variant
