/*
 * elf.c - an object's ELF image in memory. See elf.h.
 *
 * Owns nothing; only reads.
 * SPDX-License-Identifier: MIT
 */
#include "elf.h"

#include <elf.h>

#include "text.h"

#if defined(__x86_64__)
#define R_SLOT R_X86_64_JUMP_SLOT
#define R_GOT R_X86_64_GLOB_DAT
#elif defined(__aarch64__)
#define R_SLOT R_AARCH64_JUMP_SLOT
#define R_GOT R_AARCH64_GLOB_DAT
#endif

/*
 * glibc relocates d_ptr in place, but not that of the vDSO, which it cannot write. The difference is
 * signed: an object linked at a high address and mapped below it has a load address that is, in
 * effect, negative.
 */
static uintptr_t pointer(const struct lgr_elf *elf, const ElfW(Dyn) *d)
{
	bool relocated = (intptr_t)(d->d_un.d_ptr - elf->load) >= 0;

	return relocated ? d->d_un.d_ptr : elf->load + d->d_un.d_ptr;
}

void lgr_elf_init(struct lgr_elf *elf, uintptr_t load, const ElfW(Dyn) *dynamic)
{
	const ElfW(Dyn) *soname = NULL, *jmprel = NULL;
	size_t plt_size = 0, plt_type = 0;

	*elf = (struct lgr_elf){ .load = load };
	for (const ElfW(Dyn) *d = dynamic; d && d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_SYMTAB: elf->symbols = (const void *)pointer(elf, d); break;
		case DT_STRTAB: elf->strings = (const void *)pointer(elf, d); break;
		case DT_GNU_HASH: elf->gnu_hash = (const void *)pointer(elf, d); break;
		case DT_HASH: elf->sysv_hash = (const void *)pointer(elf, d); break;
		case DT_VERSYM: elf->versions = (const void *)pointer(elf, d); break;
		case DT_RELA: elf->rela = (const void *)pointer(elf, d); break;
		case DT_RELASZ: elf->relas = d->d_un.d_val / sizeof(ElfW(Rela)); break;
		case DT_RELACOUNT: elf->relatives = d->d_un.d_val; break;
		case DT_JMPREL: jmprel = d; break;
		case DT_PLTRELSZ: plt_size = d->d_un.d_val; break;
		case DT_PLTREL: plt_type = d->d_un.d_val; break;
		case DT_SONAME: soname = d; break;
		case DT_FLAGS: elf->flags = (uint32_t)d->d_un.d_val; break;
		case DT_FLAGS_1: elf->flags_1 = (uint32_t)d->d_un.d_val; break;
		case DT_TEXTREL: elf->textrel = true; break;
		default: break;
		}
	}
	if (elf->flags & DF_TEXTREL)
		elf->textrel = true;
	if (jmprel && plt_type == DT_RELA) {
		elf->plt = (const void *)pointer(elf, jmprel);
		elf->plts = plt_size / sizeof(ElfW(Rela));
	}
	if (soname && elf->strings)
		elf->soname = elf->strings + soname->d_un.d_val;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

/* A symbol an unversioned reference may bind to: defined, global, not a hidden (old) version. */
static bool is_default(const struct lgr_elf *elf, uint32_t i, const char *name)
{
	const ElfW(Sym) *s = &elf->symbols[i];
	unsigned bind = ELF64_ST_BIND(s->st_info);

	return s->st_shndx != SHN_UNDEF && s->st_value &&
	       (bind == STB_GLOBAL || bind == STB_WEAK || bind == STB_GNU_UNIQUE) &&
	       !(elf->versions && (elf->versions[i] & 0x8000)) &&
	       lgr_equal(elf->strings + s->st_name, name);
}

/* The hash section: nbuckets, index of the first hashed symbol, bloom words, bloom shift, bloom
 * filter, buckets, hashes. */
struct gnu_table {
	uint32_t buckets, first;
	const uint32_t *bucket, *chain;
};

static struct gnu_table gnu_table(const struct lgr_elf *elf)
{
	const uint32_t *h = elf->gnu_hash;
	struct gnu_table t = { .buckets = h[0], .first = h[1] };

	t.bucket = (const uint32_t *)((const ElfW(Addr) *)(h + 4) + h[2]);
	t.chain = t.bucket + t.buckets;
	return t;
}

static uint32_t find_gnu(const struct lgr_elf *elf, const char *name)
{
	struct gnu_table t = gnu_table(elf);
	uint32_t hash = gnu_hash(name), i;

	if (!t.buckets)
		return 0;
	i = t.bucket[hash % t.buckets];
	if (i < t.first)
		return 0;
	for (;; i++) {
		uint32_t h = t.chain[i - t.first];

		if ((h | 1) == (hash | 1) && is_default(elf, i, name))
			return i;
		if (h & 1)
			return 0;
	}
}

/* Old objects have no GNU hash: every symbol is compared, since this is not a path that hurries. */
static uint32_t find_sysv(const struct lgr_elf *elf, const char *name)
{
	for (uint32_t i = 1; i < elf->sysv_hash[1]; i++)
		if (is_default(elf, i, name))
			return i;
	return 0;
}

const ElfW(Sym) *lgr_elf_find(const struct lgr_elf *elf, const char *name)
{
	uint32_t i = 0;

	if (!elf->symbols || !elf->strings)
		return NULL;
	if (elf->gnu_hash)
		i = find_gnu(elf, name);
	else if (elf->sysv_hash)
		i = find_sysv(elf, name);
	return i ? &elf->symbols[i] : NULL;
}

uintptr_t lgr_elf_symbol(const struct lgr_elf *elf, const char *name)
{
	const ElfW(Sym) *symbol = lgr_elf_find(elf, name);
	uintptr_t address;

	if (!symbol)
		return 0;
	address = elf->load + symbol->st_value;
	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
		address = ((uintptr_t(*)(void))address)();
	return address;
}

/* One more than the last symbol that can be defined. */
static uint32_t symbol_count(const struct lgr_elf *elf)
{
	struct gnu_table t;
	uint32_t last = 0;

	if (elf->sysv_hash)
		return elf->sysv_hash[1];
	if (!elf->gnu_hash)
		return 0;
	t = gnu_table(elf);
	for (uint32_t i = 0; i < t.buckets; i++)
		if (t.bucket[i] > last)
			last = t.bucket[i];
	if (last < t.first)
		return 0;
	while (!(t.chain[last - t.first] & 1))
		last++;
	return last + 1;
}

bool lgr_elf_has_unique(const struct lgr_elf *elf)
{
	uint32_t n = elf->symbols ? symbol_count(elf) : 0;
	uint32_t first = elf->gnu_hash ? elf->gnu_hash[1] : 1;

	for (uint32_t i = first; i < n; i++)
		if (ELF64_ST_BIND(elf->symbols[i].st_info) == STB_GNU_UNIQUE &&
		    elf->symbols[i].st_shndx != SHN_UNDEF)
			return true;
	return false;
}

/* Returns false when the visitor has had enough. */
static bool slots_in(const struct lgr_elf *elf, const ElfW(Rela) *r, size_t n,
		     lgr_slot_visit *visit, void *arg)
{
	for (; n--; r++) {
		uint32_t type = ELF64_R_TYPE(r->r_info);
		struct lgr_slot slot = { .jump = type == R_SLOT };

		if (type != R_GOT && type != R_SLOT)
			continue;
		slot.name = elf->strings + elf->symbols[ELF64_R_SYM(r->r_info)].st_name;
		slot.at = (uintptr_t *)(elf->load + r->r_offset);
		if (!visit(arg, &slot))
			return false;
	}
	return true;
}

void lgr_elf_slots(const struct lgr_elf *elf, lgr_slot_visit *visit, void *arg)
{
	size_t skip = lgr_min(elf->relatives, elf->relas);

	if (!elf->symbols || !elf->strings)
		return;
	if (elf->rela && !slots_in(elf, elf->rela + skip, elf->relas - skip, visit, arg))
		return;
	if (elf->plt)
		slots_in(elf, elf->plt, elf->plts, visit, arg);
}

const ElfW(Phdr) *lgr_elf_headers(uintptr_t start, uintptr_t end, size_t *ret_n)
{
	const ElfW(Ehdr) *e = (const void *)start;
	uintptr_t size;

	if (!start || end - start < sizeof(*e) || !lgr_same(e->e_ident, ELFMAG, SELFMAG) ||
	    e->e_phentsize != sizeof(ElfW(Phdr)))
		return NULL;
	/* Only the first page is known to be the file's beginning. */
	size = e->e_phoff + (uintptr_t)e->e_phnum * sizeof(ElfW(Phdr));
	if (e->e_phoff > LGR_PAGE || size > LGR_PAGE || size > end - start)
		return NULL;
	*ret_n = e->e_phnum;
	return (const void *)(start + e->e_phoff);
}

/* The descriptor of the build-id in one note segment of size bytes. */
static const uint8_t *find_build_id(const uint8_t *note, size_t size, size_t *ret_n)
{
	const ElfW(Nhdr) *h;
	size_t name, desc;

	for (; size >= sizeof(*h); note += name + desc, size -= name + desc) {
		h = (const void *)note;
		note += sizeof(*h);
		size -= sizeof(*h);
		name = ((size_t)h->n_namesz + 3) & ~(size_t)3;
		desc = ((size_t)h->n_descsz + 3) & ~(size_t)3;
		if (name > size || desc > size - name)
			return NULL;
		if (h->n_type == NT_GNU_BUILD_ID && h->n_namesz == 4 && lgr_same(note, "GNU", 4)) {
			*ret_n = h->n_descsz;
			return note + name;
		}
	}
	return NULL;
}

size_t lgr_elf_build_id(uintptr_t load, const ElfW(Phdr) *headers, size_t n, uint8_t *to,
			size_t size)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t *id;
		size_t len;

		/* 8-aligned note segments hold other notes (.note.gnu.property), padded otherwise. */
		if (headers[i].p_type != PT_NOTE || headers[i].p_align > 4)
			continue;
		id = find_build_id((const void *)(load + headers[i].p_vaddr), headers[i].p_memsz,
				   &len);
		if (id) {
			len = lgr_min(len, size);
			lgr_copy(to, id, len);
			return len;
		}
	}
	return 0;
}
