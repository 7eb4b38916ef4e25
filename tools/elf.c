/*
 * elf.c - reads the headers of an ELF file, or of an ELF image in another process.
 *
 * Owns no state. What is read was written by strangers: every offset, size and count in it is
 * checked or bounded before use, and a reader fails rather than reads past an end.
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "tool.h"

/* No real file comes near these; they bound the work a hostile one can cause. */
#define PHDRS_MAX 1024u
#define DYN_MAX 65536u
#define NOTE_MAX 65536u
#define STRINGS_MAX (256u << 20)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_DATA ELFDATA2LSB
#else
#define OWN_DATA ELFDATA2MSB
#endif

int lgr_read_fd(void *arg, uint64_t at, void *buf, size_t n)
{
	const int *fd = arg;
	char *to = buf;

	if (at > INT64_MAX || n > INT64_MAX - at)
		return -EIO;
	while (n) {
		ssize_t got = pread(*fd, to, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* The program headers of one image; phdr is this struct's own. */
struct image {
	lgr_reader read;
	void *arg;
	Elf64_Ehdr head;
	Elf64_Phdr *phdr;
	size_t phdrs;
};

static void image_deinit(struct image *image)
{
	free(image->phdr);
}

static int image_read_phdrs(struct image *image, uint64_t base)
{
	const Elf64_Ehdr *head = &image->head;

	image->phdrs = head->e_phnum;
	if (image->phdrs == 0)
		return 0;
	if (head->e_phentsize != sizeof(Elf64_Phdr) || image->phdrs > PHDRS_MAX)
		return -EBADMSG;
	image->phdr = calloc(image->phdrs, sizeof(Elf64_Phdr));
	if (!image->phdr)
		return -ENOMEM;
	return image->read(image->arg, base + head->e_phoff, image->phdr,
			   image->phdrs * sizeof(Elf64_Phdr));
}

/* Runtimes whose interceptors must come before everything else, or that abort when they do not. */
bool lgr_is_sanitizer(const char *name, size_t n)
{
	static const char *const runtimes[] = {
		"libasan.so",	    "liblsan.so",	"libtsan.so",	    "libhwasan.so",
		"libclang_rt.asan", "libclang_rt.lsan", "libclang_rt.tsan", "libclang_rt.hwasan",
	};
	const char *slash = memrchr(name, '/', n);

	if (slash) {
		n -= (size_t)(slash + 1 - name);
		name = slash + 1;
	}
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		size_t len = strlen(runtimes[i]);

		if (n >= len && !memcmp(name, runtimes[i], len))
			return true;
	}
	return false;
}

/* Where the byte at virtual address @vaddr stands in the file. */
static bool file_offset(const struct image *image, uint64_t vaddr, uint64_t *ret)
{
	for (size_t i = 0; i < image->phdrs; i++) {
		const Elf64_Phdr *p = &image->phdr[i];

		if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr &&
		    vaddr - p->p_vaddr < p->p_filesz) {
			*ret = p->p_offset + (vaddr - p->p_vaddr);
			return true;
		}
	}
	return false;
}

/* What is wanted of a dynamic section. */
struct dynamic {
	Elf64_Dyn *entry;
	size_t entries;
	char *strings; /* the string table; its last byte is a NUL */
	uint64_t strings_size;
};

static void dynamic_deinit(struct dynamic *dynamic)
{
	free(dynamic->entry);
	free(dynamic->strings);
}

static const char *string_at(const struct dynamic *dynamic, uint64_t at)
{
	return at < dynamic->strings_size ? dynamic->strings + at : "";
}

/* Reads the entries up to DT_NULL, and the string table. False: there is nothing to use. */
static bool load_dynamic(const struct image *image, const Elf64_Phdr *p, struct dynamic *ret)
{
	size_t n = p->p_filesz / sizeof(*ret->entry);
	uint64_t table = 0, size = 0;
	bool found = false;

	if (n == 0 || n > DYN_MAX)
		return false;
	ret->entry = calloc(n, sizeof(*ret->entry));
	if (!ret->entry ||
	    image->read(image->arg, p->p_offset, ret->entry, n * sizeof(*ret->entry)) < 0)
		return false;
	for (; ret->entries < n && ret->entry[ret->entries].d_tag != DT_NULL; ret->entries++) {
		const Elf64_Dyn *dyn = &ret->entry[ret->entries];

		if (dyn->d_tag == DT_STRTAB)
			found = file_offset(image, dyn->d_un.d_ptr, &table);
		else if (dyn->d_tag == DT_STRSZ)
			size = dyn->d_un.d_val;
	}
	if (!found || size == 0 || size > STRINGS_MAX)
		return true;
	ret->strings = malloc(size);
	if (!ret->strings || image->read(image->arg, table, ret->strings, size) < 0)
		return true;
	ret->strings[size - 1] = '\0';
	ret->strings_size = size;
	return true;
}

/* What the dynamic section says: DT_SONAME, the sanitizer among DT_NEEDED, DF_1_PIE. */
static void read_dynamic(const struct image *image, const Elf64_Phdr *p, struct lgr_elf_file *elf,
			 bool *ret_pie)
{
	_cleanup_(dynamic_deinit) struct dynamic dynamic = { 0 };

	if (!load_dynamic(image, p, &dynamic))
		return;
	for (size_t i = 0; i < dynamic.entries; i++) {
		const Elf64_Dyn *dyn = &dynamic.entry[i];
		const char *string = string_at(&dynamic, dyn->d_un.d_val);

		if (dyn->d_tag == DT_SONAME)
			snprintf(elf->soname, sizeof(elf->soname), "%s", string);
		else if (dyn->d_tag == DT_FLAGS_1)
			*ret_pie = dyn->d_un.d_val & DF_1_PIE;
		else if (dyn->d_tag == DT_NEEDED && !elf->sanitizer[0] &&
			 lgr_is_sanitizer(string, strlen(string)))
			snprintf(elf->sanitizer, sizeof(elf->sanitizer), "%.*s",
				 (int)sizeof(elf->sanitizer) - 1, string);
	}
}

static int read_interp(const struct image *image, const Elf64_Phdr *p, struct lgr_elf_file *elf)
{
	/* The kernel's own rule: 2 bytes to PATH_MAX, the last one a NUL. */
	if (p->p_filesz < 2 || p->p_filesz > sizeof(elf->interp))
		return -EBADMSG;
	if (image->read(image->arg, p->p_offset, elf->interp, p->p_filesz) < 0 ||
	    elf->interp[p->p_filesz - 1])
		return -EBADMSG;
	return 0;
}

static int read_segments(const struct image *image, struct lgr_elf_file *elf)
{
	bool interp = false, load = false, pie = false;
	int r;

	for (size_t i = 0; i < image->phdrs; i++) {
		const Elf64_Phdr *p = &image->phdr[i];

		if (p->p_type == PT_LOAD) {
			load = true;
		} else if (p->p_type == PT_DYNAMIC) {
			read_dynamic(image, p, elf, &pie);
		} else if (p->p_type == PT_INTERP && !interp) {
			r = read_interp(image, p, elf);
			if (r < 0)
				return r;
			interp = true;
		}
	}
	if (!load || (image->head.e_type != ET_EXEC && image->head.e_type != ET_DYN))
		elf->linkage = LGR_LINK_NONE;
	else if (interp)
		elf->linkage = LGR_LINK_DYNAMIC;
	else if (image->head.e_type == ET_EXEC)
		elf->linkage = LGR_LINK_STATIC;
	else
		elf->linkage = pie ? LGR_LINK_STATIC_PIE : LGR_LINK_LIBRARY;
	return 0;
}

/* Class, byte order and machine, which stand at the same place in every ELF file. */
static int read_kind(const Elf64_Ehdr *head, struct lgr_elf_file *elf)
{
	if (memcmp(head->e_ident, ELFMAG, SELFMAG))
		return -ENOEXEC;
	elf->elf_class = head->e_ident[EI_CLASS];
	elf->data = head->e_ident[EI_DATA];
	if ((elf->elf_class != ELFCLASS32 && elf->elf_class != ELFCLASS64) ||
	    (elf->data != ELFDATA2LSB && elf->data != ELFDATA2MSB))
		return -EBADMSG;
	elf->machine = head->e_machine;
	if (elf->data != OWN_DATA)
		elf->machine = __builtin_bswap16(elf->machine);
	elf->foreign = elf->elf_class != ELFCLASS64 || elf->data != OWN_DATA;
	return 0;
}

int lgr_elf_file_read(lgr_reader read, void *arg, struct lgr_elf_file *ret)
{
	_cleanup_(image_deinit) struct image image = { .read = read, .arg = arg };
	int r;

	memset(ret, 0, sizeof(*ret));
	/* The header of a 32-bit file is shorter; a file may end behind it. */
	r = read(arg, 0, &image.head, EI_NIDENT + 4);
	if (r < 0)
		return r == -EIO ? -ENOEXEC : r;
	r = read_kind(&image.head, ret);
	if (r < 0 || ret->foreign)
		return r;
	r = read(arg, 0, &image.head, sizeof(image.head));
	if (r >= 0)
		r = image_read_phdrs(&image, 0);
	if (r >= 0)
		r = read_segments(&image, ret);
	return r == -EIO ? -EBADMSG : r;
}

/* Reads the @size bytes at @at of the file; NULL: not there, or too many. Allocated, one NUL more. */
static char *read_bytes_at(const struct image *image, uint64_t at, uint64_t size)
{
	char *bytes = size <= STRINGS_MAX ? calloc(1, size + 1) : NULL;

	if (bytes && image->read(image->arg, at, bytes, size) < 0) {
		free(bytes);
		bytes = NULL;
	}
	return bytes;
}

/* Is it something that others can be bound to? */
static bool is_exported(const Elf64_Sym *symbol)
{
	unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);

	return symbol->st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL &&
	       ELF64_ST_TYPE(symbol->st_info) != STT_TLS &&
	       (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static int search_symbols(const struct image *image, const Elf64_Shdr *symbols,
			  const Elf64_Shdr *strings, const char *name)
{
	_cleanup_free_ char *table = read_bytes_at(image, symbols->sh_offset, symbols->sh_size);
	_cleanup_free_ char *text = read_bytes_at(image, strings->sh_offset, strings->sh_size);

	if (!table || !text)
		return -EBADMSG;
	for (size_t i = 0; i < symbols->sh_size / sizeof(Elf64_Sym); i++) {
		Elf64_Sym symbol;

		memcpy(&symbol, table + i * sizeof(symbol), sizeof(symbol));
		if (is_exported(&symbol) && symbol.st_name < strings->sh_size &&
		    !strcmp(text + symbol.st_name, name))
			return 1;
	}
	return 0;
}

int lgr_elf_file_defines(lgr_reader read, void *arg, const char *name)
{
	struct image image = { .read = read, .arg = arg };
	_cleanup_free_ char *table = NULL;
	struct lgr_elf_file kind;
	Elf64_Shdr section, strings;

	if (read(arg, 0, &image.head, sizeof(image.head)) < 0 ||
	    read_kind(&image.head, &kind) < 0 || kind.foreign)
		return -ENOEXEC;
	if (!image.head.e_shoff || !image.head.e_shnum ||
	    image.head.e_shentsize != sizeof(Elf64_Shdr))
		return -ENOENT;
	table = read_bytes_at(&image, image.head.e_shoff,
			      (uint64_t)image.head.e_shnum * sizeof(section));
	for (size_t i = 0; table && i < image.head.e_shnum; i++) {
		memcpy(&section, table + i * sizeof(section), sizeof(section));
		if (section.sh_type != SHT_DYNSYM || section.sh_link >= image.head.e_shnum)
			continue;
		memcpy(&strings, table + section.sh_link * sizeof(strings), sizeof(strings));
		return search_symbols(&image, &section, &strings, name);
	}
	return table ? -ENOENT : -EBADMSG;
}

/*
 * Finds a note in the bytes of one segment; both padded sizes are bounded by n before use.
 * @desc_size: the size wanted of its descriptor, or 0 for any; becomes that of the one found.
 */
static bool find_note(const char *notes, size_t n, size_t align, const char *name, uint32_t type,
		      size_t *desc_size, size_t *ret)
{
	size_t name_size = strlen(name) + 1;

	while (n >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr head;
		uint64_t desc, end;

		memcpy(&head, notes, sizeof(head));
		desc = (sizeof(head) + (uint64_t)head.n_namesz + align - 1) &
		       ~(uint64_t)(align - 1);
		end = (desc + head.n_descsz + align - 1) & ~(uint64_t)(align - 1);
		if (desc > n || head.n_descsz > n - desc)
			return false;
		if (head.n_type == type && head.n_namesz == name_size &&
		    (!*desc_size || head.n_descsz == *desc_size) &&
		    !memcmp(notes + sizeof(head), name, name_size)) {
			*ret += desc;
			*desc_size = head.n_descsz;
			return true;
		}
		if (end >= n)
			return false;
		notes += end;
		*ret += end;
		n -= end;
	}
	return false;
}

/* Looks in one PT_NOTE segment, which lies at @at in memory. */
static int read_note(const struct image *image, const Elf64_Phdr *p, uint64_t at, const char *name,
		     uint32_t type, size_t desc_size, uint64_t *ret_at)
{
	_cleanup_free_ char *notes = NULL;
	size_t offset = 0;

	if (p->p_memsz == 0 || p->p_memsz > NOTE_MAX)
		return -ENOENT;
	notes = malloc(p->p_memsz);
	if (!notes)
		return -ENOMEM;
	if (image->read(image->arg, at, notes, p->p_memsz) < 0 ||
	    !find_note(notes, p->p_memsz, p->p_align == 8 ? 8 : 4, name, type, &desc_size, &offset))
		return -ENOENT;
	*ret_at = at + offset;
	return 0;
}

/* Reads the headers of the image that begins at @base; @ret_bias: what its virtual addresses lack. */
static int image_open(struct image *image, uint64_t base, uint64_t *ret_bias)
{
	struct lgr_elf_file kind;
	int r;

	r = image->read(image->arg, base, &image->head, sizeof(image->head));
	if (r < 0)
		return r;
	if (read_kind(&image->head, &kind) < 0 || kind.foreign)
		return -ENOEXEC;
	r = image_read_phdrs(image, base);
	if (r < 0)
		return r == -EBADMSG ? -ENOEXEC : r;
	*ret_bias = base;
	for (size_t i = 0; i < image->phdrs; i++)
		if (image->phdr[i].p_type == PT_LOAD && image->phdr[i].p_offset == 0)
			*ret_bias = base - image->phdr[i].p_vaddr;
	return 0;
}

int lgr_elf_find_note(lgr_reader read, void *arg, uint64_t base, const char *name, uint32_t type,
		      size_t desc_size, uint64_t *ret_at)
{
	_cleanup_(image_deinit) struct image image = { .read = read, .arg = arg };
	uint64_t bias;
	int r;

	r = image_open(&image, base, &bias);
	if (r < 0)
		return r;
	for (size_t i = 0; i < image.phdrs; i++) {
		const Elf64_Phdr *p = &image.phdr[i];

		if (p->p_type != PT_NOTE)
			continue;
		r = read_note(&image, p, bias + p->p_vaddr, name, type, desc_size, ret_at);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

int lgr_elf_find_segment(lgr_reader read, void *arg, uint64_t base, uint32_t type, uint64_t *ret_at,
			 uint64_t *ret_size)
{
	_cleanup_(image_deinit) struct image image = { .read = read, .arg = arg };
	uint64_t bias;
	int r;

	r = image_open(&image, base, &bias);
	if (r < 0)
		return r;
	for (size_t i = 0; i < image.phdrs; i++) {
		if (image.phdr[i].p_type != type)
			continue;
		*ret_at = bias + image.phdr[i].p_vaddr;
		*ret_size = image.phdr[i].p_memsz;
		return 0;
	}
	return -ENOENT;
}

size_t lgr_elf_page_build_id(const char *page, size_t n, const char **ret)
{
	Elf64_Ehdr head;

	memcpy(&head, page, n < sizeof(head) ? n : sizeof(head));
	if (n < sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr))
		return 0;
	for (size_t i = 0; i < head.e_phnum; i++) {
		uint64_t at = head.e_phoff + i * sizeof(Elf64_Phdr);
		size_t offset = 0, size = 0;
		Elf64_Phdr p;

		if (at > n || n - at < sizeof(p))
			return 0;
		memcpy(&p, page + at, sizeof(p));
		if (p.p_type != PT_NOTE || p.p_offset > n || p.p_filesz > n - p.p_offset ||
		    !find_note(page + p.p_offset, p.p_filesz, p.p_align == 8 ? 8 : 4, "GNU",
			       NT_GNU_BUILD_ID, &size, &offset))
			continue;
		*ret = page + p.p_offset + offset;
		return size;
	}
	return 0;
}

const char *lgr_elf_file_describe(const struct lgr_elf_file *elf, char *buf, size_t n)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} machines[] = {
		{ EM_386, "x86" },
		{ EM_X86_64, "x86-64" },
		{ EM_ARM, "ARM" },
		{ EM_AARCH64, "AArch64" },
		{ EM_RISCV, "RISC-V" },
		{ EM_PPC, "PowerPC" },
		{ EM_PPC64, "PowerPC" },
		{ EM_S390, "S/390" },
		{ EM_MIPS, "MIPS" },
		{ EM_SPARC, "SPARC" },
		{ EM_SPARCV9, "SPARC" },
		{ EM_IA_64, "IA-64" },
		{ EM_LOONGARCH, "LoongArch" },
	};
	const char *order = elf->data == OWN_DATA      ? ""
			    : elf->data == ELFDATA2MSB ? "big-endian "
						       : "little-endian ";
	int bits = elf->elf_class == ELFCLASS64 ? 64 : 32;

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (machines[i].machine == elf->machine) {
			snprintf(buf, n, "%d-bit %s%s", bits, order, machines[i].name);
			return buf;
		}
	}
	snprintf(buf, n, "%d-bit %smachine number %u", bits, order, elf->machine);
	return buf;
}
