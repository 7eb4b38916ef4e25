#!/bin/bash
# build.sh - make the tree of small libraries and callers that the behaviour matrix runs in.
#
# usage: build.sh DIR     environment: CC, CXX, RUSTC
#
# The layout is fixed, so that two runs can be compared as text; matrix.txt names these places:
#   lib/  libraries opened by path         run/ rpath/  where the callers' RUNPATH, RPATH lead
#   env/  for LD_LIBRARY_PATH              main/ mainrpath/  the executables' RUNPATH, RPATH
#   same1/ same2/  one soname twice        chain/  providers of one symbol, for RTLD_NEXT
#   ver/ verold/  a versioned library and its predecessor
#   order/  groups, and libraries that open others while they are opened or closed
#   bad/  files that are refused           tls/ filter/ preload/  as they say
#   VARIANT/main, VARIANT/main-rpath       the executables, by language and optimisation
#   VARIANT/by/NAME.so                     the same code as a library: a caller with a search path
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016,SC2054,SC2086,SC2206 # the loader's $ORIGIN; lists of words
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CC=${CC:-gcc} CXX=${CXX:-g++} RUSTC=${RUSTC:-rustc}
mkdir -p "$1"
cd "$1"
root=$(pwd -P)
mkdir lib run rpath env main mainrpath same1 same2 chain bad ver verold order tls filter preload

old_tags=-Wl,--disable-new-dtags
new_tags=-Wl,--enable-new-dtags
keep_needed=-Wl,--no-as-needed
beside=-Wl,-rpath,'$ORIGIN'

unit_flags='-shared -fPIC -O1 -fsemantic-interposition'	# clang would call its own copy otherwise
# unit FILE [FLAGS]: a library of unit.c, tagged with its own path (lib/liba.so is lib/a).
unit() {
	local tag=${1%.so}
	mkdir -p "${1%/*}"
	$CC $unit_flags -DTAG="\"${tag/\/lib//}\"" -o "$@" "$here/unit.c"
}
# unit_with FILE [FLAGS] < CODE: the same with more code.
unit_with() {
	local tag=${1%.so}
	mkdir -p "${1%/*}"
	{ echo '#include "unit.c"'; cat; } |
		$CC $unit_flags -DTAG="\"${tag/\/lib//}\"" -I"$here" -o "$@" -x c -
}

# ---------------------------------------------------------------------------- the callers
# Three providers of one symbol that each hand on to the next: the executables need one row of
# them, a caller library another.
next='void NAME(void);
#define STRING(name) #name
#define TEXT(name) STRING(name)
void NAME(void)
{
	void (*next)(void) = (void (*)(void))dlsym(RTLD_NEXT, TEXT(NAME));
	static int depth;

	say(" " TAG);
	if (next && ++depth < 4)
		next();
	else
		say(next ? " endless" : " last");
	depth = 0;
}'
for i in 1 2 3; do
	unit_with chain/libmain$i.so -DQUIET -DNAME=main_chain <<< "$next"
	unit_with chain/libgroup$i.so -DQUIET -DNAME=group_chain <<< "$next"
done
main_needs=($keep_needed -L"$root/chain" -l:libmain1.so -l:libmain2.so -l:libmain3.so
	-Wl,--as-needed)
main_runpath=($new_tags '-Wl,-rpath,$ORIGIN/../main:$ORIGIN/../chain')
main_rpath=($old_tags '-Wl,-rpath,$ORIGIN/../mainrpath:$ORIGIN/../chain')

# caller_libs COMMAND...: the caller libraries of one variant, given the command that links one.
caller_libs() {
	mkdir by
	"$@" -o by/none.so
	"$@" -o by/runpath.so $new_tags '-Wl,-rpath,$ORIGIN/../../run'
	"$@" -o by/rpath.so $old_tags -Wl,-rpath,"$root/rpath"
	"$@" -o by/relative.so $new_tags -Wl,-rpath,run
	"$@" -o by/same1.so $new_tags -Wl,-rpath,"$root/same1"
	"$@" -o by/same2.so $new_tags -Wl,-rpath,"$root/same2"
	"$@" -o by/nodeflib.so $new_tags -Wl,-rpath,"$root/run" -Wl,-z,nodefaultlib
	"$@" -o by/group.so $new_tags -Wl,-rpath,"$root/chain" $keep_needed -L"$root/chain" \
		-l:libgroup1.so -l:libgroup2.so -l:libgroup3.so
	# Parents by DT_NEEDED of the caller without a path; a caller by dlopen is no parent.
	"$@" -o by/rpath-parent.so $old_tags -Wl,-rpath,"$root/rpath:\$ORIGIN" \
		$keep_needed -Lby -l:none.so
	"$@" -o by/runpath-parent.so $new_tags -Wl,-rpath,"$root/run:\$ORIGIN" \
		$keep_needed -Lby -l:none.so
}

# c_variant NAME COMPILER CFLAGS MAIN-FLAGS: caller.c as programs and as libraries.
c_variant() (
	mkdir "$root/$1"
	cd "$root/$1"
	$2 $3 -fPIC -c -o lib.o "$here/caller.c"
	$2 $3 $4 -c -o main.o "$here/caller.c"
	$2 $4 -pthread -o main main.o "${main_needs[@]}" "${main_runpath[@]}"
	$2 $4 -pthread -o main-rpath main.o "${main_needs[@]}" "${main_rpath[@]}"
	caller_libs $2 -shared -pthread -Wl,--as-needed lib.o	# nodeflib.so finds no libstdc++
)
# rust_variant NAME OPT-LEVEL: caller.rs. Its libraries are one archive, linked several times.
rust_variant() (
	local arg link=()
	mkdir "$root/$1"
	cd "$root/$1"
	set -- "$1" --edition 2021 -C opt-level="$2" -C link-arg=-Wl,-s "$here/caller.rs"
	echo '{ global: caller_run; caller_tail; local: *; };' > map
	shift
	$RUSTC --crate-type staticlib -A dead_code "$@" -o lib.a
	for arg in "${main_needs[@]}"; do link+=(-C link-arg="$arg"); done
	for arg in main main-rpath; do
		local path=("${main_runpath[@]}")
		[ $arg = main ] || path=("${main_rpath[@]}")
		$RUSTC "$@" "${link[@]}" -C link-arg="${path[0]}" -C link-arg="${path[1]}" -o $arg
	done
	caller_libs $CC -shared -Wl,--version-script,map -Wl,-u,caller_run,-u,caller_tail lib.a \
		-Wl,--gc-sections,-s -pthread
)
# Besides language and optimisation the variants differ in how they reach a function: through a
# lazy PLT, without a PLT, and (no PIE) with the PLT's address as the function's own.
jobs=()
c_variant c-O0 "$CC" "-std=gnu11 -O0" "-fPIE -pie" & jobs+=($!)
c_variant c-O2 "$CC" "-std=gnu11 -O2 -fno-plt" "-fPIE -pie -Wl,-z,now" & jobs+=($!)
c_variant cxx-O0 "$CXX" "-x c++ -O0" "-fPIE -pie" & jobs+=($!)
c_variant cxx-O2 "$CXX" "-x c++ -O2" "-fno-pie -no-pie" & jobs+=($!)
rust_variant rust-O0 0 & jobs+=($!)
rust_variant rust-O2 2 & jobs+=($!)

# ------------------------------------------------------------------ what searches find
for dir in run rpath env main mainrpath; do
	unit $dir/libfind.so
done
unit mainrpath/libmainrpathonly.so
unit run/libhw.so
unit run/glibc-hwcaps/x86-64-v2/libhw.so
unit run/liblegacy.so
unit run/tls/liblegacy.so
unit env/libenvhw.so
unit env/glibc-hwcaps/x86-64-v2/libenvhw.so
unit same1/libsame.so -Wl,-soname,libsame.so
unit same2/libsame.so -Wl,-soname,libsame.so
# Quiet ones: cases about an object that linger keeps, whose destructor is then late by design.
unit same1/libquiet.so -Wl,-soname,libquiet.so -DQUIET -Dwho=quiet_who
unit same2/libquiet.so -Wl,-soname,libquiet.so -DQUIET -Dwho=quiet_who
unit lib/libquiet.so -Wl,-soname,libquietname.so -DQUIET
# The name of the file is not the soname: only an object that is loaded answers to it.
unit lib/librealname.so -Wl,-soname,libalias.so.7
unit lib/liba.so
unit lib/libb.so
ln -s liba.so lib/libsymlink.so
ln lib/liba.so lib/libhardlink.so
ln -s lib linkdir
unit ./libcwd.so

# ---------------------------------------------------------------------------- symbols
cat > ver/map <<'E'
V1 { global: versioned; };
V2 { global: versioned; } V1;
V3 { global: versioned; third; local: *; } V2;
E
cat > verold/map <<'E'
V1 { global: versioned; };
V2 { global: versioned; local: *; } V1;
E
versions='void first(void), second(void), third(void);
void first(void) { say(" first"); }
void second(void) { say(" second"); }
#ifdef OLD
__asm__(".symver first,versioned@V1\n.symver second,versioned@@V2");
#else
void newest(void);
void newest(void) { say(" newest"); }
void third(void) { say(" third"); }
__asm__(".symver first,versioned@V1\n.symver second,versioned@V2\n.symver newest,versioned@@V3");
#endif'
unit_with ver/libver.so -Wl,-soname,libver.so,--version-script,ver/map <<< "$versions"
unit_with verold/libver.so -DOLD -Wl,-soname,libver.so,--version-script,verold/map <<< "$versions"
# Built with the new library, run with the old one, which lacks the version.
unit_with lib/libwantsnew.so $keep_needed -Lver -l:libver.so -Wl,-rpath,"$root/verold" <<'E'
void third(void);
void use(void);
void use(void) { third(); }
E
unit_with lib/libprovider.so <<'E'
void provided(void);
void provided(void) { say(" provided"); }
E
unit_with lib/libundefined.so -Wl,-z,lazy <<'E'
void provided(void);
void needs(void);
void needs(void) { provided(); }
E
# Whose deep_who libdeep2's own call reaches: the first global one, or with RTLD_DEEPBIND its own.
for i in 1 2; do
	unit_with lib/libdeep$i.so -DDEEP=\"deep$i\" <<'E'
void deep_who(void);
void ask(void);
void deep_who(void) { say(" " DEEP); }
void ask(void) { deep_who(); }
E
done
unit_with lib/libifunc.so <<'E'
static void chosen(void) { say(" chosen-by-the-resolver"); }
static void (*resolver(void))(void) { return chosen; }
void indirect(void) __attribute__((ifunc("resolver")));
E
# glibc never unloads an object whose unique symbol something was bound to.
unit_with lib/libunique.so <<'E'
__asm__(".data\n.globl unique_object\n.type unique_object,%gnu_unique_object\n"
	".size unique_object,4\nunique_object: .long 7\n.text");
extern int unique_object;
int *unique(void);
int *unique(void) { return &unique_object; }
E

# ---------------------------------------------------------------------------- preloads
unit_with preload/libfirst.so -DQUIET -DNAME=main_chain <<< "$next"
$CC -shared -fPIC -O0 -o preload/naive.so "$here/naive.c"
$CC -shared -fPIC -O0 -DNEVER_CLOSE -o preload/never-close.so "$here/naive.c"
$CC -shared -fPIC -o preload/empty.so -x c /dev/null

# ---------------------------------------------------------------- opening and closing
unit lib/libnodelete.so -Wl,-z,nodelete
unit lib/libnodlopen.so -Wl,-z,nodlopen
beside_order=($keep_needed -Lorder -Wl,-rpath-link,order "$beside")
unit order/libbottom.so
unit order/libleft.so "${beside_order[@]}" -l:libbottom.so
unit order/libright.so "${beside_order[@]}" -l:libbottom.so
unit order/libtop.so "${beside_order[@]}" -l:libleft.so -l:libright.so
# A cycle: the second is linked against a first that does not need it yet.
unit order/libround1.so
unit order/libround2.so "${beside_order[@]}" -l:libround1.so
unit order/libround1.so "${beside_order[@]}" -l:libround2.so
# Opens by bare name, through its own RUNPATH, while it is itself being opened and closed.
unit_with order/libopens.so "$beside" <<'E'
static void *inner;
__attribute__((constructor)) static void open_inner(void)
{
	inner = dlopen("libbottom.so", RTLD_NOW);
	say(inner ? " ctor-opened" : " ctor-failed");
}
__attribute__((destructor)) static void close_inner(void)
{
	say(dlclose(inner) ? " dtor-failed" : " dtor-closed");
}
E
# Opens in its constructor and closes at once; opens in its destructor and never closes.
unit_with order/libbrief.so "$beside" <<'E'
__attribute__((constructor)) static void briefly(void)
{
	void *inner = dlopen("libbottom.so", RTLD_NOW);

	say(inner && !dlclose(inner) ? " ctor-closed" : " ctor-failed");
}
__attribute__((destructor)) static void open_late(void)
{
	say(dlopen("libright.so", RTLD_NOW) ? " dtor-opened" : " dtor-failed");
}
E
# glibc hands the program's arguments to constructors; getenv reads the C library's own pointer.
unit_with order/libargs.so <<'E'
__attribute__((constructor)) static void show(int argc, char **argv, char **envp)
{
	const char *value = getenv("GREETING");
	char text[] = " argc=0";

	text[6] = (char)('0' + argc);
	say(argv && envp ? text : " no-arguments");
	say(" GREETING=");
	say(value ? value : "unset");
}
E
# Looks for itself while it is being closed.
unit_with order/libself.so "$beside" <<'E'
__attribute__((destructor)) static void look(void)
{
	say(dlopen("libself.so", RTLD_NOW | RTLD_NOLOAD) ? " dtor-found" : " dtor-did-not-find");
}
E
unit_with lib/libatexit.so <<'E'
static void at_exit(void) { say(" atexit-handler"); }
__attribute__((constructor)) static void plan(void) { atexit(at_exit); }
E
# A thread's pending destructor keeps its object loaded: glibc's own way of keeping.
unit_with lib/libthreaddtor.so <<'E'
extern void *__dso_handle;
int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *dso);
static void at_thread_end(void *text) { say(text); }
void plan(void);
void plan(void) { __cxa_thread_atexit_impl(at_thread_end, " thread-destructor", &__dso_handle); }
E
# A library that fails inside and does not read the error.
unit_with lib/libfails.so <<'E'
void fail(void);
void fail(void) { say(dlopen("libinside.so", RTLD_NOW) ? " opened" : " failed-inside"); }
E

# -------------------------------------------------------------------------------- TLS
unit_with tls/libsmall.so -ftls-model=initial-exec <<'E'
__thread int variable = 5;
int *get(void);
int *get(void) { return &variable; }
E
unit_with tls/libhuge.so -ftls-model=initial-exec <<'E'
__thread char huge[4 << 20];
char *get(void);
char *get(void) { return huge; }
E
unit_with tls/libdynamic.so <<'E'
__thread int variable = 6;
E

# --------------------------------------------------------------- filters, an old dlopen
unit_with filter/libfiltee.so <<'E'
void filtered(void);
void filtered(void) { say(" from-the-filtee"); }
E
for kind in filter auxiliary; do
	unit_with filter/lib$kind.so -Wl,--$kind,libfiltee.so "$beside" <<'E'
void filtered(void);
void filtered(void) { say(" from-the-filter"); }
E
done
# Programs built before glibc 2.34 ask for this version of dlopen.
unit_with run/libold.so -DQUIET "$beside" <<'E'
#if defined __x86_64__
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
#elif defined __aarch64__
__asm__(".symver dlopen,dlopen@GLIBC_2.17");
#endif
void *caller_tail(const char *file, int flags);
void *caller_tail(const char *file, int flags)
{
	void *volatile handle = dlopen(file, flags);	/* not a tail call: we are the caller */
	return handle;
}
E

# ---------------------------------------------------------------------- what is refused
# spoil NAME OFFSET BYTES: a good library with these bytes (printf escapes) in its ELF header.
spoil() {
	cp lib/liba.so "bad/$1"
	# shellcheck disable=SC2059 # the bytes are escapes
	printf "$3" | dd of="bad/$1" bs=1 seek="$2" conv=notrunc status=none
}
spoil class.so 4 '\001'
spoil endian.so 5 '\002'
spoil machine.so 18 '\377\376'
spoil type.so 16 '\001'
spoil phentsize.so 54 '\001'
cp lib/liba.so bad/cut.so && truncate -s 4000 bad/cut.so
echo 'a text of more than sixty-four bytes, so that the loader gets to look at the first four' \
	> bad/text.so
echo short > bad/short.so
: > bad/empty.so
mkdir bad/directory.so
ln -s loop.so bad/loop.so
unit bad/libgone.so
unit bad/libneeds.so $keep_needed -Lbad -l:libgone.so "$beside"
unit bad/libneedsneeds.so $keep_needed -Lbad -Wl,-rpath-link,bad -l:libneeds.so "$beside"
rm bad/libgone.so

for job in "${jobs[@]}"; do
	wait "$job"
done
