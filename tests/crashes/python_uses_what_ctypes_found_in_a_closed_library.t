#!/bin/bash
# Python: a function pointer into libpng, and a text in its constants, are used after ctypes closed the library. Each
# is the only reference left; the holder ends when the object that has it is deleted.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"
need python3 python3
need_library libpng16.so.16 libpng16-16

# Its own allocator's arenas lie beside libraries: where one ends, which it notes, the other begins.
export PYTHONMALLOC=malloc
cat >program.py <<'END'
import _ctypes, ctypes, encodings, os, sys, time
from ctypes import CFUNCTYPE, POINTER, c_char, c_int, c_size_t, c_uint32, c_void_p

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = c_void_p, (c_size_t,)
libc.memset.restype, libc.memset.argtypes = c_void_p, (c_void_p, c_int, c_size_t)
libc.free.restype, libc.free.argtypes = None, (c_void_p,)
# It ends in two line feeds and what the memory had before: an address in some library now and then.
encodings.__doc__ = None

def leave():
    """A function pointer, a text, and neither the library nor anything else that knows it."""
    library = ctypes.CDLL('libpng16.so.16')
    number = CFUNCTYPE(c_uint32)(('png_access_version_number', library))
    library.png_get_libpng_ver.restype = POINTER(c_char)
    text = library.png_get_libpng_ver(None)
    print('opened', flush=True)
    _ctypes.dlclose(library._handle)
    return number if sys.argv[1] == 'call' else text

def mapped():
    with open('/proc/self/maps') as maps:
        return 'libpng16' in maps.read()

def overwrite():
    """As the work of a real program would: other values where the freed ones were."""
    chunks = [(libc.malloc(size), size) for size in range(8, 2048, 16) for i in range(32)]
    for chunk, size in chunks:
        libc.memset(chunk, 0, size)
    for chunk, size in chunks:
        libc.free(chunk)

def use(left):
    # 1.6.39 is 10639.
    return left() // 10000 if sys.argv[1] == 'call' else int(left[0])

left = leave()
print(use(left), flush=True)
if len(sys.argv) > 2:
    del left
    until = time.monotonic() + float(os.environ['PATIENCE'])
    while mapped() and time.monotonic() < until:
        overwrite()
        _ctypes.dlclose(_ctypes.dlopen(os.environ['OTHER'], os.RTLD_NOW))
        time.sleep(0.01)
END
EXPECTED=$'opened\n1'
for what in call read; do
	crashes $what python3 program.py $what
	lives $what '/libpng16.so.16[.0-9]*' python3 program.py $what
	unloads $what '/libpng16.so.16[.0-9]*' python3 program.py $what end
done
