/*
 * modules.c - the list of loaded files that the loader keeps for debuggers, of a process or of a core.
 *
 * Owns struct lgr_modules. Needs no linger in the process. The list is a stranger's memory: its
 * length is bounded, and each read may fail.
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "tool.h"

#define PHDRS_MAX 1024u
#define NAMESPACES_MAX 64u
#define MODULES_MAX (1u << 20)
#define PAGE 4096u

void lgr_modules_deinit(struct lgr_modules *modules)
{
	for (size_t i = 0; i < modules->count; i++)
		free(modules->module[i].name);
	free(modules->module);
}

void lgr_auxv_take(struct lgr_auxv *auxv, uint64_t type, uint64_t value)
{
	if (type == AT_PHDR)
		auxv->phdr = value;
	else if (type == AT_PHNUM)
		auxv->phnum = value;
	else if (type == AT_SYSINFO_EHDR)
		auxv->vdso = value;
}

/* A string of at most 4095 bytes, read up to the end of a page at a time. */
static char *read_name(lgr_reader read, void *arg, uint64_t at)
{
	char name[PAGE];
	size_t used = 0;

	while (used < sizeof(name)) {
		size_t n = PAGE - (at + used) % PAGE;

		n = n < sizeof(name) - used ? n : sizeof(name) - used;
		if (read(arg, at + used, name + used, n) < 0)
			return NULL;
		if (memchr(name + used, '\0', n))
			return strdup(name);
		used += n;
	}
	return NULL;
}

static bool is_elf(lgr_reader read, void *arg, uint64_t at)
{
	char magic[SELFMAG];

	return read(arg, at, magic, sizeof(magic)) == 0 && !memcmp(magic, ELFMAG, SELFMAG);
}

/*
 * Where the first byte of the file is: what the loader added to all addresses, as a rule. A file that
 * was linked for an address of its own begins with the nearest ELF header below its dynamic section.
 */
static uint64_t find_base(lgr_reader read, void *arg, const struct lgr_maps *maps,
			  const struct link_map *map)
{
	const struct lgr_mapping *at = lgr_maps_find(maps, map->l_addr, map->l_addr + 1);
	uint64_t dynamic = (uintptr_t)map->l_ld;

	if ((at && at->lo == map->l_addr && at->offset == 0) || is_elf(read, arg, map->l_addr))
		return map->l_addr;
	for (size_t i = maps->count; i-- > 0;) {
		const struct lgr_mapping *m = &maps->mapping[i];

		if (m->lo <= dynamic && m->offset == 0 && is_elf(read, arg, m->lo))
			return m->lo;
	}
	return map->l_addr;
}

static int add(struct lgr_modules *modules, const struct link_map *map, uint64_t base, char *name)
{
	struct lgr_module *grown;

	grown = lgr_grow(modules->module, &modules->cap, modules->count, sizeof(*grown));
	if (!grown) {
		free(name);
		return -ENOMEM;
	}
	modules->module = grown;
	grown[modules->count++] = (struct lgr_module){
		.name = name,
		.bias = map->l_addr,
		.base = base,
		.dynamic = (uintptr_t)map->l_ld,
	};
	return 0;
}

/* The objects of one namespace. Those without a name are the program itself, and the kernel's own. */
static int read_list(lgr_reader read, void *arg, const struct lgr_auxv *auxv,
		     const struct lgr_maps *maps, uint64_t at, struct lgr_modules *ret)
{
	for (size_t n = 0; at && n < MODULES_MAX; n++) {
		struct link_map map;
		uint64_t base;
		char *name;
		int r;

		r = read(arg, at, &map, sizeof(map));
		if (r < 0)
			return r;
		at = (uintptr_t)map.l_next;
		name = read_name(read, arg, (uintptr_t)map.l_name);
		base = find_base(read, arg, maps, &map);
		if (!name || !*name || base == auxv->vdso) {
			free(name);
			continue;
		}
		r = add(ret, &map, base, name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Where the program's dynamic section says that the list is; 0: it has none (static, or too early). */
static int find_debug(lgr_reader read, void *arg, const struct lgr_auxv *auxv, uint64_t *ret)
{
	uint64_t bias = 0, dynamic = 0, n = 0;
	int r;

	*ret = 0;
	if (auxv->phnum > PHDRS_MAX)
		return -EBADMSG;
	for (uint64_t i = 0; i < auxv->phnum; i++) {
		Elf64_Phdr p;

		r = read(arg, auxv->phdr + i * sizeof(p), &p, sizeof(p));
		if (r < 0)
			return r;
		if (p.p_type == PT_PHDR)
			bias = auxv->phdr - p.p_vaddr;
		if (p.p_type == PT_DYNAMIC) {
			dynamic = p.p_vaddr;
			n = p.p_memsz / sizeof(Elf64_Dyn);
		}
	}
	for (uint64_t i = 0; dynamic && i < n; i++) {
		Elf64_Dyn dyn;

		r = read(arg, bias + dynamic + i * sizeof(dyn), &dyn, sizeof(dyn));
		if (r < 0)
			return r;
		if (dyn.d_tag == DT_DEBUG)
			*ret = dyn.d_un.d_ptr;
		if (dyn.d_tag == DT_DEBUG || dyn.d_tag == DT_NULL)
			return 0;
	}
	return 0;
}

int lgr_modules_read(lgr_reader read, void *arg, const struct lgr_auxv *auxv,
		     const struct lgr_maps *maps, struct lgr_modules *ret)
{
	uint64_t at;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = find_debug(read, arg, auxv, &at);
	for (size_t n = 0; r == 0 && at && n < NAMESPACES_MAX; n++) {
		struct r_debug_extended list = { 0 };

		r = read(arg, at, &list.base, sizeof(list.base));
		if (r == 0 && list.base.r_version > 1)
			r = read(arg, at, &list, sizeof(list));
		if (r == 0)
			r = read_list(read, arg, auxv, maps, (uintptr_t)list.base.r_map, ret);
		at = (uintptr_t)list.r_next;
	}
	return r;
}
