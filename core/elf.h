/*
 * elf.h - an object's ELF image as the loader left it in memory.
 *
 * Lookups of our own read the image: a dl* call would clear the program's pending dlerror, take the
 * loader's lock and charge dependencies to us. The file itself is never read.
 *
 * Everything here only reads memory of an object that the caller knows to be mapped (inside a
 * notice or a look, or an object loaded at start). MT-safe and async-signal-safe under that rule.
 * Sources: gABI chapter 5 "Dynamic Section"; the GNU hash section as glibc reads it in
 * elf/dl-lookup.c; symbol versions: LSB Core, "Symbol Versioning".
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
	const uint32_t *gnu_hash;     /* NULL: none */
	const uint32_t *sysv_hash;    /* NULL: none */
	const uint16_t *versions;     /* NULL: none */
	const ElfW(Rela) *rela, *plt; /* plt: DT_JMPREL where it holds Rela entries */
	size_t relas, relatives, plts;
	const char *soname;	 /* NULL: none */
	uint32_t flags, flags_1; /* DT_FLAGS, DT_FLAGS_1 */
	bool textrel;
};

/* From a link map's l_addr and l_ld. Cannot fail: what is absent stays NULL or 0. */
void lgr_elf_init(struct lgr_elf *elf, uintptr_t load, const ElfW(Dyn) *dynamic);

/* The definition of name that a new reference without a version would get: the default version of
 * it. NULL: not defined there. */
const ElfW(Sym) *lgr_elf_find(const struct lgr_elf *elf, const char *name);

/* Its address, 0: not defined there. A GNU IFUNC is resolved, that is, called. */
uintptr_t lgr_elf_symbol(const struct lgr_elf *elf, const char *name);

/* Defines an STB_GNU_UNIQUE symbol. Reads the whole symbol table. */
bool lgr_elf_has_unique(const struct lgr_elf *elf);

/* A slot of the GOT that is bound by a symbol's name. */
struct lgr_slot {
	const char *name;
	uintptr_t *at;
	bool jump; /* called through the PLT: may wait for its first call to be bound */
};

/* Visits every slot of the object, which must have been relocated, until visit returns false. */
typedef bool lgr_slot_visit(void *arg, const struct lgr_slot *slot);
void lgr_elf_slots(const struct lgr_elf *elf, lgr_slot_visit *visit, void *arg);

/* The program headers of the image whose ELF header is at start, or NULL: not readable there. */
const ElfW(Phdr) *lgr_elf_headers(uintptr_t start, uintptr_t end, size_t *ret_n);

/* The build-id among the notes, cut to size bytes; 0 bytes: none. */
size_t lgr_elf_build_id(uintptr_t load, const ElfW(Phdr) *headers, size_t n, uint8_t *to,
			size_t size);

#endif
