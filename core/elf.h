/*
 * elf.h - an object's ELF image as the loader left it in memory.
 *
 * Lookups of our own read the image: a dl* call would clear the program's pending dlerror, take the
 * loader's lock and charge dependencies to us. The file itself is never read.
 *
 * Everything here only reads memory of an object that the caller knows to be mapped (inside a
 * notice or a look, or an object loaded at start). MT-safe and async-signal-safe under that rule.
 * Sources: gABI chapter 5 "Dynamic Section"; the GNU hash section and what a version matches as glibc
 * reads them in elf/dl-lookup.c; symbol versions: LSB Core, "Symbol Versioning".
 *
 * Rank 3: may include base.h, text.h.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_ELF_H
#define LGR_ELF_H

#include <link.h>

#include "base.h"

struct lgr_elf {
	uintptr_t load; /* l_addr: what is added to addresses in the file */
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *gnu_hash;      /* NULL: none */
	const uint32_t *sysv_hash;     /* NULL: none */
	const uint16_t *versions;      /* NULL: none */
	const ElfW(Verdef) *verdefs;   /* NULL: none */
	const ElfW(Verneed) *verneeds; /* NULL: none */
	const ElfW(Rela) *rela, *plt;  /* plt: DT_JMPREL where it holds Rela entries */
	size_t relas, relatives, plts;
	const char *soname;	 /* NULL: none */
	uint32_t flags, flags_1; /* DT_FLAGS, DT_FLAGS_1 */
	bool textrel;
};

/* From a link map's l_addr and l_ld. Cannot fail: what is absent stays NULL or 0. */
void lgr_elf_init(struct lgr_elf *elf, uintptr_t load, const ElfW(Dyn) *dynamic);

/* What a reference asks for. */
struct lgr_wanted {
	const char *name;
	const char *version; /* NULL: the default one */
	uint32_t hash;	     /* lgr_elf_hash(name) */
	bool address;	     /* an address taken, not a call: a program's own PLT entry will do */
	bool reference; /* of an object, not of dlsym: without a version, the oldest one, if there is */
	bool exact; /* of dlvsym: a definition without one does not do in an object that has versions */
};
uint32_t lgr_elf_hash(const char *name);

/* The number of the symbol that answers it, 0: none here. */
uint32_t lgr_elf_lookup(const struct lgr_elf *elf, const struct lgr_wanted *wanted);

/* The definition of name that a new reference without a version would get: the default version of
 * it. NULL: not defined there. */
const ElfW(Sym) *lgr_elf_find(const struct lgr_elf *elf, const char *name);

/*
 * The next defined symbol behind `after` (0: the first) that has the name of this one: its versions. 0: no
 * more.
 */
uint32_t lgr_elf_same_name(const struct lgr_elf *elf, uint32_t symbol, uint32_t after);

/* The next symbol behind `after` (0: the first) that is defined at this very address. 0: no more. */
uint32_t lgr_elf_at(const struct lgr_elf *elf, uintptr_t address, uint32_t after);

/* Its version, of a definition or of a reference; NULL: none. */
const char *lgr_elf_version(const struct lgr_elf *elf, uint32_t symbol);

/* One more than the last symbol that is defined, or bound to. */
uint32_t lgr_elf_symbols(const struct lgr_elf *elf);

/* What stands behind a defined symbol's value. */
static inline uintptr_t lgr_elf_address(const struct lgr_elf *elf, const ElfW(Sym) *symbol)
{
	return (symbol->st_shndx == SHN_ABS ? 0 : elf->load) + symbol->st_value;
}
/* Of an IFUNC what its resolver says, which is called. */
uintptr_t lgr_elf_resolve(const struct lgr_elf *elf, const ElfW(Sym) *symbol);

/* Its address, 0: not defined there. A GNU IFUNC is resolved, that is, called. */
uintptr_t lgr_elf_symbol(const struct lgr_elf *elf, const char *name);

/* Defines an STB_GNU_UNIQUE symbol. Reads the whole symbol table. */
bool lgr_elf_has_unique(const struct lgr_elf *elf);

/* A word that is bound by a symbol's name. */
enum lgr_slot_kind {
	LGR_SLOT_NONE,
	LGR_SLOT_JUMP, /* called through the PLT: may wait for its first call to be bound */
	LGR_SLOT_GOT,
	LGR_SLOT_DATA, /* in data: function pointers, vtables */
	LGR_SLOT_COPY, /* data copied here */
	LGR_SLOT_TLS
};
#define LGR_SLOTS_OF_GOT (1u << LGR_SLOT_JUMP | 1u << LGR_SLOT_GOT)
#define LGR_SLOTS_ALL (~0u)

struct lgr_slot {
	const char *name;
	uintptr_t *at;
	intptr_t addend; /* of DATA: what is added to the symbol's address */
	uint32_t symbol; /* its number */
	enum lgr_slot_kind kind;
};

/* Is it defined, for others than its object, at an address that is the same for all threads? */
static inline bool lgr_elf_has_place(const ElfW(Sym) *s)
{
	return s->st_shndx != SHN_UNDEF && ELF64_ST_BIND(s->st_info) != STB_LOCAL &&
	       ELF64_ST_TYPE(s->st_info) != STT_TLS;
}

/* Visits the slots of these kinds (as bits), until visit returns false. The object is relocated. */
typedef bool lgr_slot_visit(void *arg, const struct lgr_slot *slot);
void lgr_elf_slots(const struct lgr_elf *elf, unsigned kinds, lgr_slot_visit *visit, void *arg);

/* The part that the loader protects after relocation: whole pages, [lo, hi). False: none. */
bool lgr_elf_relro(uintptr_t load, const ElfW(Phdr) *headers, size_t n, uintptr_t *ret_lo,
		   uintptr_t *ret_hi);

/* The program headers of the image whose ELF header is at start, or NULL: not readable there. */
const ElfW(Phdr) *lgr_elf_headers(uintptr_t start, uintptr_t end, size_t *ret_n);

/* The build-id among the notes, cut to size bytes; 0 bytes: none. */
size_t lgr_elf_build_id(uintptr_t load, const ElfW(Phdr) *headers, size_t n, uint8_t *to,
			size_t size);

#endif
