/*
 * patch.c - writing words that are protected. See patch.h.
 *
 * Owns nothing.
 * SPDX-License-Identifier: MIT
 */
#include "patch.h"

#include <sys/uio.h>

#include "loaded.h"
#include "sys.h"

/*
 * Is the page writable, whatever the program has made of it? The kernel is asked to copy the word to its
 * own place, which follows the protection (unlike /proc/self/mem) and costs half a microsecond. Where a
 * system-call filter refuses that, the page is taken for protected.
 */
static bool is_writable(uintptr_t at)
{
	uintptr_t word = __atomic_load_n((uintptr_t *)at, __ATOMIC_RELAXED);
	struct iovec local = { &word, sizeof(word) }, remote = { (void *)at, sizeof(word) };

	return lgr_syscall(__NR_process_vm_writev, lgr_sys_getpid(), (long)&local, 1, (long)&remote,
			   1, 0) == sizeof(word);
}

bool lgr_window_open(struct lgr_window *w, uintptr_t lo, uintptr_t hi, uintptr_t at, int protection)
{
	*w = (struct lgr_window){ .lo = lo, .hi = hi, .was = protection & ~PROT_WRITE };
	if (is_writable(at)) {
		w->was |= PROT_WRITE;
		return true;
	}
	return lgr_sys_mprotect((void *)lo, hi - lo, w->was | PROT_READ | PROT_WRITE) == 0;
}

void lgr_window_close(const struct lgr_window *w)
{
	if (!(w->was & PROT_WRITE))
		lgr_sys_mprotect((void *)w->lo, w->hi - w->lo, w->was);
}

int lgr_patch_protection(const struct lgr_object *object, uintptr_t at)
{
	struct lgr_loaded image;

	lgr_loaded_of(object, &image);
	for (size_t i = 0; i < image.header_count; i++) {
		const ElfW(Phdr) *h = &image.headers[i];

		if (h->p_type == PT_LOAD && at - image.elf.load - h->p_vaddr < h->p_memsz)
			return (h->p_flags & PF_R ? PROT_READ : 0) |
			       (h->p_flags & PF_X ? PROT_EXEC : 0);
	}
	return PROT_READ;
}

bool lgr_patch_word(const struct lgr_object *object, uintptr_t *at, uintptr_t value)
{
	uintptr_t page = lgr_page_down(at);
	struct lgr_window w;

	if (!lgr_window_open(&w, page, page + LGR_PAGE, (uintptr_t)at,
			     lgr_patch_protection(object, (uintptr_t)at)))
		return false;
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
	lgr_window_close(&w);
	return true;
}
