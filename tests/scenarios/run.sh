# run.sh - what the tests of `linger run` share. Source it first, instead of ../lib.sh.
#
# Works on a copy of the command and the shim that every user can reach. Gives: $RUN (the copy of the
# command), refused, started, as_nobody, compile, report.c compiled as $TMP/report: a program that
# prints whether the loader took the shim, and AT_SECURE.
# SPDX-License-Identifier: MIT
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
chmod 755 "$TMP"
mkdir "$TMP/bin"
cp "$LINGER_CMD" "$SHIM" "$TMP/bin/" || bail "build first: $LINGER_CMD or $SHIM is missing"
RUN=$TMP/bin/linger
cd "$TMP" || exit

# A directory of PATH that this user may not search would make 126 of what is 127; env(1) does so too.
CC=$(command -v "$CC") || bail "there is no compiler $CC"
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

compile() { "$CC" "$@" || bail "cannot compile: $*"; }

cat > report.c <<'END'
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
int main(int argc, char **argv)
{
	char line[4096];
	int shim = 0;
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof(line), maps))
		shim |= strstr(line, "/liblinger.so") != NULL;
	printf("shim=%d secure=%lu", shim, getauxval(AT_SECURE));
	for (int i = 1; i < argc; i++)
		printf(" %s", argv[i]);
	puts("");
	return 0;
}
END
compile -o report report.c

as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }

# refused NAME STATUS REGEX COMMAND...: the command's status and its one sentence; nothing on
# standard output, so the program did not run.
refused() {
	local name=$1 status=$2 regex=$3 out got
	shift 3
	out=$("$@" 2> "$TMP/refused.err")
	got=$?
	is "$name: status" "$got" "$status"
	is "$name: nothing was started" "$out" ''
	is "$name: one sentence" "$(wc -l < "$TMP/refused.err")" 1
	like "$name: what it says" "$(cat "$TMP/refused.err")" "^linger run: .*$regex"
}
# started NAME COMMAND...: report runs with the shim in it, and nothing is said.
started() {
	local name=$1
	shift
	is "$name" "$("$@" 2>&1)" 'shim=1 secure=0'
}
