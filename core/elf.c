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
#define R_WORD R_X86_64_64
#define R_COPIED R_X86_64_COPY
#define R_TLS_FIRST R_X86_64_DTPMOD64
#define R_TLS_LAST R_X86_64_TPOFF64
#define R_TLS_DESC R_X86_64_TLSDESC
#elif defined(__aarch64__)
#define R_SLOT R_AARCH64_JUMP_SLOT
#define R_GOT R_AARCH64_GLOB_DAT
#define R_WORD R_AARCH64_ABS64
#define R_COPIED R_AARCH64_COPY
#define R_TLS_FIRST R_AARCH64_TLS_DTPMOD
#define R_TLS_LAST R_AARCH64_TLS_TPREL
#define R_TLS_DESC R_AARCH64_TLSDESC
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
		case DT_VERDEF: elf->verdefs = (const void *)pointer(elf, d); break;
		case DT_VERNEED: elf->verneeds = (const void *)pointer(elf, d); break;
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

uint32_t lgr_elf_hash(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

/* --------------------------------------------------------------------------------------- versions */

#define HIDDEN 0x8000u /* an old version: nothing new is linked to it */
#define FIRST 2u       /* 0 is local, 1 has no version */

static const char *defined_version(const struct lgr_elf *elf, uint32_t index)
{
	const ElfW(Verdef) *d = elf->verdefs;

	for (; d; d = (const void *)((const char *)d + d->vd_next)) {
		const ElfW(Verdaux) *name = (const void *)((const char *)d + d->vd_aux);

		if ((d->vd_ndx & ~HIDDEN) == index && !(d->vd_flags & VER_FLG_BASE))
			return elf->strings + name->vda_name;
		if (!d->vd_next)
			break;
	}
	return NULL;
}

static const char *needed_version(const struct lgr_elf *elf, uint32_t index)
{
	const ElfW(Verneed) *n = elf->verneeds;

	for (; n; n = (const void *)((const char *)n + n->vn_next)) {
		const ElfW(Vernaux) *a = (const void *)((const char *)n + n->vn_aux);

		for (uint32_t i = 0; i < n->vn_cnt; i++) {
			if ((a->vna_other & ~HIDDEN) == index)
				return elf->strings + a->vna_name;
			a = (const void *)((const char *)a + a->vna_next);
		}
		if (!n->vn_next)
			break;
	}
	return NULL;
}

const char *lgr_elf_version(const struct lgr_elf *elf, uint32_t symbol)
{
	uint32_t index = elf->versions ? elf->versions[symbol] & ~HIDDEN : 0;
	const char *name;

	if (index < FIRST)
		return NULL;
	/* What a program has copied is defined there, in a version that it needs. */
	name = defined_version(elf, index);
	return name ? name : needed_version(elf, index);
}

/* A reference without a version is the oldest one's: of objects linked before there were any (elf/dl-lookup.c). */
static bool version_matches(const struct lgr_elf *elf, uint32_t i, const struct lgr_wanted *wanted)
{
	const char *has;

	if (!elf->versions)
		return true;
	if (!wanted->version)
		return wanted->reference ? (elf->versions[i] & ~HIDDEN) <= FIRST
					 : !(elf->versions[i] & HIDDEN);
	has = lgr_elf_version(elf, i);
	return has ? lgr_equal(has, wanted->version)
		   : !wanted->exact && !(elf->versions[i] & HIDDEN);
}

/* ---------------------------------------------------------------------------------------- lookups */

/* Global, and defined, or an undefined function's entry in the program's PLT that stands for it. */
static bool answers(const struct lgr_elf *elf, uint32_t i, const struct lgr_wanted *wanted)
{
	const ElfW(Sym) *s = &elf->symbols[i];
	unsigned bind = ELF64_ST_BIND(s->st_info), type = ELF64_ST_TYPE(s->st_info);

	if ((s->st_shndx == SHN_UNDEF && !wanted->address) ||
	    (!s->st_value && s->st_shndx != SHN_ABS && type != STT_TLS))
		return false;
	return (bind == STB_GLOBAL || bind == STB_WEAK || bind == STB_GNU_UNIQUE) &&
	       lgr_equal(elf->strings + s->st_name, wanted->name) &&
	       version_matches(elf, i, wanted);
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

/* The filter before the buckets: most objects do not define what is looked for. */
static bool may_have(const struct lgr_elf *elf, uint32_t hash)
{
	const uint32_t *h = elf->gnu_hash;
	const ElfW(Addr) *bloom = (const ElfW(Addr) *)(h + 4);
	const unsigned bits = 8 * sizeof(*bloom);
	ElfW(Addr) word = bloom[(hash / bits) & (h[2] - 1)];

	return word >> (hash % bits) & word >> ((hash >> h[3]) % bits) & 1;
}

static uint32_t find_gnu(const struct lgr_elf *elf, const struct lgr_wanted *wanted)
{
	struct gnu_table t = gnu_table(elf);
	uint32_t i;

	if (!t.buckets || !may_have(elf, wanted->hash))
		return 0;
	i = t.bucket[wanted->hash % t.buckets];
	if (i < t.first)
		return 0;
	for (;; i++) {
		uint32_t h = t.chain[i - t.first];

		if ((h | 1) == (wanted->hash | 1) && answers(elf, i, wanted))
			return i;
		if (h & 1)
			return 0;
	}
}

/* Old objects have no GNU hash: every symbol is compared, since this is not a path that hurries. */
static uint32_t find_sysv(const struct lgr_elf *elf, const struct lgr_wanted *wanted)
{
	for (uint32_t i = 1; i < elf->sysv_hash[1]; i++)
		if (answers(elf, i, wanted))
			return i;
	return 0;
}

static bool is_namesake(const struct lgr_elf *elf, uint32_t symbol, uint32_t i)
{
	const ElfW(Sym) *s = elf->symbols;

	return s[i].st_shndx != SHN_UNDEF && ELF64_ST_BIND(s[i].st_info) != STB_LOCAL &&
	       (s[i].st_name == s[symbol].st_name ||
		lgr_equal(elf->strings + s[i].st_name, elf->strings + s[symbol].st_name));
}

/* Those of one name are in one bucket. */
uint32_t lgr_elf_same_name(const struct lgr_elf *elf, uint32_t symbol, uint32_t after)
{
	struct gnu_table t;
	uint32_t i = after + 1, hash;

	if (!elf->gnu_hash) {
		for (; elf->sysv_hash && i < elf->sysv_hash[1]; i++)
			if (is_namesake(elf, symbol, i))
				return i;
		return 0;
	}
	t = gnu_table(elf);
	if (after && t.chain[after - t.first] & 1)
		return 0;
	hash = lgr_elf_hash(elf->strings + elf->symbols[symbol].st_name);
	if (!after)
		i = t.buckets ? t.bucket[hash % t.buckets] : 0;
	for (; i >= t.first; i++) {
		if ((t.chain[i - t.first] | 1) == (hash | 1) && is_namesake(elf, symbol, i))
			return i;
		if (t.chain[i - t.first] & 1)
			return 0;
	}
	return 0;
}

static uint32_t find(const struct lgr_elf *elf, const struct lgr_wanted *wanted)
{
	if (elf->gnu_hash)
		return find_gnu(elf, wanted);
	return elf->sysv_hash ? find_sysv(elf, wanted) : 0;
}

uint32_t lgr_elf_lookup(const struct lgr_elf *elf, const struct lgr_wanted *wanted)
{
	uint32_t i;

	if (!elf->symbols || !elf->strings)
		return 0;
	i = find(elf, wanted);
	if (i || !wanted->reference || wanted->version || !elf->versions)
		return i;
	return find(elf, &(struct lgr_wanted){ .name = wanted->name,
					       .hash = wanted->hash,
					       .address = wanted->address });
}

const ElfW(Sym) *lgr_elf_find(const struct lgr_elf *elf, const char *name)
{
	const struct lgr_wanted wanted = { .name = name, .hash = lgr_elf_hash(name) };
	uint32_t i = lgr_elf_lookup(elf, &wanted);

	return i ? &elf->symbols[i] : NULL;
}

uintptr_t lgr_elf_resolve(const struct lgr_elf *elf, const ElfW(Sym) *symbol)
{
	uintptr_t address = lgr_elf_address(elf, symbol);

	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC)
		address = ((uintptr_t(*)(void))address)();
	return address;
}

uintptr_t lgr_elf_symbol(const struct lgr_elf *elf, const char *name)
{
	const ElfW(Sym) *symbol = lgr_elf_find(elf, name);

	return symbol ? lgr_elf_resolve(elf, symbol) : 0;
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

static uint32_t first_defined(const struct lgr_elf *elf)
{
	return elf->gnu_hash ? elf->gnu_hash[1] : 1;
}

uint32_t lgr_elf_at(const struct lgr_elf *elf, uintptr_t address, uint32_t after)
{
	uint32_t n = elf->symbols ? symbol_count(elf) : 0;

	for (uint32_t i = after ? after + 1 : first_defined(elf); i < n; i++) {
		const ElfW(Sym) *s = &elf->symbols[i];

		if (lgr_elf_has_place(s) && lgr_elf_address(elf, s) == address)
			return i;
	}
	return 0;
}

bool lgr_elf_has_unique(const struct lgr_elf *elf)
{
	uint32_t n = elf->symbols ? symbol_count(elf) : 0;
	uint32_t first = first_defined(elf);

	for (uint32_t i = first; i < n; i++)
		if (ELF64_ST_BIND(elf->symbols[i].st_info) == STB_GNU_UNIQUE &&
		    elf->symbols[i].st_shndx != SHN_UNDEF)
			return true;
	return false;
}

static enum lgr_slot_kind kind_of(uint32_t type)
{
	switch (type) {
	case R_SLOT: return LGR_SLOT_JUMP;
	case R_GOT: return LGR_SLOT_GOT;
	case R_WORD: return LGR_SLOT_DATA;
	case R_COPIED: return LGR_SLOT_COPY;
	default: break;
	}
	return (type >= R_TLS_FIRST && type <= R_TLS_LAST) || type == R_TLS_DESC ? LGR_SLOT_TLS
										 : LGR_SLOT_NONE;
}

/* Returns false when the visitor has had enough. */
static bool slots_in(const struct lgr_elf *elf, const ElfW(Rela) *r, const ElfW(Rela) *end,
		     unsigned kinds, lgr_slot_visit *visit, void *arg)
{
	for (; r < end; r++) {
		struct lgr_slot slot = { .kind = kind_of(ELF64_R_TYPE(r->r_info)),
					 .symbol = ELF64_R_SYM(r->r_info) };

		if (!(kinds >> slot.kind & 1) || !slot.kind || !slot.symbol)
			continue;
		slot.name = elf->strings + elf->symbols[slot.symbol].st_name;
		slot.at = (uintptr_t *)(elf->load + r->r_offset);
		slot.addend = r->r_addend;
		if (!visit(arg, &slot))
			return false;
	}
	return true;
}

void lgr_elf_slots(const struct lgr_elf *elf, unsigned kinds, lgr_slot_visit *visit, void *arg)
{
	const ElfW(Rela) *begin = elf->rela + lgr_min(elf->relatives, elf->relas);
	const ElfW(Rela) *end = elf->rela + elf->relas;

	if (!elf->symbols || !elf->strings)
		return;
	/* Some linkers count those of the PLT twice (elf/dynamic-link.h). */
	if (elf->plt && elf->plt >= begin && elf->plt + elf->plts == end)
		end = elf->plt;
	if (elf->rela && !slots_in(elf, begin, end, kinds, visit, arg))
		return;
	if (elf->plt)
		slots_in(elf, elf->plt, elf->plt + elf->plts, kinds, visit, arg);
}

static bool count_symbol(void *arg, const struct lgr_slot *slot)
{
	uint32_t *n = arg;

	if (slot->symbol >= *n)
		*n = slot->symbol + 1;
	return true;
}

/* The hash of an object that defines nothing does not say how many there are. */
uint32_t lgr_elf_symbols(const struct lgr_elf *elf)
{
	uint32_t n = elf->symbols ? symbol_count(elf) : 0;

	lgr_elf_slots(elf, LGR_SLOTS_ALL, count_symbol, &n);
	return n;
}

bool lgr_elf_relro(uintptr_t load, const ElfW(Phdr) *headers, size_t n, uintptr_t *ret_lo,
		   uintptr_t *ret_hi)
{
	for (size_t i = 0; i < n; i++) {
		uintptr_t at = load + headers[i].p_vaddr;

		if (headers[i].p_type != PT_GNU_RELRO)
			continue;
		*ret_lo = lgr_page_down(at); /* as elf/dl-reloc.c, _dl_protect_relro */
		*ret_hi = lgr_page_down(at + headers[i].p_memsz);
		return *ret_lo < *ret_hi;
	}
	return false;
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
