#!/bin/bash
# ctypes opens a library, calls it, closes it by _ctypes.dlclose, three rounds, then globally; what
# cannot be opened or found; extension modules; a forked child and a child program that do the same.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/programs.sh"
need /usr/bin/python3 python3

cat >"$TMP/program.py" <<'END'
import _ctypes, ctypes, os, subprocess, sys

def rounds(n, mode=ctypes.DEFAULT_MODE):
    for i in range(n):
        lib = ctypes.CDLL("libsqlite3.so.0", mode)
        row = []
        collect = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
                                   ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p)(
            lambda _, n, values, names: row.append(values[0]) or 0)
        db = ctypes.c_void_p()
        lib.sqlite3_open(b":memory:", ctypes.byref(db))
        lib.sqlite3_exec(db, b"SELECT 6 * 7", collect, None, None)
        lib.sqlite3_close(db)
        print("row", row, flush=True)
        _ctypes.dlclose(lib._handle)

if len(sys.argv) > 1:
    rounds(1)
    sys.exit(5)
rounds(3)
rounds(1, ctypes.RTLD_GLOBAL)
print(hasattr(ctypes.CDLL(None), "sqlite3_open"), "global symbol after the close")
try:
    ctypes.CDLL("libnot-there.so.1")
except OSError as error:
    print(error)
try:
    ctypes.CDLL("libc.so.6").not_a_function
except AttributeError as error:
    print(str(error).split(": ")[-1])
import curses, lzma, readline
print(lzma.decompress(lzma.compress(b"an extension module")).decode(), flush=True)
child = os.fork()
if child == 0:
    rounds(2)
    sys.exit(4)
print("fork:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
print("program:", subprocess.run([sys.executable, sys.argv[0], "child"]).returncode)
END
same_with_linger /usr/bin/python3 "$TMP/program.py"
like "the program works" "$(cat "$TMP/bare.out")" \
	"row \[b'42'\].*False global.*an extension module.*fork: 4.*program: 5"
is "three processes count" "$(counted counted | wc -l)" 3
really dlopen 10
really dlclose 7
really unload 7
