/*
 * patch.c - writing words that are protected. See patch.h.
 *
 * Owns: the windows that are open. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "patch.h"

#include <errno.h>
#include <sys/uio.h>

#include "arena.h"
#include "filter.h"
#include "loaded.h"
#include "pages.h"
#include "sys.h"
#include "text.h"

#define ALIKE_MOST                                                                                 \
	16u /* pages that are tried, at 0.5 us each; of more only the slot's own is opened */

struct window {
	uintptr_t lo, hi; /* pages */
	int was;	  /* their protection; PROT_WRITE in it: nothing was done */
	uint32_t slot;	  /* over what was protected of which object, + 1 */
};

static struct {
	struct window *window;
	uint32_t n, room;
	bool sandboxed; /* the program filters system calls: only what must be called is */
	uint64_t relro[(LGR_SLOT_MAX + 1) / 64]; /* by an object's place in the registry */
} windows LGR_BIG;

/* 0: its page is writable, and there. -EINVAL: it is not; or the kernel, before 5.14, does not know this. */
static int populate(uintptr_t at)
{
	return lgr_sys_madvise((void *)lgr_page_down(at), LGR_PAGE, MADV_POPULATE_WRITE);
}

/* Does it tell the one from the other? Emulators take any advice, and do nothing. */
static bool populate_tells(void)
{
	static int known; /* 1: yes, -1: no */

	if (!known)
		known = populate((uintptr_t)&known) == 0 &&
					populate((uintptr_t)(void *)populate) == -EINVAL
				? 1
				: -1;
	return known > 0;
}

/*
 * Is the page writable, whatever the program has made of it? The kernel is asked to get it ready for a store
 * (0.5 us); where that does not tell, to copy the word to its own place (1.2 us), which follows the
 * protection, unlike /proc/self/mem. Where a system-call filter refuses both, or might kill for it, it is as the
 * object's segment asks for.
 */
static bool is_writable(uintptr_t at, bool asked)
{
	uintptr_t word = __atomic_load_n((uintptr_t *)at, __ATOMIC_RELAXED);
	struct iovec local = { &word, sizeof(word) }, remote = { (void *)at, sizeof(word) };
	int r;

	if (windows.sandboxed)
		return asked;
	r = populate_tells() ? populate(at) : -ENOSYS;
	if (r == 0 || r == -EINVAL)
		return r == 0;
	r = (int)lgr_syscall(__NR_process_vm_writev, lgr_sys_getpid(), (long)&local, 1,
			     (long)&remote, 1, 0);
	return r == sizeof(word) || (r != -EFAULT && asked);
}

/* protection: what they have at most; PROT_WRITE in it: unless the program has taken it away. */
static bool open_window(struct window *w, uintptr_t lo, uintptr_t hi, uintptr_t at, int protection)
{
	*w = (struct window){ .lo = lo, .hi = hi, .was = protection & ~PROT_WRITE };
	if (is_writable(at, protection & PROT_WRITE)) {
		w->was |= PROT_WRITE;
		return true;
	}
	if (lgr_sys_mprotect((void *)lo, hi - lo, w->was | PROT_READ | PROT_WRITE) == 0)
		return true;
	lgr_sys_mprotect((void *)lo, hi - lo, w->was); /* it may have got as far as a hole */
	return false;
}

static void close_window(const struct window *w)
{
	if (!(w->was & PROT_WRITE))
		lgr_sys_mprotect((void *)w->lo, w->hi - w->lo, w->was);
}

/* What the object's segment around at asks for, without what the loader has taken away after relocation. */
static int protection_of(const struct lgr_object *object, uintptr_t at)
{
	uintptr_t lo = 0, hi = 0;
	struct lgr_loaded image;

	lgr_loaded_of(object, &image);
	lgr_elf_relro(image.elf.load, image.headers, image.header_count, &lo, &hi);
	for (size_t i = 0; i < image.header_count; i++) {
		const ElfW(Phdr) *h = &image.headers[i];

		if (h->p_type == PT_LOAD && at - image.elf.load - h->p_vaddr < h->p_memsz)
			return (h->p_flags & PF_R ? PROT_READ : 0) |
			       (h->p_flags & PF_W && (at < lo || at >= hi) ? PROT_WRITE : 0) |
			       (h->p_flags & PF_X ? PROT_EXEC : 0);
	}
	return PROT_READ;
}

/* ------------------------------------------------------------------------------------- all of them */

bool lgr_windows_begin(uint32_t n)
{
	windows.sandboxed = lgr_filter_is_new();
	windows.room = n;
	windows.window = lgr_arena_alloc(n * sizeof(*windows.window));
	return windows.window;
}

/* Room for one more. */
static struct window *next(void)
{
	uint32_t room = 2 * windows.room;
	struct window *more;

	if (windows.n < windows.room)
		return &windows.window[windows.n];
	more = lgr_arena_grow(windows.window, windows.room * sizeof(*more),
			      windows.n * sizeof(*more), room * sizeof(*more));
	if (!more)
		return NULL;
	windows.window = more;
	windows.room = room;
	return &windows.window[windows.n];
}

bool lgr_windows_open(const struct lgr_object *object, uintptr_t at)
{
	uintptr_t page = lgr_page_down(at);
	struct window *w;

	for (uint32_t i = windows.n; i--;) /* mostly one of the last */
		if (windows.window[i].lo == page && !windows.window[i].slot)
			return true;
	w = next();
	if (!w || !open_window(w, page, page + LGR_PAGE, at, protection_of(object, at)))
		return false;
	windows.n++;
	return true;
}

static void note_relro(uint32_t slot, bool open)
{
	uint64_t *bits = &windows.relro[slot / 64], bit = UINT64_C(1) << slot % 64;

	*bits = open ? *bits | bit : *bits & ~bit;
}

/*
 * Programs that change slots by themselves leave a page writable; nothing tells where but trying each. Where
 * that is not to be had, they are taken for alike.
 */
static bool are_alike(uintptr_t lo, uintptr_t hi)
{
	bool writable;

	if (hi - lo == LGR_PAGE || windows.sandboxed || !populate_tells())
		return true;
	writable = populate(lo) == 0;
	for (lo += LGR_PAGE; lo < hi; lo += LGR_PAGE)
		if ((populate(lo) == 0) != writable)
			return false;
	return true;
}

uintptr_t lgr_windows_open_relro(const struct lgr_object *object, uintptr_t at, uintptr_t *ret_lo)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);
	uintptr_t lo = indexed->relro_lo, hi = indexed->relro_hi;
	struct window *w;

	*ret_lo = lo;
	if (windows.relro[object->slot / 64] >> object->slot % 64 & 1)
		return hi - lo;
	if (hi - lo > ALIKE_MOST * LGR_PAGE || !are_alike(lo, hi)) {
		*ret_lo = lgr_page_down(at);
		return lgr_windows_open(object, at) ? LGR_PAGE : 0;
	}
	w = next();
	if (!w || !open_window(w, lo, hi, at, PROT_READ))
		return 0;
	note_relro(object->slot, true);
	w->slot = object->slot + 1;
	windows.n++;
	return hi - lo;
}

void lgr_windows_close(void)
{
	for (uint32_t i = 0; i < windows.n; i++) {
		close_window(&windows.window[i]);
		if (windows.window[i].slot)
			note_relro(windows.window[i].slot - 1, false);
	}
	lgr_arena_free(windows.window, windows.room * sizeof(*windows.window));
	windows.window = NULL;
	windows.n = windows.room = 0;
}

bool lgr_patch_word(const struct lgr_object *object, uintptr_t *at, uintptr_t value)
{
	uintptr_t page = lgr_page_down(at);
	struct window w;

	if (!open_window(&w, page, page + LGR_PAGE, (uintptr_t)at,
			 protection_of(object, (uintptr_t)at)))
		return false;
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
	close_window(&w);
	return true;
}
