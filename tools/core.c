/*
 * core.c - reads a core file: its memory, the files that were mapped, where the program's headers are.
 *
 * Owns struct lgr_core. A core may be cut off or made by anybody: every size and offset in it is
 * bounded before use.
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/procfs.h>

#include "tool.h"

#define PHDRS_MAX (1u << 20)
#define NOTES_MAX (256u << 20)

void lgr_core_deinit(struct lgr_core *core)
{
	lgr_maps_deinit(&core->maps);
	free(core->load);
	lgr_closep(&core->fd);
}

int lgr_read_core(void *arg, uint64_t at, void *buf, size_t n)
{
	const struct lgr_core *core = arg;

	for (size_t i = 0; i < core->loads; i++) {
		const struct lgr_core_load *l = &core->load[i];

		if (at >= l->lo && at < l->hi && n <= l->hi - at)
			return lgr_read_fd((void *)&core->fd, l->offset + (at - l->lo), buf, n);
	}
	return -EFAULT;
}

/* -------------------------------------------------------------------- notes */

static int add_mapping(struct lgr_core *core, const uint64_t entry[3], uint64_t page,
		       const char *name)
{
	struct lgr_mapping m = {
		.lo = entry[0],
		.hi = entry[1],
		.offset = entry[2] * page,
		.name = strdup(name),
	};
	struct lgr_mapping *grown;

	grown = lgr_grow(core->maps.mapping, &core->maps.cap, core->maps.count, sizeof(m));
	if (!grown || !m.name) {
		core->maps.mapping = grown ? grown : core->maps.mapping;
		free(m.name);
		return -ENOMEM;
	}
	core->maps.mapping = grown;
	grown[core->maps.count++] = m;
	return 0;
}

/* NT_FILE: count, page size; count times lo, hi, offset in pages; then as many names. */
static int take_files(struct lgr_core *core, const char *desc, size_t n)
{
	uint64_t head[2], entry[3];
	const char *name;
	int r = 0;

	if (n < sizeof(head))
		return 0;
	memcpy(head, desc, sizeof(head));
	if (head[0] > (n - sizeof(head)) / sizeof(entry) || desc[n - 1])
		return 0;
	name = desc + sizeof(head) + head[0] * sizeof(entry);
	for (uint64_t i = 0; r == 0 && i < head[0] && name < desc + n; i++) {
		memcpy(entry, desc + sizeof(head) + i * sizeof(entry), sizeof(entry));
		r = add_mapping(core, entry, head[1], name);
		name += strlen(name) + 1;
	}
	return r;
}

static void take_auxv(struct lgr_core *core, const char *desc, size_t n)
{
	Elf64_auxv_t entry;

	for (; n >= sizeof(entry); desc += sizeof(entry), n -= sizeof(entry)) {
		memcpy(&entry, desc, sizeof(entry));
		lgr_auxv_take(&core->auxv, entry.a_type, entry.a_un.a_val);
	}
}

static int take_note(struct lgr_core *core, uint32_t type, const char *desc, size_t n)
{
	struct elf_prpsinfo info;

	if (type == NT_FILE)
		return take_files(core, desc, n);
	if (type == NT_AUXV)
		take_auxv(core, desc, n);
	if (type == NT_PRPSINFO && n >= sizeof(info)) {
		memcpy(&info, desc, sizeof(info));
		core->pid = info.pr_pid;
	}
	return 0;
}

static int take_notes(struct lgr_core *core, const char *notes, size_t n)
{
	int r = 0;

	while (r == 0 && n >= sizeof(Elf64_Nhdr)) {
		uint64_t desc, end;
		Elf64_Nhdr head;

		memcpy(&head, notes, sizeof(head));
		desc = sizeof(head) + (((uint64_t)head.n_namesz + 3) & ~UINT64_C(3));
		end = desc + (((uint64_t)head.n_descsz + 3) & ~UINT64_C(3));
		if (desc > n || head.n_descsz > n - desc)
			break;
		if (head.n_namesz == sizeof("CORE") &&
		    !memcmp(notes + sizeof(head), "CORE", sizeof("CORE")))
			r = take_note(core, head.n_type, notes + desc, head.n_descsz);
		if (end >= n)
			break;
		notes += end;
		n -= end;
	}
	return r;
}

static int read_notes(struct lgr_core *core, const Elf64_Phdr *p)
{
	_cleanup_free_ char *notes = NULL;
	int r;

	if (p->p_filesz == 0 || p->p_filesz > NOTES_MAX)
		return 0;
	notes = malloc(p->p_filesz);
	if (!notes)
		return -ENOMEM;
	r = lgr_read_fd(&core->fd, p->p_offset, notes, p->p_filesz);
	return r < 0 ? r : take_notes(core, notes, p->p_filesz);
}

/* ------------------------------------------------------------------ headers */

/* More headers than e_phnum can say are counted in the first section header. */
static int count_phdrs(const struct lgr_core *core, const Elf64_Ehdr *head, size_t *ret)
{
	Elf64_Shdr first;
	int r;

	*ret = head->e_phnum;
	if (head->e_phnum != PN_XNUM)
		return 0;
	r = lgr_read_fd((void *)&core->fd, head->e_shoff, &first, sizeof(first));
	*ret = first.sh_info;
	return r;
}

static int take_phdrs(struct lgr_core *core, const Elf64_Phdr *phdr, size_t n)
{
	int r = 0;

	core->load = calloc(n, sizeof(*core->load));
	if (!core->load)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		const Elf64_Phdr *p = &phdr[i];

		if (p->p_type == PT_LOAD && p->p_filesz && p->p_filesz <= UINT64_MAX - p->p_vaddr)
			core->load[core->loads++] = (struct lgr_core_load){
				.lo = p->p_vaddr,
				.hi = p->p_vaddr + p->p_filesz,
				.offset = p->p_offset,
			};
		else if (p->p_type == PT_NOTE)
			r = read_notes(core, p);
	}
	return r;
}

static int read_headers(struct lgr_core *core)
{
	_cleanup_free_ Elf64_Phdr *phdr = NULL;
	Elf64_Ehdr head;
	size_t n;
	int r;

	r = lgr_read_fd(&core->fd, 0, &head, sizeof(head));
	if (r < 0)
		return r == -EIO ? -ENOEXEC : r;
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_type != ET_CORE || head.e_phentsize != sizeof(*phdr))
		return -ENOEXEC;
	r = count_phdrs(core, &head, &n);
	if (r < 0)
		return r;
	if (n == 0 || n > PHDRS_MAX)
		return -EBADMSG;
	phdr = calloc(n, sizeof(*phdr));
	if (!phdr)
		return -ENOMEM;
	r = lgr_read_fd(&core->fd, head.e_phoff, phdr, n * sizeof(*phdr));
	return r < 0 ? r : take_phdrs(core, phdr, n);
}

int lgr_core_open(const char *path, struct lgr_core *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ret->fd < 0)
		return -errno;
	r = read_headers(ret);
	return r == -EIO ? -EBADMSG : r;
}
