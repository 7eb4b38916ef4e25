/*
 * image.c - an ELF file as it stands on disk. See image.h.
 *
 * Owns nothing. Sources: gABI, chapters 4 and 5; .gnu_debuglink: gdb's manual, "Debugging Information in
 * Separate Files".
 * SPDX-License-Identifier: MIT
 */
#include "image.h"

#include <elf.h>
#include <link.h>

#include "sys.h"
#include "text.h"

#define SECTIONS_MAX 4096u
#define AT_ONCE 16u	 /* headers read at once */
#define NOTES_MAX 1024u	 /* bytes of notes looked through */
#define STRING_MAX 1024u /* of a search path that is looked through */

struct file {
	int fd;
	ElfW(Ehdr) head;
	struct lgr_image *image;
	uint64_t names; /* where the section names stand */
};

static bool get(const struct file *f, void *to, size_t n, uint64_t at)
{
	return lgr_sys_pread(f->fd, to, n, at) == (long)n;
}

/* ------------------------------------------------------------------------------------- the build-id */

static void scan_notes(struct file *f, uint64_t at, uint64_t size)
{
	_Alignas(8) uint8_t notes[NOTES_MAX];
	size_t n = lgr_min(size, (uint64_t)sizeof(notes)), i = 0;

	if (f->image->build_id_len || !get(f, notes, n, at))
		return;
	while (n - i >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *h = (const void *)(notes + i);
		uint64_t name = ((uint64_t)h->n_namesz + 3) & ~UINT64_C(3);
		uint64_t text = ((uint64_t)h->n_descsz + 3) & ~UINT64_C(3);

		i += sizeof(*h);
		if (name > n - i || text > n - i - name)
			return;
		if (h->n_type == NT_GNU_BUILD_ID && h->n_namesz == 4 &&
		    lgr_same(notes + i, "GNU", 4)) {
			if (h->n_descsz < LGR_BUILD_ID_MIN)
				return;
			f->image->build_id_len = lgr_min(h->n_descsz, LGR_BUILD_ID_MAX);
			lgr_copy(f->image->build_id, notes + i + name, f->image->build_id_len);
			return;
		}
		i += (size_t)(name + text);
	}
}

/* --------------------------------------------------------------------------------------- sections */

/* A name, NUL, padding to four bytes, a checksum. */
static void read_debug_link(struct file *f, const ElfW(Shdr) *s)
{
	char text[sizeof(f->image->debug_name) + 4];
	size_t n = (size_t)lgr_min(s->sh_size, (ElfW(Xword))sizeof(text)), len;

	if (n < 8 || !get(f, text, n, s->sh_offset) || text[n - 5])
		return;
	len = lgr_len(text);
	/* It is a bare name; nothing else is looked for. */
	if (!len || lgr_first(text, '/') || (len / 4 + 1) * 4 + 4 > n)
		return;
	lgr_copy(f->image->debug_name, text, len + 1);
	lgr_copy(&f->image->debug_crc, text + (len / 4 + 1) * 4, 4);
}

static void read_section(struct file *f, const ElfW(Shdr) *s)
{
	static const char link[] = ".gnu_debuglink";
	char name[sizeof(link)];

	if (s->sh_type == SHT_SYMTAB)
		f->image->symbols = true;
	else if (s->sh_type == SHT_NOTE && s->sh_addralign <= 4)
		scan_notes(f, s->sh_offset, s->sh_size);
	else if (s->sh_type == SHT_PROGBITS && !s->sh_flags &&
		 s->sh_size <= sizeof(f->image->debug_name) + 4 &&
		 get(f, name, sizeof(name), f->names + s->sh_name) &&
		 lgr_same(name, link, sizeof(link)))
		read_debug_link(f, s);
}

static void read_sections(struct file *f)
{
	ElfW(Shdr) s[AT_ONCE];
	uint32_t count = lgr_min((uint32_t)f->head.e_shnum, SECTIONS_MAX);

	if (f->head.e_shentsize != sizeof(*s) || !count ||
	    !get(f, s, sizeof(*s), f->head.e_shoff + (uint64_t)f->head.e_shstrndx * sizeof(*s)))
		return;
	f->names = s->sh_offset;
	for (uint32_t i = 0; i < count; i += AT_ONCE) {
		uint32_t n = lgr_min(count - i, AT_ONCE);

		if (!get(f, s, n * sizeof(*s), f->head.e_shoff + (uint64_t)i * sizeof(*s)))
			return;
		for (uint32_t k = 0; k < n; k++)
			read_section(f, &s[k]);
	}
}

/* --------------------------------------------------------------------------------------- segments */

/* Where in the file a virtual address stands; 0: nowhere. */
static uint64_t offset_of(const struct file *f, uint64_t address)
{
	ElfW(Phdr) h;

	for (uint32_t i = 0; i < f->head.e_phnum; i++) {
		if (!get(f, &h, sizeof(h), f->head.e_phoff + (uint64_t)i * sizeof(h)))
			return 0;
		if (h.p_type == PT_LOAD && address >= h.p_vaddr && address - h.p_vaddr < h.p_filesz)
			return h.p_offset + (address - h.p_vaddr);
	}
	return 0;
}

/* What cannot be read to its end may say anything. */
static bool says_origin(const struct file *f, uint64_t at)
{
	char text[STRING_MAX];
	long n = lgr_sys_pread(f->fd, text, sizeof(text) - 1, at);

	if (n <= 0)
		return true;
	text[n] = '\0';
	if (lgr_len(text) == sizeof(text) - 1)
		return true;
	return lgr_glob("*$ORIGIN*", text) || lgr_glob("*${ORIGIN}*", text);
}

static bool is_search(const ElfW(Dyn) *d)
{
	return d->d_tag == DT_RPATH || d->d_tag == DT_RUNPATH || d->d_tag == DT_NEEDED ||
	       d->d_tag == DT_FILTER || d->d_tag == DT_AUXILIARY;
}

/* The dynamic section is gone through twice: the strings may be named behind what is in them. */
static void read_dynamic(struct file *f, uint64_t at, uint64_t size)
{
	uint64_t strings = 0;
	ElfW(Dyn) d[AT_ONCE];

	for (int turn = 0; turn < 2; turn++) {
		for (uint64_t i = 0; i < size / sizeof(*d); i++) {
			if (i % AT_ONCE == 0 &&
			    !get(f, d, (size_t)lgr_min(size - i * sizeof(*d), sizeof(d)),
				 at + i * sizeof(*d)))
				return;
			if (d[i % AT_ONCE].d_tag == DT_NULL)
				break;
			if (!turn && d[i % AT_ONCE].d_tag == DT_STRTAB)
				strings = offset_of(f, d[i % AT_ONCE].d_un.d_ptr);
			if (turn && is_search(&d[i % AT_ONCE]) &&
			    says_origin(f, strings + d[i % AT_ONCE].d_un.d_val)) {
				f->image->relative = true;
				return;
			}
		}
	}
}

static void read_segments(struct file *f)
{
	ElfW(Phdr) h;

	if (f->head.e_phentsize != sizeof(h))
		return;
	for (uint32_t i = 0; i < f->head.e_phnum; i++) {
		if (!get(f, &h, sizeof(h), f->head.e_phoff + (uint64_t)i * sizeof(h)))
			return;
		if (h.p_type == PT_DYNAMIC)
			read_dynamic(f, h.p_offset, h.p_filesz);
		else if (h.p_type == PT_NOTE && h.p_align <= 4)
			scan_notes(f, h.p_offset, h.p_filesz);
	}
}

bool lgr_image_read(int fd, struct lgr_image *ret)
{
	struct file f = { .fd = fd, .image = ret };

	*ret = (struct lgr_image){ .build_id_len = 0 };
	if (!get(&f, &f.head, sizeof(f.head), 0) || !lgr_same(f.head.e_ident, ELFMAG, SELFMAG) ||
	    f.head.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	/* In a separate debug file the segments say where things would stand in the library. */
	read_sections(&f);
	read_segments(&f);
	return true;
}
