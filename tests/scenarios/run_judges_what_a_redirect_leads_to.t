#!/bin/bash
# run_judges_what_a_redirect_leads_to.t - a library that is not there, is none, is of another machine or
# does not define the symbol is refused; what is given to the program has an absolute path.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/run.sh"

odd='odd, dir=a#b;c@d\e'
mkdir "$odd"
cat > pass.c <<'END'
int defined(void) { return 1; }
__attribute__((visibility("hidden"))) int invisible(void) { return 2; }
static int not_at_all(void) { return 3; }
int also(void) { return not_at_all() + invisible(); }
extern int elsewhere(void);
int uses(void) { return elsewhere(); }
__thread int of_a_thread;
END
compile -shared -fPIC -o pass.so pass.c
cp pass.so "$odd/pass.so"

# asked OPTION...: what LINGER is for the program.
asked() { "$RUN" run "$@" printenv LINGER 2>&1; }

refused "no such file" 125 "'getenv' cannot be redirected: $TMP/\./missing.so does not exist" \
	"$RUN" run --redirect 'getenv=./missing.so#defined' ./report
refused "a directory on the way that is none" 125 "does not exist" "$RUN" run --redirect 'f=pass.so/x.so' ./report
refused "a directory" 125 "$TMP/\./bin is no file" "$RUN" run --redirect 'f=./bin' ./report
mkfifo fifo
refused "a pipe, which nobody waits for" 125 "is no file" "$RUN" run --redirect 'f=./fifo' ./report
refused "a text" 125 "report.c is no ELF file" "$RUN" run --redirect 'f=./report.c' ./report
refused "a program" 125 "report is no shared library" "$RUN" run --redirect 'f=./report' ./report
compile -c -o object.o report.c
refused "an object file" 125 "object.o is no shared library" "$RUN" run --redirect 'f=./object.o' ./report
head -c 100 pass.so > cut.so
refused "a file cut off" 125 "cut.so is a damaged ELF file" "$RUN" run --redirect 'f=./cut.so' ./report
cp pass.so other.so
printf '\002\000' | dd of=other.so bs=1 seek=18 conv=notrunc status=none
refused "another machine" 125 "other.so is a 64-bit SPARC library and this linger is for 64-bit" \
	"$RUN" run --redirect 'defined=./other.so' ./report
for name in nowhere invisible not_at_all elsewhere of_a_thread defined.; do
	refused "$name" 125 "'f' cannot be redirected: $TMP/\./pass.so does not define '$name'" \
		"$RUN" run --redirect "f=./pass.so#$name" ./report
done
refused "the same name is meant" 125 "does not define 'f'" "$RUN" run --redirect f=./pass.so ./report
refused "one bad redirect of several" 125 "does not define 'h'" "$RUN" run --redirect f=./pass.so#defined \
	--redirect g=./pass.so#also --redirect f=./pass.so#h ./report
refused "as a setting" 125 "does not define 'h'" "$RUN" run -o scan:byte,redirect:f=./pass.so#h,policy:off ./report
refused "behind an escaped comma" 125 "x,y.so does not exist" "$RUN" run -o 'redirect:f=./x\,y.so' ./report
if [ "$(id -u)" -eq 0 ]; then
	cp pass.so secret.so && chmod 600 secret.so
	refused "a file that may not be read" 125 'secret.so cannot be read: Permission denied$' \
		as_nobody "$RUN" run --redirect "f=$TMP/secret.so#also" ./report
else
	skip "a file that may not be read" "not root"
fi
many=()
for i in {1..65}; do many+=(--redirect "f$i=./pass.so#also"); done
refused "too many" 125 'there are too many of them' "$RUN" run "${many[@]}" ./report

is "the path is absolute" "$(asked --redirect 'defined=./pass.so')" "redirect:defined=$TMP/./pass.so#defined"
is "one below" "$(asked --redirect 'f=bin/../pass.so#also;in=*x')" "redirect:f=$TMP/bin/../pass.so#also;in=*x"
is "of a word, too, and others stay" "$(asked -o 'log_max:2M,redirect:f@V=./pass.so#also,policy:off')" \
	"log_max:2M,redirect:f@V=$TMP/./pass.so#also,policy:off"
is "a name is left to the loader" "$(asked --redirect 'f=libc.so.6#g')" 'redirect:f=libc.so.6#g'
is "all that are given are handed on" "$(asked --redirect f=libc.so.6#a --redirect f=libc.so.6#b --policy off)" \
	'redirect:f=libc.so.6#a,redirect:f=libc.so.6#b,policy:off'
is "and come behind those of the variable" \
	"$(LINGER=redirect:f=libc.so.6#a asked --redirect f=libc.so.6#b)" \
	'redirect:f=libc.so.6#a,redirect:f=libc.so.6#b'
cd "$odd" || bail "no folder"
odd=$(asked --redirect 'f@@V=./pass.so#also;in=/a\;b,c')
is "odd names are escaped" "$odd" "redirect:f@V=$TMP/odd\\, dir\\=a\\#b\\;c\\@d\\\\e/./pass.so#also;in=/a\\;b\\,c"
is "twice is once" "$(asked -o "$odd")" "$odd"
is "off judges no library" "$("$RUN" run -o off --redirect f=./missing.so ../report)" 'shim=0 secure=0'
