#!/bin/bash
# Python: a thread uses libcups, ctypes closes it, and the thread ends: its thread-specific data has a destructor in
# libcups. libcups never deletes that key: the holder never ends, unless somebody else deletes it.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"
need python3 python3
need_library libcups.so.2 libcups2

# Its own allocator's arenas lie beside libraries: where one ends, which it notes, the other begins.
export PYTHONMALLOC=malloc
cat >program.py <<'END'
import _ctypes, ctypes, encodings, os, sys, threading, time
from ctypes import c_int, c_size_t, c_void_p

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = c_void_p, (c_size_t,)
libc.memset.restype, libc.memset.argtypes = c_void_p, (c_void_p, c_int, c_size_t)
libc.free.restype, libc.free.argtypes = None, (c_void_p,)
# It ends in two line feeds and what the memory had before: an address in some library now and then.
encodings.__doc__ = None

used, closed = threading.Event(), threading.Event()

def use(library):
    print(library.cupsLastError(), flush=True)
    del library
    used.set()
    closed.wait()

def leave():
    """A thread that has used the library."""
    library = ctypes.CDLL('libcups.so.2')
    thread = threading.Thread(target=use, args=(library,))
    thread.start()
    used.wait()
    _ctypes.dlclose(library._handle)
    return thread

def mapped():
    with open('/proc/self/maps') as maps:
        return 'libcups.so' in maps.read()

def overwrite():
    """As the work of a real program would: other values where the freed ones were."""
    chunks = [(libc.malloc(size), size) for size in range(8, 2048, 16) for i in range(32)]
    for chunk, size in chunks:
        libc.memset(chunk, 0, size)
    for chunk, size in chunks:
        libc.free(chunk)

thread = leave()
closed.set()
thread.join()
# join waits for Python's part of the thread: its end comes after that.
while len(os.listdir('/proc/self/task')) > 1:
    time.sleep(0.001)
print('the thread has ended', flush=True)
if len(sys.argv) > 1:
    del thread
    # Says what it finds, and deletes it if told.
    _ctypes.dlclose(_ctypes.dlopen(os.environ['TMP'] + '/ends.so', os.RTLD_NOW))
    until = time.monotonic() + float(os.environ['PATIENCE'])
    while mapped() and time.monotonic() < until:
        again = threading.Thread(target=overwrite) # where the other thread had its memory
        again.start()
        again.join()
        _ctypes.dlclose(_ctypes.dlopen(os.environ['OTHER'], os.RTLD_NOW))
        time.sleep(0.01)
END
export TMP KEYS_OF=/libcups.so
library='/libcups.so.2[.0-9]*'
EXPECTED=$'0\nthe thread has ended'
crashes thread python3 program.py
lives thread "$library" python3 program.py
EXPECTED=$'0\nthe thread has ended\nits key exists'
ENDS=keys PATIENCE=0.5 holds_on its_key_is_never_deleted "$library" python3 program.py end
EXPECTED=$'0\nthe thread has ended\nits key is deleted'
ENDS=delete unloads somebody_else_deletes_its_key "$library" python3 program.py end
