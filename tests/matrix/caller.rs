// caller.rs - the program of the behaviour matrix in Rust: the same operations as caller.c, with
// which it shares matrix.txt and nothing else. Built as an executable and as caller libraries.
//
// A library in another namespace has a libc of its own; printing is write(2) alone.
// SPDX-License-Identifier: MIT

use std::env;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int, c_long, c_uint, c_void};
use std::process::exit;
use std::ptr::{null, null_mut};
use std::{mem, thread};

type Handle = *mut c_void;
type RunFn = unsafe extern "C" fn(m: *mut Matrix, op: *const c_char);
type OpenFn = unsafe extern "C" fn(file: *const c_char, flags: c_int) -> Handle;
type SymFn = unsafe extern "C" fn(handle: Handle, name: *const c_char) -> *mut c_void;
type StubFn = unsafe extern "C" fn(*const c_void, c_long, target: *const ()) -> *mut c_void;

#[repr(C)]
struct DlInfo {
    file: *const c_char,
    base: *mut c_void,
    symbol: *const c_char,
    address: *mut c_void,
}

// What comes first in the loader's structures; the rest is not looked at.
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const c_char,
}
#[repr(C)]
struct PhdrInfo {
    base: usize,
    name: *const c_char,
}
#[repr(C)]
struct SearchPath {
    name: *const c_char,
    flags: c_uint,
}
#[repr(C)]
struct SearchInfo {
    size: usize,
    count: c_uint,
    paths: [SearchPath; 0],
}

extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> Handle;
    fn dlmopen(lmid: c_long, file: *const c_char, flags: c_int) -> Handle;
    fn dlclose(handle: Handle) -> c_int;
    fn dlsym(handle: Handle, name: *const c_char) -> *mut c_void;
    fn dlvsym(handle: Handle, name: *const c_char, version: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
    fn dladdr(address: *const c_void, info: *mut DlInfo) -> c_int;
    fn dlinfo(handle: Handle, request: c_int, arg: *mut c_void) -> c_int;
    fn dl_iterate_phdr(
        callback: unsafe extern "C" fn(*const PhdrInfo, usize, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
    fn __errno_location() -> *mut c_int;
    fn write(fd: c_int, data: *const c_void, size: usize) -> isize;
    fn mmap(
        at: *mut c_void,
        n: usize,
        prot: c_int,
        flags: c_int,
        fd: c_int,
        from: c_long,
    ) -> *mut u8;
    fn mprotect(at: *mut u8, n: usize, prot: c_int) -> c_int;
    fn iconv_open(to: *const c_char, from: *const c_char) -> *mut c_void;
    fn iconv_close(converter: *mut c_void) -> c_int;
    fn fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn _exit(status: c_int) -> !;
}

const RTLD_DEFAULT: Handle = null_mut();
const RTLD_NEXT: Handle = -1isize as Handle;
const LM_ID_NEWLM: c_long = -1;
const RTLD_DI_LMID: c_int = 1;
const RTLD_DI_SERINFO: c_int = 4;
const RTLD_DI_SERINFOSIZE: c_int = 5;
const RTLD_DI_ORIGIN: c_int = 6;
const SLOTS: usize = 26;
// What errno holds before each dl* call: a call that leaves it alone shows as "untouched".
const ERRNO_MARK: c_int = 250;

#[derive(Clone, Copy)]
struct Slot {
    handle: Handle,
    is_open: bool, // a closed handle's value stays, for surplus closes
    run: Option<RunFn>,
    tail: Option<OpenFn>,
}

// Lies in the executable; libraries get it by pointer, also across namespaces.
pub struct Matrix {
    slot: [Slot; SLOTS],
    kept: [*mut c_void; SLOTS],
    preload: [u8; 4096], // LD_PRELOAD: what `list` leaves out
    saved_errno: c_int,
}

// A handle that is no handle: glibc finds no open count in it.
static ZEROES: [u64; 512] = [0; 512];

fn say(text: &str) {
    unsafe {
        if write(1, text.as_ptr() as *const c_void, text.len()) != text.len() as isize {
            _exit(70);
        }
    }
}

fn bad(what: &str) -> ! {
    say(&format!(" BAD-SCRIPT({})", what));
    unsafe { _exit(71) }
}

unsafe fn text<'a>(string: *const c_char) -> &'a str {
    CStr::from_ptr(string).to_str().unwrap_or("not-utf-8")
}

fn zero_terminated(word: &str) -> CString {
    CString::new(word).unwrap_or_else(|_| bad(word))
}

fn slot_number(word: &str) -> usize {
    match word.as_bytes() {
        [letter @ b'A'..=b'Z'] => (letter - b'A') as usize,
        _ => bad(word),
    }
}

fn handle_of(m: &Matrix, word: &str) -> Handle {
    match word {
        "DEFAULT" => RTLD_DEFAULT,
        "NEXT" => RTLD_NEXT,
        "NULL" => null_mut(),
        "ZEROES" => ZEROES.as_ptr() as Handle,
        _ => {
            let handle = m.slot[slot_number(word)].handle;
            if handle.is_null() {
                bad("empty slot");
            }
            handle
        }
    }
}

fn flags_of(word: &str) -> c_int {
    if let Some(digits) = word.strip_prefix("0x") {
        return c_int::from_str_radix(digits, 16).unwrap_or_else(|_| bad(word));
    }
    if let Ok(flags) = word.parse() {
        return flags;
    }
    word.split('+').fold(0, |flags, name| {
        flags
            | match name {
                "lazy" => 1,
                "now" => 2,
                "noload" => 4,
                "deepbind" => 8,
                "global" => 0x100,
                "nodelete" => 0x1000,
                _ => bad(name),
            }
    })
}

// A file name as dlopen wants it; the string lives as long as this.
struct File(Option<CString>);
impl File {
    fn new(word: &str) -> File {
        File(match word {
            "NULL" => None,
            "EMPTY" => Some(zero_terminated("")),
            _ => Some(zero_terminated(word)),
        })
    }
    fn ptr(&self) -> *const c_char {
        self.0.as_ref().map_or(null(), |name| name.as_ptr())
    }
}

// The path is read from the link map, not asked for: dlinfo would clear a pending dlerror.
unsafe fn put_handle(m: &mut Matrix, word: &str, handle: Handle) {
    let this = slot_number(word);
    m.slot[this].handle = handle;
    m.slot[this].is_open = !handle.is_null();
    if handle.is_null() {
        say(&format!(" {}=none", word));
        return;
    }
    let path = text((*(handle as *const LinkMap)).name);
    say(&format!(
        " {}={}",
        word,
        if path.is_empty() { "main" } else { path }
    ));
    for (i, slot) in m.slot.iter().enumerate() {
        if i != this && slot.is_open && slot.handle == handle {
            say(&format!("(same-as-{})", (b'A' + i as u8) as char));
        }
    }
}

// dladdr leaves dlerror alone.
unsafe fn put_address(name: &str, address: *const c_void) {
    let mut info: DlInfo = mem::zeroed();
    if address.is_null() {
        say(&format!(" {}=none", name));
    } else if dladdr(address, &mut info) == 0 {
        say(&format!(" {}=in-no-object", name));
    } else {
        let symbol = if info.symbol.is_null() {
            "?"
        } else {
            text(info.symbol)
        };
        say(&format!(" {}={}:{}", name, text(info.file), symbol));
    }
}

// ------------------------------------------------ code that belongs to no object

// A stub calls, or jumps to, its third argument with the first two left in place.
unsafe fn make_stub(jump: bool) -> StubFn {
    #[cfg(target_arch = "x86_64")]
    let (calls, jumps): (&[u8], &[u8]) = (
        &[0x55, 0x48, 0x89, 0xe5, 0xff, 0xd2, 0x5d, 0xc3],
        &[0xff, 0xe2],
    );
    #[cfg(target_arch = "aarch64")]
    let (calls, jumps): (&[u8], &[u8]) = (
        &[
            0xfd, 0x7b, 0xbf, 0xa9, 0x40, 0x00, 0x3f, 0xd6, 0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03,
            0x5f, 0xd6,
        ],
        &[0x40, 0x00, 0x1f, 0xd6],
    );
    let code = if jump { jumps } else { calls };
    let page = mmap(null_mut(), 4096, 1 | 2, 2 | 0x20, -1, 0);
    if page as isize == -1 {
        bad("mmap");
    }
    page.copy_from_nonoverlapping(code.as_ptr(), code.len());
    mprotect(page, 4096, 1 | 4);
    mem::transmute(page)
}

unsafe fn op_stub(m: &mut Matrix, w: &[&str], jump: bool) {
    let stub = make_stub(jump);
    if w[1] == "open" {
        let file = File::new(w[3]);
        let flags = flags_of(w[4]) as c_long;
        let handle = stub(file.ptr() as *const c_void, flags, dlopen as *const ());
        put_handle(m, w[2], handle);
    } else {
        let name = zero_terminated(w[3]);
        let handle = handle_of(m, w[2]);
        let address = stub(handle, name.as_ptr() as c_long, dlsym as *const ());
        put_address(w[3], address);
    }
}

// -------------------------------------------------------------- the operations

fn mark_errno() {
    unsafe { *__errno_location() = ERRNO_MARK }
}

fn save_errno(m: &mut Matrix) {
    m.saved_errno = unsafe { *__errno_location() };
}

unsafe fn op_open(m: &mut Matrix, w: &[&str]) {
    let (file, flags) = (File::new(w[2]), flags_of(w[3]));
    mark_errno();
    let handle = dlopen(file.ptr(), flags);
    save_errno(m);
    put_handle(m, w[1], handle);
}

unsafe fn op_mopen(m: &mut Matrix, w: &[&str]) {
    let (file, flags) = (File::new(w[3]), flags_of(w[4]));
    let lmid = if w[2] == "new" {
        LM_ID_NEWLM
    } else {
        w[2].parse().unwrap_or_else(|_| bad(w[2]))
    };
    mark_errno();
    let handle = dlmopen(lmid, file.ptr(), flags);
    save_errno(m);
    put_handle(m, w[1], handle);
}

unsafe fn op_close(m: &mut Matrix, w: &[&str]) {
    let handle = handle_of(m, w[1]);
    if w[1].len() == 1 {
        // A program that closes a library forgets its functions.
        let slot = &mut m.slot[slot_number(w[1])];
        slot.is_open = false;
        slot.run = None;
        slot.tail = None;
    }
    mark_errno();
    let status = dlclose(handle);
    save_errno(m);
    say(&format!(" close={}", status));
}

unsafe fn op_sym(m: &mut Matrix, w: &[&str]) {
    let (handle, name) = (handle_of(m, w[1]), zero_terminated(w[2]));
    mark_errno();
    let address = dlsym(handle, name.as_ptr());
    save_errno(m);
    put_address(w[2], address);
}

unsafe fn op_vsym(m: &mut Matrix, w: &[&str]) {
    let (handle, name) = (handle_of(m, w[1]), zero_terminated(w[2]));
    let version = zero_terminated(w[3]);
    mark_errno();
    let address = dlvsym(handle, name.as_ptr(), version.as_ptr());
    save_errno(m);
    put_address(w[2], address);
}

// Looks a function up and calls it; it says what it is itself. A fourth word is a version.
unsafe fn op_call(m: &mut Matrix, w: &[&str]) {
    let (handle, name) = (handle_of(m, w[1]), zero_terminated(w[2]));
    let address = if w[3].is_empty() {
        dlsym(handle, name.as_ptr())
    } else {
        dlvsym(handle, name.as_ptr(), zero_terminated(w[3]).as_ptr())
    };
    if address.is_null() {
        say(&format!(" {}=none", w[2]));
    } else {
        mem::transmute::<*mut c_void, extern "C" fn()>(address)();
    }
}

unsafe fn op_int(m: &mut Matrix, w: &[&str]) {
    let name = zero_terminated(w[2]);
    let address = dlsym(handle_of(m, w[1]), name.as_ptr()) as *mut c_int;
    if address.is_null() {
        say(&format!(" {}=none", w[2]));
        return;
    }
    if !w[3].is_empty() {
        *address = w[3].parse().unwrap_or_else(|_| bad(w[3]));
    }
    say(&format!(" {}={}", w[2], *address));
}

// From now on the program holds a pointer into the object, closed or not.
unsafe fn op_keep(m: &mut Matrix, w: &[&str]) {
    let name = zero_terminated(w[2]);
    m.kept[slot_number(w[1])] = dlsym(handle_of(m, w[1]), name.as_ptr());
    say(" kept");
}

unsafe fn op_use(m: &mut Matrix, w: &[&str]) {
    let handle = handle_of(m, w[1]);
    let run = zero_terminated("caller_run");
    let tail = zero_terminated("caller_tail");
    let slot = &mut m.slot[slot_number(w[1])];
    slot.run = mem::transmute(dlsym(handle, run.as_ptr()));
    slot.tail = mem::transmute(dlsym(handle, tail.as_ptr()));
    if slot.run.is_none() && slot.tail.is_none() {
        bad("use");
    }
}

unsafe fn op_tail(m: &mut Matrix, w: &[&str]) {
    let file = File::new(w[3]);
    let tail = m.slot[slot_number(w[1])]
        .tail
        .unwrap_or_else(|| bad("no opener"));
    let handle = tail(file.ptr(), flags_of(w[4]));
    put_handle(m, w[2], handle);
}

unsafe fn op_via(m: &mut Matrix, w: &[&str]) {
    let (file, name) = (File::new(w[3]), zero_terminated("dlopen"));
    let open: Option<OpenFn> = mem::transmute(dlsym(handle_of(m, w[1]), name.as_ptr()));
    let open = open.unwrap_or_else(|| bad("via"));
    let handle = open(file.ptr(), flags_of(w[4]));
    put_handle(m, w[2], handle);
}

unsafe fn op_viasym(m: &mut Matrix, w: &[&str]) {
    let (handle, name) = (handle_of(m, w[1]), zero_terminated(w[2]));
    let dlsym_name = zero_terminated("dlsym");
    let sym: Option<SymFn> = mem::transmute(dlsym(RTLD_DEFAULT, dlsym_name.as_ptr()));
    let sym = sym.unwrap_or_else(|| bad("viasym"));
    let address = sym(handle, name.as_ptr());
    put_address(w[2], address);
}

unsafe fn op_err() {
    let message = dlerror();
    say(&format!(
        " [{}]",
        if message.is_null() {
            "-"
        } else {
            text(message)
        }
    ));
}

fn op_errno(m: &Matrix) {
    if m.saved_errno == ERRNO_MARK {
        say(" errno=untouched");
    } else {
        say(&format!(" errno={}", m.saved_errno));
    }
}

unsafe fn op_info(m: &Matrix, w: &[&str]) {
    let handle = handle_of(m, w[1]);
    let mut room = [0u64; 1024];
    let arg = room.as_mut_ptr() as *mut c_void;
    match w[2] {
        "origin" if dlinfo(handle, RTLD_DI_ORIGIN, arg) == 0 => {
            say(&format!(" origin={}", text(arg as *const c_char)));
        }
        "lmid" if dlinfo(handle, RTLD_DI_LMID, arg) == 0 => {
            say(&format!(" lmid={}", *(arg as *const c_long)));
        }
        "search"
            if dlinfo(handle, RTLD_DI_SERINFOSIZE, arg) == 0
                && (*(arg as *const SearchInfo)).size <= mem::size_of_val(&room)
                && dlinfo(handle, RTLD_DI_SERINFO, arg) == 0 =>
        {
            let info = arg as *const SearchInfo;
            let paths = (*info).paths.as_ptr();
            for i in 0..(*info).count as usize {
                say(&format!(" {}", text((*paths.add(i)).name)));
            }
        }
        _ => say(" info=failed"),
    }
}

unsafe fn op_addr(m: &mut Matrix) {
    let mut info: DlInfo = mem::zeroed();
    let found = dladdr(op_addr as *const c_void, &mut info) != 0;
    say(&format!(
        " own-code:{}",
        if found {
            text(info.file)
        } else {
            "in-no-object"
        }
    ));
    put_address("data", ZEROES.as_ptr() as *const c_void);
    put_address("stack", &info as *const DlInfo as *const c_void);
    put_address("heap", m as *const Matrix as *const c_void);
    put_address("exported", caller_run as *const c_void);
}

// glibc lists the namespace of the caller: from a library in another one, that one's objects.
unsafe extern "C" fn list_one(info: *const PhdrInfo, _size: usize, data: *mut c_void) -> c_int {
    let m = &*(data as *const Matrix);
    let name = text((*info).name);
    if name.is_empty() {
        say(" main");
    } else if !text(m.preload.as_ptr() as *const c_char).contains(name) {
        say(&format!(" {}", name));
    }
    0
}

// libc loads a module for this by itself: no dl* function of ours is called.
unsafe fn op_iconv(w: &[&str]) {
    let (to, from) = (zero_terminated(w[1]), zero_terminated("UTF-8"));
    let converter = iconv_open(to.as_ptr(), from.as_ptr());
    if converter as isize == -1 {
        say(" iconv=failed");
    } else {
        say(&format!(" iconv={}", iconv_close(converter)));
    }
}

// The child runs the rest of the script; the parent only hands its status on.
unsafe fn op_fork() {
    let child = fork();
    let mut status = 0;
    if child < 0 || (child > 0 && waitpid(child, &mut status, 0) != child) {
        bad("fork");
    }
    if child > 0 {
        _exit(if status & 0x7f == 0 {
            status >> 8 & 0xff
        } else {
            72
        });
    }
}

// ------------------------------------------------------------- the interpreter

fn run_in_thread(m: &mut Matrix, op: &str) {
    let address = m as *mut Matrix as usize;
    let op = zero_terminated(op);
    let run = move || unsafe { caller_run(address as *mut Matrix, op.as_ptr()) };
    if thread::spawn(run).join().is_err() {
        bad("thread");
    }
}

/// A one-line opener, as many programs have: with optimisation its caller is who glibc sees.
///
/// # Safety
/// As dlopen: `file` is NULL or a string.
#[no_mangle]
#[inline(never)]
pub unsafe extern "C" fn caller_tail(file: *const c_char, flags: c_int) -> Handle {
    dlopen(file, flags)
}

/// Runs one operation with this object as the caller of its dl* functions.
///
/// # Safety
/// `m` is the executable's state, used by nobody else meanwhile; `op` is a string.
#[no_mangle]
#[inline(never)]
pub unsafe extern "C" fn caller_run(m: *mut Matrix, op: *const c_char) {
    let m = &mut *m;
    let op = text(op).trim();
    if let Some(rest) = op.strip_prefix('@') {
        let (slot, rest) = rest.split_at(1);
        let run = m.slot[slot_number(slot)].run.unwrap_or_else(|| bad(op));
        run(m, zero_terminated(rest).as_ptr());
        return;
    }
    if let Some(rest) = op.strip_prefix("thread ") {
        run_in_thread(m, rest);
        return;
    }
    let mut w = [""; 6];
    for (place, word) in w.iter_mut().zip(op.split_whitespace()) {
        *place = word;
    }
    match w[0] {
        "open" => op_open(m, &w),
        "mopen" => op_mopen(m, &w),
        "close" => op_close(m, &w),
        "sym" => op_sym(m, &w),
        "vsym" => op_vsym(m, &w),
        "call" => op_call(m, &w),
        "int" => op_int(m, &w),
        "keep" => op_keep(m, &w),
        "use" => op_use(m, &w),
        "tail" => op_tail(m, &w),
        "via" => op_via(m, &w),
        "viasym" => op_viasym(m, &w),
        "err" => op_err(),
        "errno" => op_errno(m),
        "info" => op_info(m, &w),
        "addr" => op_addr(m),
        "list" => {
            dl_iterate_phdr(list_one, m as *mut Matrix as *mut c_void);
        }
        "iconv" => op_iconv(&w),
        "env" => say(&format!(
            " {}={}",
            w[1],
            env::var(w[1]).unwrap_or_else(|_| "unset".into())
        )),
        "cd" => env::set_current_dir(w[1]).unwrap_or_else(|_| bad("cd")),
        "fork" => op_fork(),
        "jit" => op_stub(m, &w, false),
        "hop" => op_stub(m, &w, true),
        _ => bad(op),
    }
}

// Overwrites what the last operation left below the stack pointer; caller.c says why.
#[inline(never)]
fn scrub_stack() {
    let mut room = [1u8; 32768];
    for byte in room.iter_mut() {
        unsafe { (byte as *mut u8).write_volatile(0) };
    }
}

fn main() {
    let script = env::args().nth(1).unwrap_or_else(|| exit(64));
    let empty = Slot {
        handle: null_mut(),
        is_open: false,
        run: None,
        tail: None,
    };
    let mut m = Box::new(Matrix {
        slot: [empty; SLOTS],
        kept: [null_mut(); SLOTS],
        preload: [0; 4096],
        saved_errno: 0,
    });
    let preload = env::var("LD_PRELOAD").unwrap_or_default();
    m.preload[..preload.len()].copy_from_slice(preload.as_bytes());
    for op in script.split(';').filter(|op| !op.trim().is_empty()) {
        unsafe { caller_run(&mut *m, zero_terminated(op).as_ptr()) };
        scrub_stack();
    }
    say(" end");
}
