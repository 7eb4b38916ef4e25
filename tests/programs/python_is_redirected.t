#!/bin/bash
# malloc, getenv and SSL_CTX_new of python3, a program without relocation (ET_EXEC): with replacements that
# pass their calls on it works as before, in a child program, too; others are seen.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
. "$HERE/redirects.sh"
need /usr/bin/python3 python3

replacements LIBC
replacements SSL -l:libssl.so.3
cat >"$TMP/program.py" <<'END'
import ctypes, hashlib, os, re, subprocess, sys

if len(sys.argv) > 1:
    print("child", len(sys.path) > 2)
    sys.exit(3)
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
print("getenv", libc.getenv(b"LINGER_SAYS"), libc.getenv(b"LC_ALL"))
import ssl, sqlite3, json
try:
    print("context", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).verify_mode)
except Exception as error:
    print("context", type(error).__name__, flush=True)
print(sqlite3.connect(":memory:").execute("select group_concat(a) from (select 1 a union select 2)").fetchall())
print(hashlib.sha256(json.dumps({str(i): [i] * 9 for i in range(2000)}).encode()).hexdigest(), flush=True)
print("status", subprocess.run([sys.executable, sys.argv[0], "child"]).returncode, flush=True)
print("last words", file=sys.stderr)
sys.exit(6)
END
program() {
	begin /usr/bin/python3 "$TMP/program.py"
}

same_redirected program 'malloc getenv SSL_CTX_new' "malloc=$TMP/LIBC.so#pass_malloc" \
	"getenv=$TMP/LIBC.so#pass_getenv" "SSL_CTX_new=$TMP/SSL.so#pass_SSL_CTX_new"
like "the program works" "$(cat "$TMP/bare.out")" 'getenv None .*context 2.*child True.*status 3'
is "and has a status of its own" "$(cat "$TMP/bare.status")" 6

version=$(nm -D /usr/bin/python3 | sed -n 's/.* getenv@//p')
redirected other variable program "getenv@$version=$TMP/LIBC.so#other_getenv" \
	"malloc@@$version=$TMP/LIBC.so#other_malloc" "SSL_CTX_new=$TMP/SSL.so#other_SSL_CTX_new"
were_called other malloc getenv SSL_CTX_new
is "other: the status" "$(cat "$TMP/other.status")" 6
is "other: what is asked for is something else" "$(diff "$TMP/bare.out" "$TMP/other.out" | grep '^[<>]' | sort)" \
	"$(printf '%s\n' "< context 2" "< getenv None b'C.UTF-8'" "> context SSLError" \
		"> getenv b'something else' b'C.UTF-8'" | sort)"

# Only in objects whose path matches.
redirected elsewhere option program "getenv=$TMP/LIBC.so#other_getenv;in=*/libpython-is-not-there*"
is "elsewhere: nothing changes" "$(cat "$TMP/elsewhere.out")" "$(cat "$TMP/bare.out")"
is "elsewhere: nobody calls it" "$(calls getenv)" 0
redirected here option program "getenv=$TMP/LIBC.so#pass_getenv;in=/usr/bin/python3*"
is "here: same standard output" "$(cat "$TMP/here.out")" "$(cat "$TMP/bare.out")"
were_called here getenv
