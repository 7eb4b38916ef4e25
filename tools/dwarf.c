/*
 * dwarf.c - the names of what stands in a loaded object: symbols, sections, lines. The only file that
 * uses libdw and libelf.
 *
 * Owns struct lgr_dwarf. The file of an object is the one that is mapped, even where another one has its
 * path by now; where that cannot be had, or has another build-id, there are no names. libdw finds
 * separate debug files where gdb does.
 * SPDX-License-Identifier: MIT
 */
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "tool.h"

struct module {
	uint64_t id;	   /* the object's */
	Dwfl_Module *dwfl; /* NULL: it has no file that can be read */
};

struct lgr_dwarf {
	const struct lgr_view *view;
	Dwfl *dwfl;
	struct module *module;
	size_t count, cap;
};

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

struct lgr_dwarf *lgr_dwarf_create(const struct lgr_view *view)
{
	struct lgr_dwarf *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->view = view;
	d->dwfl = dwfl_begin(&callbacks); /* NULL: no names */
	return d;
}

void lgr_dwarf_destroy(struct lgr_dwarf *d)
{
	if (!d)
		return;
	if (d->dwfl)
		dwfl_end(d->dwfl);
	free(d->module);
	free(d);
}

/* -------------------------------------------------------------------- files */

/* Opens @path as process @pid sees it, if it is a file with that inode; or -1. */
static int open_there(pid_t pid, const char *path, uint64_t inode)
{
	_cleanup_free_ char *name = NULL;
	struct stat st;
	int fd;

	if (asprintf(&name, "/proc/%d/%s", (int)pid, path) < 0) {
		name = NULL;
		return -1;
	}
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == inode)
		return fd;
	close(fd);
	return -1;
}

static int open_path(pid_t pid, const char *path, uint64_t inode)
{
	_cleanup_free_ char *name = NULL;

	if (*path != '/' || asprintf(&name, "root%s", path) < 0) {
		name = NULL;
		return -1;
	}
	return open_there(pid, name, inode);
}

/* The file that is mapped as object @o, or one with the same bytes; or -1. */
static int open_mapped(const struct lgr_view *view, const struct lgr_proc_object *o)
{
	const struct lgr_mapping *m = lgr_maps_find(&view->maps, o->object.lo, o->object.hi);
	pid_t pid = view->proc.pid;
	char name[96];
	int fd;

	if (!m || !m->inode)
		return -1;
	/* The very file, whatever became of its name; not everybody may. */
	snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, m->lo, m->hi);
	fd = open_there(pid, name, m->inode);
	if (fd < 0)
		fd = open_path(pid, m->name, m->inode);
	/* What linger has detached is mapped from a copy. */
	if (fd < 0 && o->object.copy >= 0) {
		snprintf(name, sizeof(name), "fd/%d", (int)o->object.copy);
		fd = open_there(pid, name, m->inode);
	}
	if (fd < 0 && o->object.build_id_len)
		fd = open_path(pid, o->path, o->object.file.ino);
	return fd;
}

static bool is_same_build(Dwfl_Module *module, const struct lgr_object *o)
{
	const unsigned char *bits;
	GElf_Addr at;
	int n;

	if (o->build_id_len == 0 || o->build_id_len > sizeof(o->build_id))
		return true;
	n = dwfl_module_build_id(module, &bits, &at);
	return n == o->build_id_len && !memcmp(bits, o->build_id, (size_t)n);
}

static Dwfl_Module *report(const struct lgr_dwarf *d, const struct lgr_proc_object *o)
{
	Dwfl_Module *module;
	uint64_t bias;
	int fd;

	/* The first word of a link map is what its file's addresses lack: public, link.h. */
	if (!d->dwfl || !o->object.map ||
	    lgr_proc_read(d->view->proc.pid, o->object.map, &bias, sizeof(bias)) < 0)
		return NULL;
	fd = open_mapped(d->view, o);
	if (fd < 0)
		return NULL;
	dwfl_report_begin_add(d->dwfl);
	module = dwfl_report_elf(d->dwfl, o->path, o->path, fd, bias, true);
	if (!module)
		close(fd);
	dwfl_report_end(d->dwfl, NULL, NULL);
	return module && is_same_build(module, &o->object) ? module : NULL;
}

static Dwfl_Module *module_of(struct lgr_dwarf *d, const struct lgr_proc_object *o)
{
	struct module *grown;

	if (!d)
		return NULL;
	for (size_t i = 0; i < d->count; i++)
		if (d->module[i].id == o->object.id)
			return d->module[i].dwfl;
	grown = lgr_grow(d->module, &d->cap, d->count, sizeof(*grown));
	if (!grown)
		return NULL;
	d->module = grown;
	grown[d->count] = (struct module){ .id = o->object.id, .dwfl = report(d, o) };
	return grown[d->count++].dwfl;
}

/* -------------------------------------------------------------------- names */

/* NAME or NAME+0xN; 0, or -ENOENT where it does not fit. */
static int put_name(char *buf, size_t n, const char *name, uint64_t offset)
{
	int len;

	if (offset)
		len = snprintf(buf, n, "%s+0x%" PRIx64, name, offset);
	else
		len = snprintf(buf, n, "%s", name);
	return len > 0 && (size_t)len < n ? 0 : -ENOENT;
}

int lgr_dwarf_symbol(struct lgr_dwarf *d, const struct lgr_proc_object *o, uint64_t at, char *buf,
		     size_t n, uint64_t *ret_offset)
{
	Dwfl_Module *module = module_of(d, o);
	const char *name;
	GElf_Off offset;
	GElf_Sym symbol;

	if (!module)
		return -ENOENT;
	name = dwfl_module_addrinfo(module, at, &offset, &symbol, NULL, NULL, NULL);
	/* A symbol without a size may be far away. */
	if (!name || !*name || offset >= symbol.st_size)
		return -ENOENT;
	*ret_offset = offset;
	return put_name(buf, n, name, 0);
}

int lgr_dwarf_section(struct lgr_dwarf *d, const struct lgr_proc_object *o, uint64_t at, char *buf,
		      size_t n)
{
	Dwfl_Module *module = module_of(d, o);
	GElf_Addr bias;
	Elf *elf = module ? dwfl_module_getelf(module, &bias) : NULL;
	Elf_Scn *section = NULL;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names) < 0)
		return -ENOENT;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr head;
		const char *name;

		if (!gelf_getshdr(section, &head) || !(head.sh_flags & SHF_ALLOC) ||
		    (head.sh_flags & SHF_TLS) || at - bias < head.sh_addr ||
		    at - bias - head.sh_addr >= head.sh_size)
			continue;
		name = elf_strptr(elf, names, head.sh_name);
		if (!name || !*name)
			return -ENOENT;
		return put_name(buf, n, name, at - bias - head.sh_addr);
	}
	return -ENOENT;
}

int lgr_dwarf_find(struct lgr_dwarf *d, const struct lgr_proc_object *o, const char *wanted,
		   uint64_t *ret_at)
{
	Dwfl_Module *module = module_of(d, o);
	int n = module ? dwfl_module_getsymtab(module) : 0;

	for (int i = 1; i < n; i++) {
		GElf_Sym symbol;
		GElf_Addr at;
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &at, NULL, NULL,
							   NULL);

		if (!name || strcmp(name, wanted) || symbol.st_shndx == SHN_UNDEF)
			continue;
		*ret_at = at;
		return 0;
	}
	return -ENOENT;
}

int lgr_dwarf_tls_symbol(struct lgr_dwarf *d, const struct lgr_proc_object *o, uint64_t offset,
			 char *buf, size_t n)
{
	Dwfl_Module *module = module_of(d, o);
	int count = module ? dwfl_module_getsymtab(module) : 0;

	for (int i = 1; i < count; i++) {
		GElf_Sym symbol;
		GElf_Addr at;
		const char *name = dwfl_module_getsym_info(module, i, &symbol, &at, NULL, NULL,
							   NULL);

		/* Its value is an offset in the block, and is left alone. */
		if (name && *name && GELF_ST_TYPE(symbol.st_info) == STT_TLS &&
		    symbol.st_shndx != SHN_UNDEF && offset >= symbol.st_value &&
		    offset - symbol.st_value < symbol.st_size)
			return put_name(buf, n, name, offset - symbol.st_value);
	}
	return -ENOENT;
}

/* The place in the function itself where what is inlined at @at, an address of @unit's file, is called. */
static const char *find_call(Dwarf_Die *unit, Dwarf_Addr at, int *ret_line)
{
	Dwarf_Attribute attribute;
	Dwarf_Word file = 0, line = 0;
	Dwarf_Die *scopes = NULL;
	Dwarf_Files *files;
	const char *name = NULL;
	size_t count;
	int n = dwarf_getscopes(unit, at, &scopes);

	/* The innermost first; the last call before the function is the one in it. */
	for (int i = 0; i < n && dwarf_tag(&scopes[i]) != DW_TAG_subprogram; i++) {
		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_file, &attribute), &file);
		dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_line, &attribute), &line);
	}
	free(scopes);
	if (line && dwarf_getsrcfiles(unit, &files, &count) == 0 && file < count)
		name = dwarf_filesrc(files, file, NULL, NULL);
	*ret_line = (int)line;
	return name;
}

/* The unit that has @at. Not every compiler writes the table for this (clang does not). */
static Dwarf_Die *find_unit(Dwfl_Module *module, Dwarf_Addr at, Dwarf_Addr *ret_bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(module, at, ret_bias);

	if (unit)
		return unit;
	while ((unit = dwfl_module_nextcu(module, unit, ret_bias)))
		if (dwarf_haspc(unit, at - *ret_bias) > 0)
			return unit;
	return NULL;
}

int lgr_dwarf_line(struct lgr_dwarf *d, const struct lgr_proc_object *o, uint64_t at, char *buf,
		   size_t n)
{
	Dwfl_Module *module = module_of(d, o);
	Dwarf_Addr bias;
	Dwarf_Die *unit = module ? find_unit(module, at, &bias) : NULL;
	const char *file, *base;
	int number = 0, len;
	Dwarf_Line *line;

	if (!unit)
		return -ENOENT;
	file = find_call(unit, at - bias, &number);
	line = file ? NULL : dwarf_getsrc_die(unit, at - bias);
	if (line && dwarf_lineno(line, &number) == 0)
		file = dwarf_linesrc(line, NULL, NULL);
	if (!file)
		return -ENOENT;
	base = strrchr(file, '/');
	len = snprintf(buf, n, "%s:%d", base ? base + 1 : file, number);
	return len > 0 && (size_t)len < n ? 0 : -ENOENT;
}
