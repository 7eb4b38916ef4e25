/*
 * picture.h - all that a redirect may change in a process, to be compared: every slot, every symbol
 * table, the code of small objects, and the protection of every page of a file.
 *
 * It is read from the ELF images and /proc/self/maps, not asked of linger.
 * SPDX-License-Identifier: MIT
 */
#ifndef PICTURE_H
#define PICTURE_H

#include <elf.h>
#include <link.h>

#include "redirects.h"

enum picture_kind { PICTURE_SLOT, PICTURE_LAZY_SLOT, PICTURE_SYMBOL, PICTURE_CODE };

struct picture_word {
	uintptr_t at, value;
	uintptr_t lo, hi; /* of the object it is in */
	const char *name, *path;
	enum picture_kind kind;
};

struct picture {
	struct picture_word *word;
	size_t n, room;
	char *maps;
};

struct picture_object {
	uintptr_t base, lo, hi;
	const char *path, *strings;
	const ElfW(Sym) *symbols;
	size_t n_symbols;
	struct picture *picture;
};

static inline void picture_add(struct picture_object *o, uintptr_t at, uintptr_t value,
			       const char *name, enum picture_kind kind)
{
	struct picture *p = o->picture;

	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 4096;
		p->word = realloc(p->word, p->room * sizeof(*p->word));
		check(p->word, "no memory for a picture");
	}
	p->word[p->n++] = (struct picture_word){ at,   value,		o->lo, o->hi,
						 name, strdup(o->path), kind };
}

static inline void picture_relocations(struct picture_object *o, const ElfW(Rela) *rela,
				       size_t size)
{
	for (const ElfW(Rela) *r = rela; r && r < rela + size / sizeof(*rela); r++) {
		unsigned type = (unsigned)ELF64_R_TYPE(r->r_info);
		size_t index = ELF64_R_SYM(r->r_info);
		uintptr_t at = o->base + r->r_offset;

		if (index >= o->n_symbols)
			o->n_symbols = index + 1;
		if (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT || type == R_X86_64_64)
			picture_add(o, at, *(uintptr_t *)at, o->strings + o->symbols[index].st_name,
				    type == R_X86_64_JUMP_SLOT ? PICTURE_LAZY_SLOT : PICTURE_SLOT);
	}
}

static inline size_t picture_count(const uint32_t *hash)
{
	const uint32_t *buckets = hash + 4 + hash[2] * (sizeof(size_t) / 4);
	const uint32_t *chain = buckets + hash[0];
	uint32_t last = 0;

	for (uint32_t i = 0; i < hash[0]; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < hash[1])
		return hash[1];
	while (!(chain[last - hash[1]] & 1))
		last++;
	return last + 1;
}

static inline void picture_dynamic(struct picture_object *o, const ElfW(Dyn) *d)
{
	const ElfW(Rela) *rela = NULL, *plt = NULL;
	size_t rela_size = 0, plt_size = 0;

	for (; d->d_tag != DT_NULL; d++)
		switch (d->d_tag) {
		case DT_STRTAB: o->strings = (const char *)d->d_un.d_ptr; break;
		case DT_SYMTAB: o->symbols = (const ElfW(Sym) *)d->d_un.d_ptr; break;
		case DT_GNU_HASH:
			o->n_symbols = picture_count((const uint32_t *)d->d_un.d_ptr);
			break;
		case DT_RELA: rela = (const ElfW(Rela) *)d->d_un.d_ptr; break;
		case DT_RELASZ: rela_size = d->d_un.d_val; break;
		case DT_JMPREL: plt = (const ElfW(Rela) *)d->d_un.d_ptr; break;
		case DT_PLTRELSZ: plt_size = d->d_un.d_val; break;
		default: break;
		}
	picture_relocations(o, rela, rela_size);
	picture_relocations(o, plt, plt_size);
	for (size_t i = 1; i < o->n_symbols; i++) {
		const ElfW(Sym) *s = &o->symbols[i];

		picture_add(o, (uintptr_t)&s->st_value, s->st_value, o->strings + s->st_name,
			    PICTURE_SYMBOL);
		picture_add(o, (uintptr_t)s, *(const uintptr_t *)s, o->strings + s->st_name,
			    PICTURE_SYMBOL); /* name, type, binding, visibility, section */
	}
}

static inline void picture_code(struct picture_object *o, uintptr_t at, size_t size)
{
	if (size <= 1 << 20)
		for (size_t i = 0; i + 8 <= size; i += 8)
			picture_add(o, at + i, *(uintptr_t *)(at + i), "(code)", PICTURE_CODE);
}

static inline int picture_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct picture_object o = { info->dlpi_addr, -1ul, 0, info->dlpi_name, 0, 0, 0, arg };
	const ElfW(Dyn) *dynamic = NULL;

	(void)size;
	if (strstr(info->dlpi_name, "vdso"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t at = o.base + p->p_vaddr;

		if (p->p_type == PT_DYNAMIC)
			dynamic = (const ElfW(Dyn) *)at;
		if (p->p_type == PT_LOAD) {
			o.lo = at < o.lo ? at : o.lo;
			o.hi = at + p->p_memsz > o.hi ? at + p->p_memsz : o.hi;
		}
		if (p->p_type == PT_LOAD && p->p_flags & PF_X && !strstr(o.path, "liblinger"))
			picture_code(&o, at, p->p_memsz);
	}
	if (dynamic)
		picture_dynamic(&o, dynamic);
	return 0;
}

/* Lines `lo-hi rwxp path` of what has a file, neighbours alike joined: the kernel may split a mapping. */
static inline char *picture_maps(void)
{
	char line[4096 + 128], perms[8], last_perms[8] = "", path[4096], last_path[4096] = "";
	unsigned long lo, hi, from = 0, to = 0;
	size_t n = 0, room = 1 << 20;
	char *text = malloc(room);
	FILE *maps = fopen("/proc/self/maps", "r");

	check(maps && text, "/proc/self/maps: %s", strerror(errno));
	while (fgets(line, sizeof(line), maps)) {
		*path = '\0';
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %4095s", &lo, &hi, perms, path) < 3 ||
		    *path != '/')
			continue;
		if (to == lo && !strcmp(perms, last_perms) && !strcmp(path, last_path)) {
			to = hi;
			continue;
		}
		if (to)
			n += (size_t)snprintf(text + n, room - n, "%lx-%lx %s %s\n", from, to,
					      last_perms, last_path);
		from = lo, to = hi;
		strcpy(last_perms, perms);
		strcpy(last_path, path);
	}
	snprintf(text + n, room - n, "%lx-%lx %s %s\n", from, to, last_perms, last_path);
	fclose(maps);
	return text;
}

static inline struct picture picture_take(void)
{
	struct picture p = { NULL, 0, 0, NULL };

	dl_iterate_phdr(picture_object, &p);
	p.maps = picture_maps();
	return p;
}

/* What the loader bound meanwhile, at a first call: a slot that pointed into its own object's PLT. */
static inline bool picture_bound(const struct picture_word *was, const struct picture_word *is)
{
	bool was_unbound = was->value - was->lo < was->hi - was->lo;

	if (was->kind != PICTURE_LAZY_SLOT || !was_unbound)
		return false;
	if (strncmp(was->name, "t_", 2))
		return true;
	return is->value == (uintptr_t)dlsym(RTLD_DEFAULT, was->name);
}

/* Each line of what was there before. */
static inline bool picture_same_maps(const char *was, const char *is)
{
	char line[4096 + 64];

	for (size_t n; *was; was += n + 1) {
		n = strcspn(was, "\n");
		snprintf(line, sizeof(line), "%.*s\n", (int)n, was);
		if (!strstr(is, line))
			return false;
	}
	return true;
}

static inline void picture_free(struct picture *p)
{
	free(p->maps);
	for (size_t i = 0; i < p->n; i++)
		free((char *)(uintptr_t)p->word[i].path);
	free(p->word);
}

/* Fails unless all is as it was. MORE: objects that were loaded since and are still there are left out. */
static inline void picture_compare_(const struct picture *was, bool more, const char *when)
{
	static const char *const kinds[] = { "slot", "PLT slot", "symbol", "code" };
	struct picture is = picture_take();

	check(is.n == was->n || (more && is.n > was->n), "%s: %zu words where %zu were", when, is.n,
	      was->n);
	for (size_t i = 0; i < was->n; i++) {
		const struct picture_word *a = &was->word[i], *b = &is.word[i];

		check(a->at == b->at, "%s: another order of objects", when);
		check(a->value == b->value || picture_bound(a, b),
		      "%s: the %s %s of %s at %#lx is %#lx, was %#lx", when, kinds[a->kind],
		      a->name, a->path, a->at, b->value, a->value);
	}
	check(more ? picture_same_maps(was->maps, is.maps) : !strcmp(was->maps, is.maps),
	      "%s: protections differ:\n%s---- were\n%s", when, is.maps, was->maps);
	picture_free(&is);
}

static inline void picture_compare(const struct picture *was, const char *when)
{
	picture_compare_(was, false, when);
}

#endif
