/*
 * calls.c - calls that the linker bound inside an object. See calls.h.
 *
 * Owns nothing.
 * SPDX-License-Identifier: MIT
 */
#include "calls.h"

#include "image.h"
#include "text.h"

#ifdef __x86_64__
#define STEP 1u
#else
#define STEP 4u
#endif

/* Does what stands here lead to target? Where the instruction begins (x86-64: its distance's byte before). */
static bool leads_to(uintptr_t at, uintptr_t target, uintptr_t *ret_at)
{
	int32_t word;

	lgr_copy(&word, (const void *)at, sizeof(word));
#ifdef __x86_64__
	*ret_at = at - 1;
	return at + sizeof(word) + (uintptr_t)(intptr_t)word == target;
#else
	*ret_at = at;
	/* B and BL: 26 bits, in words. */
	return ((uint32_t)word & 0x7c000000) == 0x14000000 &&
	       at + ((uintptr_t)(intptr_t)((int32_t)((uint32_t)word << 6) >> 4)) == target;
#endif
}

void lgr_calls_each(const struct lgr_object *object, uintptr_t target,
		    bool (*visit)(void *arg, uintptr_t at), void *arg)
{
	struct lgr_image image;

	lgr_image_of(object, &image);
	for (size_t i = 0; i < image.header_count; i++) {
		const ElfW(Phdr) *h = &image.headers[i];
		uintptr_t lo = image.elf.load + h->p_vaddr, at;

		if (h->p_type != PT_LOAD || (h->p_flags & (PF_R | PF_X)) != (PF_R | PF_X))
			continue;
		for (uintptr_t p = lo; p + sizeof(int32_t) <= lo + h->p_filesz; p += STEP)
			if (leads_to(p, target, &at) && !visit(arg, at))
				return;
	}
}
