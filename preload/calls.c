/*
 * calls.c - calls that the linker bound inside an object. See calls.h.
 *
 * Owns nothing.
 * SPDX-License-Identifier: MIT
 */
#include "calls.h"

#include "loaded.h"
#include "text.h"

#ifdef __x86_64__
#define STEP 1u
#else
#define STEP 4u
#endif

#ifdef __x86_64__
/*
 * Where the instruction begins whose distance stands at p, in code that begins at lo: a call, a jump, or a
 * lea, which makes a pointer. 0: it is none; the nops that pad the code before a function often end in four
 * zeroes.
 */
static uintptr_t instruction_at(uintptr_t p, uintptr_t lo)
{
	const uint8_t *at = (const uint8_t *)p;
	size_t before = p - lo;

	if (before >= 1 && (at[-1] == 0xe8 || at[-1] == 0xe9))
		return p - 1;
	if (before >= 2 && at[-2] == 0x0f && (at[-1] & 0xf0) == 0x80)
		return p - 2;
	if (before >= 3 && (at[-3] & 0xf8) == 0x48 && at[-2] == 0x8d && (at[-1] & 0xc7) == 0x05)
		return p - 3;
	return 0;
}
#endif

/* Does what stands here lead to target? Where the instruction begins. */
static bool leads_to(uintptr_t at, uintptr_t lo, uintptr_t target, uintptr_t *ret_at)
{
	int32_t word;

	lgr_copy(&word, (const void *)at, sizeof(word));
#ifdef __x86_64__
	if (at + sizeof(word) + (uintptr_t)(intptr_t)word != target)
		return false;
	*ret_at = instruction_at(at, lo);
	return *ret_at;
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
	struct lgr_loaded image;

	lgr_loaded_of(object, &image);
	for (size_t i = 0; i < image.header_count; i++) {
		const ElfW(Phdr) *h = &image.headers[i];
		uintptr_t lo = image.elf.load + h->p_vaddr, at;

		if (h->p_type != PT_LOAD || (h->p_flags & (PF_R | PF_X)) != (PF_R | PF_X))
			continue;
		for (uintptr_t p = lo; p + sizeof(int32_t) <= lo + h->p_filesz; p += STEP)
			if (leads_to(p, lo, target, &at) && !visit(arg, at))
				return;
	}
}
