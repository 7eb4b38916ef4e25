/*
 * move_headers.c - moves a library's program headers to its end, in a segment of their own, as patchelf does.
 *
 * usage: move_headers FROM TO
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

static unsigned char file[1 << 20];

int main(int argc, char **argv)
{
	Elf64_Ehdr *e = (void *)file;
	Elf64_Phdr *was, *h;
	FILE *from = argc == 3 ? fopen(argv[1], "rb") : NULL,
	     *to = from ? fopen(argv[2], "wb") : NULL;
	size_t size = to ? fread(file, 1, sizeof(file), from) : 0;
	Elf64_Addr end = 0;
	int n = 0;

	size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
	if (!size || size > sizeof(file) - PAGE)
		return 1;
	was = (void *)(file + e->e_phoff);
	h = (void *)(file + size);
	for (int i = 0; i < e->e_phnum; i++) {
		if (was[i].p_type == PT_LOAD)
			end = (was[i].p_vaddr + was[i].p_memsz + PAGE - 1) &
			      ~(Elf64_Addr)(PAGE - 1);
		h[n++] = was[i];
		if (was[i].p_type != PT_LOAD ||
		    (i + 1 < e->e_phnum && was[i + 1].p_type == PT_LOAD))
			continue;
		h[n++] = (Elf64_Phdr){ .p_type = PT_LOAD,
				       .p_flags = PF_R | PF_W,
				       .p_offset = size,
				       .p_vaddr = end,
				       .p_paddr = end,
				       .p_filesz = (e->e_phnum + 1u) * sizeof(*h),
				       .p_memsz = (e->e_phnum + 1u) * sizeof(*h),
				       .p_align = PAGE };
	}
	memset(was, 0, e->e_phnum * sizeof(*was));
	e->e_phoff = size;
	e->e_phnum = (Elf64_Half)n;
	return fwrite(file, 1, size + n * sizeof(*h), to) != size + n * sizeof(*h) || fclose(to);
}
