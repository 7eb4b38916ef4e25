#!/bin/bash
# Python: an operation of libMagickWand runs in threads of libgomp, one of its dependencies, which then wait for
# the next by turning round (OMP_WAIT_POLICY=active). ctypes closes libMagickWand (of the class of ImageMagick#1649).
#
# libgomp ends its threads when asked to, but its key of thread-specific data only in its own destructor, which does
# not run while it is kept: so the holder never ends, unless somebody else deletes the key.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/crashes.sh"
need python3 python3
need_library libMagickWand-6.Q16.so.6 libmagickwand-6.q16-6
[ "$(nproc)" -ge 2 ] || bail 'with one processor libgomp does not let its threads turn round'

# Its own allocator's arenas lie beside libraries: where one ends, which it notes, the other begins.
export PYTHONMALLOC=malloc
cat >program.py <<'END'
import _ctypes, ctypes, encodings, os, sys, time
from ctypes import CFUNCTYPE, c_double, c_int, c_size_t, c_void_p

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = c_void_p, (c_size_t,)
libc.memset.restype, libc.memset.argtypes = c_void_p, (c_void_p, c_int, c_size_t)
libc.free.restype, libc.free.argtypes = None, (c_void_p,)
# It ends in two line feeds and what the memory had before: an address in some library now and then.
encodings.__doc__ = None

def leave():
    """Threads, and how to end them."""
    gomp = ctypes.CDLL('libgomp.so.1')
    magick = ctypes.CDLL('libMagickWand-6.Q16.so.6')
    pause = CFUNCTYPE(c_int, c_int)(('omp_pause_resource_all', gomp))
    _ctypes.dlclose(gomp._handle)
    magick.NewMagickWand.restype = magick.NewPixelWand.restype = c_void_p
    magick.MagickWandGenesis()
    wand, color = c_void_p(magick.NewMagickWand()), c_void_p(magick.NewPixelWand())
    magick.MagickNewImage(wand, c_size_t(512), c_size_t(512), color)
    magick.MagickCharcoalImage(wand, c_double(1), c_double(1))
    magick.DestroyMagickWand(wand)
    magick.DestroyPixelWand(color)
    magick.MagickWandTerminus()
    print('opened', flush=True)
    _ctypes.dlclose(magick._handle)
    return pause

def threads():
    return [task for task in os.listdir('/proc/self/task') if int(task) != os.getpid()]

def used(task):
    """What it has used of a processor, in ticks."""
    with open('/proc/self/task/' + task + '/stat') as stat:
        return int(stat.read().rpartition(')')[2].split()[11])

def wait(what):
    until = time.monotonic() + 30
    while not what() and time.monotonic() < until:
        time.sleep(0.001)

def mapped():
    with open('/proc/self/maps') as maps:
        return 'libgomp' in maps.read()

def overwrite():
    """As the work of a real program would: other values where the freed ones were."""
    chunks = [(libc.malloc(size), size) for size in range(8, 2048, 16) for i in range(32)]
    for chunk, size in chunks:
        libc.memset(chunk, 0, size)
    for chunk, size in chunks:
        libc.free(chunk)

pause = leave()
task = threads()[0]
enough = used(task) + 2
wait(lambda: used(task) >= enough)
print('a thread turns round', flush=True)
if len(sys.argv) > 1:
    pause(2) # omp_pause_hard
    del pause
    wait(lambda: not threads())
    print(len(threads()), 'threads', flush=True)
    # Says what it finds, and deletes it if told.
    _ctypes.dlclose(_ctypes.dlopen(os.environ['TMP'] + '/ends.so', os.RTLD_NOW))
    until = time.monotonic() + float(os.environ['PATIENCE'])
    while mapped() and time.monotonic() < until:
        overwrite()
        _ctypes.dlclose(_ctypes.dlopen(os.environ['OTHER'], os.RTLD_NOW))
        time.sleep(0.01)
END
export TMP OMP_WAIT_POLICY=active OMP_NUM_THREADS=2 MAGICK_THREAD_LIMIT=2 KEYS_OF=/libgomp.so
library='/libgomp.so.1[.0-9]*'
EXPECTED=$'opened\na thread turns round'
crashes threads python3 program.py
lives threads "$library" python3 program.py
EXPECTED=$'opened\na thread turns round\n0 threads\nits key exists'
ENDS=keys PATIENCE=0.5 holds_on its_key_is_never_deleted "$library" python3 program.py end
EXPECTED=$'opened\na thread turns round\n0 threads\nits key is deleted'
# libMagickCore is large, and has to go first.
ENDS=delete PATIENCE=4 TRIES=8 unloads somebody_else_deletes_its_key "$library" python3 program.py end
