/*
 * note.c - gives an ELF file a build-id that its linker did not give it.
 *
 * perf takes a file from a build-id cache only when the build-id in the file is the one that it looks
 * for. So a copy of a file without one gets a note with the hash of its content: appended, with a new
 * table of section names and of section headers. Nothing that is loaded moves, and no offset that
 * something else refers to.
 *
 * Owns no state. Every offset and size in the file is checked before use.
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "perf.h"

#define NOTE_NAME ".note.gnu.build-id"
#define NAMES_MAX (16u << 20)

struct table {
	Elf64_Ehdr head;
	Elf64_Shdr *section; /* has room for one more */
	char *names;
	uint64_t names_size, end; /* end: of the file */
};

struct note {
	Elf64_Nhdr head;
	char name[4];
	uint8_t id[LGR_PERF_ID_MAX];
};

static void table_deinit(struct table *table)
{
	free(table->section);
	free(table->names);
}

static int read_names(int fd, struct table *table)
{
	const Elf64_Shdr *names = &table->section[table->head.e_shstrndx];

	if (names->sh_type != SHT_STRTAB || names->sh_size == 0 || names->sh_size > NAMES_MAX)
		return -ENOEXEC;
	table->names_size = names->sh_size;
	table->names = malloc(names->sh_size + sizeof(NOTE_NAME));
	if (!table->names)
		return -ENOMEM;
	if (lgr_read_fd(&fd, names->sh_offset, table->names, names->sh_size) < 0)
		return -ENOEXEC;
	table->names[names->sh_size - 1] = '\0';
	return 0;
}

static bool has_note(const struct table *table)
{
	for (size_t i = 0; i < table->head.e_shnum; i++)
		if (table->section[i].sh_name < table->names_size &&
		    !strcmp(table->names + table->section[i].sh_name, NOTE_NAME))
			return true;
	return false;
}

static int table_read(int fd, struct table *table)
{
	const Elf64_Ehdr *head = &table->head;
	struct lgr_elf_file kind;
	struct stat st;
	int r = lgr_elf_file_read(lgr_read_fd, &fd, &kind);

	if (r < 0 || kind.foreign || lgr_read_fd(&fd, 0, &table->head, sizeof(*head)) < 0)
		return -ENOEXEC;
	/* More than 65,279 sections stand elsewhere: no library has them. */
	if (head->e_shnum == 0 || head->e_shnum + 1 >= SHN_LORESERVE ||
	    head->e_shstrndx >= head->e_shnum || head->e_shentsize != sizeof(Elf64_Shdr))
		return -ENOEXEC;
	if (fstat(fd, &st) < 0)
		return -errno;
	table->end = (uint64_t)st.st_size;
	table->section = calloc(head->e_shnum + 1u, sizeof(Elf64_Shdr));
	if (!table->section)
		return -ENOMEM;
	if (lgr_read_fd(&fd, head->e_shoff, table->section, head->e_shnum * sizeof(Elf64_Shdr)) < 0)
		return -ENOEXEC;
	r = read_names(fd, table);
	return r == 0 && has_note(table) ? -EEXIST : r;
}

/* Appends @n bytes at a multiple of 8. @ret_at: where they are. */
static int append(int fd, struct table *table, const void *bytes, size_t n, uint64_t *ret_at)
{
	uint64_t at = (table->end + 7) & ~(uint64_t)7;
	const char *from = bytes;

	for (size_t done = 0; done < n;) {
		ssize_t wrote = pwrite(fd, from + done, n - done, (off_t)(at + done));

		if (wrote <= 0)
			return wrote < 0 ? -errno : -EIO;
		done += (size_t)wrote;
	}
	table->end = at + n;
	*ret_at = at;
	return 0;
}

static int append_note(int fd, struct table *table, const struct lgr_build_id *id)
{
	struct note note = { { 4, id->size, NT_GNU_BUILD_ID }, "GNU", { 0 } };
	Elf64_Shdr *section = &table->section[table->head.e_shnum];

	memcpy(note.id, id->bytes, id->size);
	*section = (Elf64_Shdr){ .sh_name = (Elf64_Word)table->names_size,
				 .sh_type = SHT_NOTE,
				 .sh_size = sizeof(note) - sizeof(note.id) + id->size,
				 .sh_addralign = 4 };
	return append(fd, table, &note, section->sh_size, &section->sh_offset);
}

static int append_names(int fd, struct table *table)
{
	Elf64_Shdr *names = &table->section[table->head.e_shstrndx];

	memcpy(table->names + table->names_size, NOTE_NAME, sizeof(NOTE_NAME));
	names->sh_size = table->names_size + sizeof(NOTE_NAME);
	return append(fd, table, table->names, names->sh_size, &names->sh_offset);
}

int lgr_note_add(int fd, const struct lgr_build_id *id)
{
	_cleanup_(table_deinit) struct table table = { 0 };
	uint64_t sections = 0;
	int r = table_read(fd, &table);

	if (r == 0)
		r = append_note(fd, &table, id);
	if (r == 0)
		r = append_names(fd, &table);
	if (r == 0)
		r = append(fd, &table, table.section,
			   (table.head.e_shnum + 1u) * sizeof(Elf64_Shdr), &sections);
	if (r < 0)
		return r;
	table.head.e_shoff = sections;
	table.head.e_shnum++;
	if (pwrite(fd, &table.head, sizeof(table.head), 0) != sizeof(table.head))
		return errno ? -errno : -EIO;
	return 0;
}
