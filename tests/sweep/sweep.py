#!/usr/bin/env python3
# sweep.py - opens and closes each shared object of a folder in a process of its own, and holds what linger
# makes of it against a second opinion: a scan from outside that knows nothing of linger's.
#
# usage: sweep.py HOST SHIM OTHER FOLDER STEP [NAME...]		STEP: every n-th object of the folder
#
# Each object is opened and closed twice: plain, which says whether glibc unloads it, and with linger in
# its default settings ($LINGER is handed through). There the process is stopped before the dlclose and
# before each later call of dlopen and dlclose, and its memory is read through /proc/PID/mem. When an object
# has gone after that, no word seen before may point into it, but for what the rules below call expected.
# What is kept in the end has a witness, which is looked up in the stopped process.
#
# THE RULES. A word is found when it is an address in the object as it is, with something in the upper 16
# bits, doubled plus one, or mangled as setjmp does it. Looked at is every readable mapping that can be
# written, and those that could until they were protected (RELRO). Registers are not: the host has none.
# Expected is:
#   own       what stands in an object that went with it
#   loader    in ld.so's own data; in a link map's heap block; in a block that a link map points at, when
#             the value is in the string table of an object (its version names); in a block that ld.so's
#             data points into, or such a block's first words (the tables of _dl_find_object)
#   tls       in the block of a thread-local segment, found through the thread's DTV, or at the offset from
#             the thread's control block that the object's link map has
#   finalizer in a record of __cxa_atexit or pthread_atfork that names the object itself, by the address of
#             its __dso_handle (a word that points at itself), as the one to be finished with
#   linger    in the shim's own segments and thread-local block, and in mappings that its tables of objects
#             begin in
#   dead      on a stack, below the stack pointer
#   freed     in a block of the heap that the main thread's cache of malloc has in its lists, or whose
#             neighbour says that it is not in use
# Everything else is a reference, memory that is freed otherwise included.
# SPDX-License-Identifier: MIT
import bisect
import collections
import functools
import multiprocessing
import os
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

WORD = struct.Struct('<Q')
CALLS = 30              # later calls, over about a second
PATIENCE = 30           # seconds, on a machine that is busy with others
M64 = (1 << 64) - 1


class Gone(Exception):
    """The process has ended, or does not answer."""


class Mapping:
    def __init__(self, line):
        range_, self.perms, offset, device, inode, *path = line.split(None, 5)
        self.lo, self.hi = (int(x, 16) for x in range_.split('-'))
        self.file = (device, int(inode))
        self.path = path[0].rstrip('\n') if path else ''
        self.name = os.path.basename(self.path)


@functools.lru_cache(None)
def headers(path):
    """(type, address, size in memory) of each program header."""
    result = []
    try:
        with open(path, 'rb') as f:
            header = f.read(64)
            f.seek(struct.unpack_from('<Q', header, 32)[0])
            for _ in range(struct.unpack_from('<H', header, 56)[0]):
                h = struct.unpack('<IIQQQQQQ', f.read(56))
                result.append((h[0], h[3], h[6]))
    except (OSError, struct.error):     # no ELF file: data that is mapped
        pass
    return result


def memory_size(path):
    return max([at + size + 4095 & ~4095 for kind, at, size in headers(path) if kind == 1], default=0)


def thread_local_size(path):
    return max([size for kind, at, size in headers(path) if kind == 7], default=0)


@functools.lru_cache(None)
def tls_offset_at(libc):
    text = subprocess.run(['readelf', '-W', '--dyn-syms', libc], stdout=subprocess.PIPE, text=True).stdout
    return int(re.search(r' ([0-9a-f]+) .* _thread_db_link_map_l_tls_offset', text).group(1), 16)


class Object:
    """What the loader has mapped of one file, with what follows that has no bytes in it (.bss)."""
    def __init__(self, mappings):
        self.lo, self.hi = mappings[0].lo, max(mappings[-1].hi,
                                               mappings[0].lo + memory_size(mappings[0].path))
        self.file, self.path = mappings[0].file, mappings[0].path
        self.name = mappings[0].name


class Hit:
    def __init__(self, at, value, encoding, where):
        self.at, self.value, self.encoding, self.where = at, value, encoding, where
        self.expected = None


class Process:
    def __init__(self, command, env, folder):
        self.p = subprocess.Popen(command, env=env, cwd=folder, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  start_new_session=True, bufsize=0)
        self.pid, self.buffer, self.mem = self.p.pid, b'', None

    def line(self, *words):
        """The next line that begins with one of these words; a library may say things, too."""
        end = time.monotonic() + PATIENCE
        while True:
            text, newline, rest = self.buffer.partition(b'\n')
            if newline:
                self.buffer = rest
                text = text.decode('utf-8', 'replace')
                if text.split(' ')[0] in words:
                    return text
                continue
            ready, _, _ = select.select([self.p.stdout], [], [], max(0, end - time.monotonic()))
            piece = os.read(self.p.stdout.fileno(), 65536) if ready else b''
            if not piece:
                raise Gone('it does not answer' if not ready else 'it has ended')
            self.buffer += piece

    def tell(self, word):
        try:
            self.p.stdin.write(word.encode() + b'\n')
        except BrokenPipeError:
            raise Gone('it has ended')

    def end(self):
        if self.mem is not None:
            os.close(self.mem)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.p.stdin.close()
        self.p.stdout.close()
        self.p.wait()

    def stop(self):
        os.kill(self.pid, signal.SIGSTOP)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            states = []
            for tid in os.listdir(f'/proc/{self.pid}/task'):
                with open(f'/proc/{self.pid}/task/{tid}/stat', 'rb') as f:
                    states.append(f.read().rpartition(b') ')[2][:1])
            if all(s in b'TtZ' for s in states):
                return
            time.sleep(0.0002)
        raise Gone('it does not stop')

    def go(self):
        os.kill(self.pid, signal.SIGCONT)

    def maps(self):
        with open(f'/proc/{self.pid}/maps', errors='replace') as f:
            return [Mapping(line) for line in f]

    def read(self, lo, n):
        if self.mem is None:
            self.mem = os.open(f'/proc/{self.pid}/mem', os.O_RDONLY)
        try:
            return os.pread(self.mem, n, lo)
        except (OSError, OverflowError):
            return b''

    def word(self, at):
        data = self.read(at, 8) if 0 < at < 1 << 47 else b''
        return WORD.unpack(data)[0] if len(data) == 8 else 0


def objects_of(maps):
    found = collections.OrderedDict()
    for m in maps:
        if m.file[1] and m.path.startswith('/') and 'deleted' not in m.path:
            found.setdefault(m.file, []).append(m)
    return {f: Object(m) for f, m in found.items()}


def is_there(process, o):
    return any(m.lo < o.hi and o.lo < m.hi and m.file == o.file for m in process.maps())


# ------------------------------------------------------------------------------------ the scan

def patterns(lo, hi, shift):
    """What the bytes 3, 4 and 5 of words in [lo, hi) << shift can be."""
    lo, hi = lo << shift, hi << shift
    result = []
    for high in range(lo >> 32, ((hi - 1) >> 32) + 1):
        first = max(lo, high << 32) >> 24 & 0xff
        last = min(hi - 1, (high << 32) + 0xffffffff) >> 24 & 0xff
        result.append(b'[' + re.escape(bytes([first])) + b'-' + re.escape(bytes([last])) + b']' +
                      re.escape(bytes([high & 0xff, high >> 8 & 0xff])))
    return b'|'.join(result)


class Ranges:
    def __init__(self, ranges):
        self.bounds = []
        for lo, hi in sorted(ranges):
            if self.bounds and lo <= self.bounds[-1]:
                self.bounds[-1] = max(hi, self.bounds[-1])
            else:
                self.bounds += [lo, hi]

    def has(self, at):
        return bisect.bisect_right(self.bounds, at) % 2 == 1


class Scan:
    """All words of a stopped process that point into some objects."""

    def __init__(self, process, targets, sp, guard, tcb):
        self.p, self.guard, self.tcb = process, guard, tcb
        self.targets = sorted(targets, key=lambda o: o.lo)
        self.bounds = [o.lo for o in self.targets]
        self.lo, self.hi = min(o.lo for o in targets), max(o.hi for o in targets)
        self.maps = process.maps()
        self.hits, self.data = [], []
        self.stacks = self.find_stacks(sp)
        plain = re.compile(b'(?s)' + patterns(self.lo, self.hi, 0))
        doubled = re.compile(b'(?s)' + patterns(self.lo, self.hi, 1))
        # ror(w, 17) ^ guard has 16 zero bits on top: they are bits 1 to 16 of w.
        low = (guard >> 48) << 1
        mangled = re.compile(b'(?s)[' + re.escape(bytes([low & 0xff])) +
                             re.escape(bytes([low & 0xff | 1])) + b']' +
                             re.escape(bytes([low >> 8 & 0xff])) + b'[' +
                             b''.join(re.escape(bytes([b])) for b in range(256)
                                      if b & 1 == low >> 16 & 1) + b']')
        for i, m in enumerate(self.maps):
            if self.is_looked_at(i):
                data = process.read(m.lo, m.hi - m.lo)
                self.data.append((m.lo, data))
                self.look(m, data, plain, 3, lambda w: (w & 0xffffffffffff,
                                                         'tagged' if w >> 48 else 'plain'))
                self.look(m, data, doubled, 3, lambda w: (w >> 1 if w & 1 else 0, 'doubled'))
                self.look(m, data, mangled, 0, lambda w: (((w >> 17 | w << 47) & M64) ^ guard,
                                                           'mangled'))
        if self.hits:
            self.explain()

    def is_looked_at(self, i):
        m = self.maps[i]
        if 'r' not in m.perms or m.name in ('[vvar]', '[vvar_vclock]', '[vsyscall]', '[vdso]') or \
                m.path.startswith('/dev/'):
            return False
        if 'w' in m.perms or not m.file[1]:
            return True
        after = self.maps[i + 1] if i + 1 < len(self.maps) else None
        return bool(after) and after.file == m.file and after.lo == m.hi and 'w' in after.perms

    def find_stacks(self, sp):
        """[lo, hi) of what lies below a stack pointer in the same mapping."""
        pointers = [sp]
        for tid in os.listdir(f'/proc/{self.p.pid}/task'):
            if int(tid) == self.p.pid:
                continue
            with open(f'/proc/{self.p.pid}/task/{tid}/syscall') as f:
                words = f.read().split()
            if len(words) > 2:
                pointers.append(int(words[-2], 16) - 128)
        return [(m.lo, s) for s in pointers for m in self.maps if m.lo <= s < m.hi]

    def target(self, value):
        i = bisect.bisect_right(self.bounds, value) - 1
        return self.targets[i] if i >= 0 and value < self.targets[i].hi else None

    def look(self, mapping, data, pattern, offset, decode):
        at, search = 0, pattern.search
        while True:
            found = search(data, at)
            if not found:
                return
            at = found.start() + 1
            start = found.start() - offset
            if start % 8 or start < 0 or start + 8 > len(data):
                continue
            value, encoding = decode(WORD.unpack_from(data, start)[0])
            if self.lo <= value < self.hi and self.target(value):
                self.hits.append(Hit(mapping.lo + start, value, encoding, mapping))

    # ------------------------------------------------------------------ what is expected, and why

    def word(self, at):
        i = bisect.bisect_right(self.data, at, key=lambda d: d[0]) - 1
        if i >= 0 and at - self.data[i][0] + 8 <= len(self.data[i][1]):
            return WORD.unpack_from(self.data[i][1], at - self.data[i][0])[0]
        return self.p.word(at)

    def blocks(self):
        """Heap blocks, as [lo, hi) of what the program may write."""
        result = []
        for m in self.maps:
            at = m.lo
            if m.name != '[heap]':
                continue
            while at + 32 <= m.hi:
                size = self.word(at + 8) & ~7
                if size < 32 or at + size > m.hi:
                    break
                result.append((at + 16, at + size + 8))
                at += size
        return result

    def freed(self, blocks):
        """Of these blocks, those in malloc's cache, which is the first block, or marked by the next one."""
        result = [b for b in blocks[:-1] if not self.word(b[1]) & 1]
        starts = {lo: (lo, hi) for lo, hi in blocks}
        if not blocks or blocks[0][1] - blocks[0][0] != 0x288:
            return result
        for at in self.words(blocks[0][0] + 128, blocks[0][1] - 8):
            for _ in range(1024):
                if at not in starts:
                    break
                result.append(starts[at])
                at = self.word(at) ^ at >> 12
        return result

    def words(self, lo, hi):
        data = self.p.read(lo, hi - lo)
        return struct.unpack(f'<{len(data) // 8}Q', data[:len(data) // 8 * 8])

    def link_maps(self):
        """Through DT_DEBUG of the program, as debuggers do it."""
        exe = os.stat(f'/proc/{self.p.pid}/exe')
        base = next(m.lo for m in self.maps if m.file[1] == exe.st_ino)
        header = self.p.read(base, 64)
        phoff, phnum = struct.unpack_from('<Q', header, 32)[0], struct.unpack_from('<H', header, 56)[0]
        for i in range(phnum):
            h = struct.unpack('<IIQQQQQQ', self.p.read(base + phoff + 56 * i, 56))
            if h[0] != 2:       # PT_DYNAMIC
                continue
            bias = base if struct.unpack_from('<H', header, 16)[0] == 3 else 0
            at = bias + h[3]
            while self.word(at):
                if self.word(at) == 21:       # DT_DEBUG
                    map_ = self.word(self.word(at + 8) + 8)
                    while map_:
                        yield map_
                        map_ = self.word(map_ + 24)
                at += 16

    def strings(self, link_map):
        at, table, size = self.word(link_map + 16), 0, 0
        while self.word(at):
            if self.word(at) == 5:
                table = self.word(at + 8)
            elif self.word(at) == 10:
                size = self.word(at + 8)
            at += 16
        return table, table + size

    def explain(self):
        blocks = self.blocks()
        starts = [lo for lo, hi in blocks]

        def pieces(words):
            """The blocks that these words point into."""
            found = {bisect.bisect_right(starts, w) - 1 for w in words
                     if blocks and blocks[0][0] <= w < blocks[-1][1]}
            return [blocks[i] for i in found]

        link_maps = list(self.link_maps())
        map_blocks = pieces(link_maps)
        version_blocks = pieces(w for lo, hi in map_blocks for w in self.words(lo, hi))
        string_tables = [self.strings(m) for m in link_maps]
        freed = Ranges(self.freed(blocks))
        loader = [(m.lo, m.hi) for m in self.maps if m.name.startswith('ld-linux')]
        tables = pieces(w for m in self.maps if m.name.startswith('ld-linux') and
                        self.is_looked_at(self.maps.index(m)) for w in self.words(m.lo, m.hi))
        tables += pieces(w for lo, hi in tables for w in self.words(lo, min(hi, lo + 128)))
        dtv = self.word(self.tcb + 8)
        count = self.word(dtv - 16)
        tls = pieces(w for w in (self.words(dtv, dtv + 16 * (count + 1)) if count < 4096 else ()))
        shim = self.shim()
        for path, lo, hi in self.static_tls(link_maps):
            (shim if path.endswith('/liblinger.so') else tls).append((lo, hi))

        map_blocks, version_blocks, string_tables, loader, tables, tls, shim, stacks = (
            Ranges(r) for r in (map_blocks, version_blocks, string_tables, loader, tables, tls, shim,
                                self.stacks))

        def within(at, ranges):
            return ranges.has(at)

        for hit in self.hits:
            at = hit.at
            if self.target(at):
                continue        # who asks looks whether that object goes, too
            if within(at, loader) or within(at, map_blocks) or within(at, tables):
                hit.expected = 'loader'
            elif within(at, version_blocks) and within(hit.value, string_tables):
                hit.expected = 'loader'
            elif within(at, tls):
                hit.expected = 'tls'
            elif within(at, shim):
                hit.expected = 'linger'
            elif within(at, stacks):
                hit.expected = 'dead'
            elif within(at, freed):
                hit.expected = 'freed'
            elif (hit.where.name.startswith('libc.so') or hit.where.name == '[heap]' or
                  not hit.where.path) and self.is_finalizer(at):
                hit.expected = 'finalizer'

    def static_tls(self, link_maps):
        """As a debugger finds it: libc says at which offset a link map has that of its block."""
        libc = next(m for m in self.maps if m.name == 'libc.so.6')
        where = self.word(libc.lo + tls_offset_at(libc.path) + 4) >> 32
        for link_map in link_maps:
            base, offset = self.word(link_map), self.word(link_map + where)
            path = next((m.path for m in self.maps if m.lo == base), '')
            if path and 0 < offset < 1 << 20:
                lo = self.tcb - offset
                yield path, lo, lo + thread_local_size(path)

    def is_finalizer(self, at):
        def of_itself(dso):
            return self.target(dso) is not None and self.word(dso) == dso

        # {flavor 4, function, argument, dso}; {prepare, parent, child, dso, id}
        return any(self.word(at - back) == 4 and of_itself(self.word(at - back + 24))
                   for back in (8, 16, 24)) or \
            any(of_itself(self.word(at - back + 24)) and self.word(at - back + 32) < 1 << 32 and
                all(w == 0 or self.target(w) for w in self.words(at - back, at - back + 24))
                for back in (0, 8, 16, 24))

    def shim(self):
        mine = [m for m in self.maps if m.name == 'liblinger.so']
        if not mine:
            return []
        result = [(m.lo, m.hi) for m in mine]
        behind = [m for m in self.maps if m.lo == mine[-1].hi and not m.path]
        result += [(m.lo, m.hi) for m in behind]
        # struct lgr_region begins with its name, and ends with the addresses of tables of objects.
        for lo, hi in result[-2:]:
            at = self.p.read(lo, hi - lo).find(b'LINGERRG')
            if at >= 0:
                size = struct.unpack('<I', self.p.read(lo + at + 12, 4))[0]
                chunks = set(self.words(lo + at + size - 2048 * 8, lo + at + size)) - {0}
                result += [(m.lo, m.hi) for m in self.maps if not m.path and
                           any(m.lo <= c < m.hi for c in chunks)]
        return result


# ------------------------------------------------------------------------------- the witnesses

class Kept:
    def __init__(self, line):
        f = line.split(' ', 11)
        self.id, self.lo, self.hi = int(f[1]), int(f[2], 16), int(f[3], 16)
        self.reason, self.place, self.encoding = f[4:7]
        self.at, self.value, self.tid = int(f[7], 16), int(f[8], 16), int(f[9])
        self.unseen, self.path = f[10], f[11]
        self.name = os.path.basename(self.path)


def owner(process, kept, at):
    for m in process.maps():
        if m.lo <= at < m.hi:
            return m.name or 'anonymous'
    return 'nothing'


def confirm(process, guard, kept, objects, kernel):
    """(what kind of witness, None or what is wrong with it)"""
    place, at = kept.place, kept.at
    inside = any(o.lo <= kept.value < o.hi for o in objects)
    if place == 'memory':
        kind = f'{kept.encoding} word in {owner(process, kept, at)}'
        word = process.word(at & ~7) if at % 8 == 0 else WORD.unpack(process.read(at, 8))[0]
        value = {'plain': word, 'tagged': word & 0xffffffffffff, 'doubled': word >> 1,
                 'mangled': ((word >> 17 | word << 47) & M64) ^ guard, 'unaligned': word,
                 'relative': at + 4 + struct.unpack('<i', process.read(at, 4))[0]}[kept.encoding]
        if value != kept.value:
            return kind, f'{at:x} has {word:x}, which is {value:x}, not {kept.value:x}'
        return kind, None if inside or kept.reason == 'dependency' else \
            f'{kept.value:x} is in no object that is kept'
    if place == 'object' or place == 'watch':
        holder = [o for o in objects if o.id == at]
        if holder:
            return f'{place} {holder[0].name}', None
        return place, f'there is no object {at} that is kept'
    if place == 'signal':
        return place, None if any(k.split()[:2] == ['signal', str(at)] and any(
            kept.lo <= int(x, 16) < kept.hi for x in k.split()[2:]) for k in kernel) else \
            f'the handler of signal {at} is elsewhere'
    if place == 'altstack':
        return place, None if any(k.startswith('altstack') and kept.lo <= int(k.split()[1], 16) <
                                  kept.hi for k in kernel) else 'the stack is elsewhere'
    if place == 'timer':
        with open(f'/proc/{process.pid}/timers') as f:
            values = [int(x, 16) for x in re.findall(r'/([0-9a-f]+)', f.read())]
        return place, None if any(kept.lo <= v < kept.hi for v in values) else 'no timer has it'
    if place == 'unseen':
        return f'unseen: {kept.unseen}', None
    if place == 'register':
        return place, None      # of a thread that has moved on; what stays would be found elsewhere
    return f'{place} ({kept.reason})', 'it has no witness'


# ------------------------------------------------------------------------------- one library

def plain(path, setup):
    """'gone', 'stays' or why it cannot be opened."""
    p = Process([setup.host, path, setup.other], setup.env_plain, setup.folder)
    try:
        p.line('start')
        p.tell('open')
        text = p.line('open', 'failed')
        if text != 'open':
            return text
        target = find_object(p, path)
        if target is None:
            return 'failed: it is not mapped'
        p.tell('close')
        p.line('closed')
        return 'stays' if is_there(p, target) else 'gone'
    except Gone as e:
        return f'failed: {e}'
    finally:
        p.end()


def find_object(p, path):
    st = os.stat(path)
    for (device, inode), o in objects_of(p.maps()).items():
        if inode == st.st_ino:
            return o
    return None


class Result:
    def __init__(self, path):
        self.name = os.path.basename(path)
        self.plain = self.fate = ''
        self.wrong, self.note, self.witness = [], '', ''
        self.calls, self.ms = 0, 0.0


def with_linger(result, path, setup):
    p = Process([setup.host, path, setup.other], setup.env_linger, setup.folder)
    try:
        _, sp, guard, tcb = p.line('start').split()
        sp, guard, tcb = int(sp, 16), int(guard, 16), int(tcb, 16)
        if not any(m.name == 'liblinger.so' for m in p.maps()):
            result.wrong.append('the shim is not there')
            return
        before = objects_of(p.maps())
        p.tell('open')
        text = p.line('open', 'failed')
        if text != 'open':
            result.wrong.append(f'opens plain, not with linger: {text}')
            return
        new = {f: o for f, o in objects_of(p.maps()).items() if f not in before}
        root = find_object(p, path)

        def look_and_call(word, answer):
            """What is there before, and what goes in, the next call."""
            there = [o for o in new.values() if is_there(p, o)]
            p.stop()
            scan = Scan(p, there, sp, guard, tcb) if there else None
            p.go()
            begun = time.monotonic()
            p.tell(word)
            p.line(answer)
            result.ms = max(result.ms, (time.monotonic() - begun) * 1000)
            gone = [o for o in there if not is_there(p, o)]
            if not gone or result.plain != 'gone' and root not in gone:
                return scan
            for hit in scan.hits:
                own = any(o.lo <= hit.at < o.hi for o in gone)
                if not own and not hit.expected and any(o.lo <= hit.value < o.hi for o in gone):
                    result.wrong.append(
                        f'unmapped in {word!r}, while a {hit.encoding} word at {hit.at:x} '
                        f'({hit.where.name or "anonymous"}) pointed at {hit.value:x}, in '
                        f'{scan.target(hit.value).name}')
            return scan

        look_and_call('close', 'closed')
        if not is_there(p, root):
            result.fate = 'at the call'
        else:
            pause = 0.01
            while result.calls < CALLS and is_there(p, root) and result.plain == 'gone':
                time.sleep(pause)
                pause = min(pause * 1.15, 0.06)
                look_and_call('call', 'called')
                result.calls += 1
            result.fate = 'kept' if is_there(p, root) else 'later'
        if result.plain == 'stays' and result.fate != 'kept':
            result.wrong.append('glibc keeps it, linger does not')
        if result.fate == 'kept' and result.plain == 'gone':
            p.tell('say')
            kernel, kept = [], []
            while True:
                line = p.line('object', 'signal', 'altstack', 'end')
                if line == 'end':
                    break
                (kept if line.startswith('object') else kernel).append(line)
            kept = [Kept(line) for line in kept]
            mine = [k for k in kept if k.lo == root.lo]
            if not mine:
                result.wrong.append('kept, and linger does not know it')
                return
            p.stop()
            result.witness, wrong = confirm(p, guard, mine[0], kept, kernel)
            result.note = f'{mine[0].reason}: {result.witness}'
            if wrong:
                result.wrong.append(f'its witness ({result.witness}): {wrong}')
            p.go()
    except Gone as e:
        result.wrong.append(str(e))
    finally:
        p.end()


class Setup:
    pass


def sweep_one(job):
    path, setup = job
    result = Result(path)
    with tempfile.TemporaryDirectory() as folder:
        setup.folder = folder
        result.plain = plain(path, setup)
        if result.plain in ('gone', 'stays'):
            try:
                with_linger(result, path, setup)
            except FileNotFoundError as e:      # of /proc/PID: it went away
                result.wrong.append(f'it has ended ({e.filename})')
    return result


def main():
    if len(sys.argv) < 6:
        print('usage: sweep.py HOST SHIM OTHER FOLDER STEP [NAME...]', file=sys.stderr)
        return 2
    setup = Setup()
    setup.host, shim, setup.other, folder = (os.path.abspath(a) for a in sys.argv[1:5])
    step, names = int(sys.argv[5]), sys.argv[6:]
    setup.env_plain = {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C', 'HOME': '/nonexistent'}
    setup.env_linger = dict(setup.env_plain, LD_PRELOAD=shim, LINGER=os.environ.get('LINGER', ''))
    paths = []
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if '.so' in entry.name and entry.is_file(follow_symlinks=False) and \
                (not names or entry.name in names):
            with open(entry.path, 'rb') as f:
                if f.read(18)[:4] == b'\x7fELF':
                    paths.append(entry.path)
    paths = paths[::step]
    with multiprocessing.Pool(2) as pool:
        results = list(pool.imap(sweep_one, [(p, setup) for p in paths]))

    failed = [r for r in results if r.plain not in ('gone', 'stays')]
    stays = [r for r in results if r.plain == 'stays']
    closable = [r for r in results if r.plain == 'gone']
    fates = collections.Counter(r.fate for r in closable)
    for r in results:
        for w in r.wrong[:3]:
            print(f'WRONG {r.name}: {w}')
        if len(r.wrong) > 3:
            print(f'WRONG {r.name}: and {len(r.wrong) - 3} more')
        if os.environ.get('V'):
            print(f'{r.name}: plain {r.plain}, {r.fate}, {r.calls} calls, {r.ms:.1f} ms {r.note}')
    print(f'{len(results)} objects: {len(failed)} cannot be opened alone, {len(stays)} are never '
          f'unloaded by glibc, {len(closable)} are')
    n = max(1, len(closable))
    print(f'of these, proven at the call: {fates["at the call"]} ({100 * fates["at the call"] / n:.1f} %), '
          f'soon after: {fates["later"]}, kept: {fates["kept"]}, neither: {fates[""]}')
    print('witnesses:')
    table = collections.Counter(r.witness for r in closable if r.fate == 'kept')
    for witness, count in table.most_common(20):
        examples = [r.name for r in closable if r.witness == witness and r.fate == 'kept']
        print(f'{count:5}  {witness:40}  {" ".join(examples[:3])}')
    print(f'at-call {fates["at the call"]} later {fates["later"]} kept {fates["kept"]} '
          f'closable {len(closable)} wrong {sum(bool(r.wrong) for r in results)}')
    return 1 if any(r.wrong for r in results) else 0


if __name__ == '__main__':
    sys.exit(main())
