/*
 * test_image.c - core/image.c: ELF files on disk, as linkers make them and as nobody would.
 *
 * The files are in memory (memfd). The broken ones are this test itself, with bytes changed: a sanitizer
 * sees what is read or written where it must not be.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image.h"

#define ID "\x01\x02\x03\x04\x05\x06\x07\x08"

/* A file with what the tests need of one, and nothing else. */
struct made {
	Elf64_Ehdr head;
	Elf64_Phdr segment[2]; /* LOAD, DYNAMIC */
	Elf64_Dyn dynamic[4];
	char strings[64];
	struct {
		Elf64_Nhdr head;
		char name[4], id[8];
	} note;
	char link[16];
	char names[64];
	Elf64_Shdr section[5]; /* none, names, note, link, symbols */
};

static struct made make(void)
{
	struct made m = {
		.head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_DYN,
			  .e_phoff = offsetof(struct made, segment),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 2,
			  .e_shoff = offsetof(struct made, section),
			  .e_shentsize = sizeof(Elf64_Shdr),
			  .e_shnum = 5,
			  .e_shstrndx = 1 },
		.segment = { { .p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof(m) },
			     { .p_type = PT_DYNAMIC,
			       .p_offset = offsetof(struct made, dynamic),
			       .p_filesz = sizeof(m.dynamic) } },
		.dynamic = { { .d_tag = DT_RUNPATH, .d_un.d_val = 1 },
			     { .d_tag = DT_STRTAB,
			       .d_un.d_ptr = 0x1000 + offsetof(struct made, strings) },
			     { .d_tag = DT_NULL } },
		.strings = "\0/opt/lib",
		.note = { { 4, 8, NT_GNU_BUILD_ID }, "GNU", ID },
		.link = "p.debug\0\xef\xbe\xad\xde",
		.names = "\0.note.gnu.build-id\0.gnu_debuglink",
		.section = { [1] = { .sh_offset = offsetof(struct made, names) },
			     [2] = { .sh_type = SHT_NOTE,
				     .sh_addralign = 4,
				     .sh_flags = SHF_ALLOC,
				     .sh_offset = offsetof(struct made, note),
				     .sh_size = sizeof(m.note) },
			     [3] = { .sh_type = SHT_PROGBITS,
				     .sh_name = 20,
				     .sh_offset = offsetof(struct made, link),
				     .sh_size = 12 },
			     [4] = { .sh_type = SHT_SYMTAB } },
	};

	return m;
}

static bool read_bytes(const void *bytes, size_t n, struct lgr_image *ret)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	bool r;

	assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	r = lgr_image_read(fd, ret);
	close(fd);
	return r;
}

static void what_stands_in_it_is_found(void **state)
{
	struct made m = make();
	struct lgr_image image;

	assert_true(read_bytes(&m, sizeof(m), &image));
	assert_int_equal(image.build_id_len, 8);
	assert_memory_equal(image.build_id, ID, 8);
	assert_true(image.symbols);
	assert_false(image.relative);
	assert_string_equal(image.debug_name, "p.debug");
	assert_int_equal(image.debug_crc, 0xdeadbeef);
}

static void what_does_not_is_not(void **state)
{
	struct made m = make();
	struct lgr_image image;

	m.head.e_shnum = 0;
	assert_true(read_bytes(&m, sizeof(m), &image));
	assert_int_equal(image.build_id_len, 0);
	assert_false(image.symbols);
	assert_string_equal(image.debug_name, "");
	/* Without sections the segments have it. */
	m.segment[0].p_type = PT_NOTE;
	m.segment[0].p_offset = offsetof(struct made, note);
	m.segment[0].p_filesz = sizeof(m.note);
	assert_true(read_bytes(&m, sizeof(m), &image));
	assert_int_equal(image.build_id_len, 8);
}

static void a_path_relative_to_the_file_is_seen(void **state)
{
	static const char *const relative[] = { "$ORIGIN", "/a:${ORIGIN}/../lib", "x$ORIGIN" };
	struct made m = make();
	struct lgr_image image;

	for (size_t i = 0; i < LGR_COUNT(relative); i++) {
		strcpy(m.strings + 1, relative[i]);
		assert_true(read_bytes(&m, sizeof(m), &image));
		assert_true(image.relative);
	}
	strcpy(m.strings + 1, "/origin/$LIB");
	assert_true(read_bytes(&m, sizeof(m), &image));
	assert_false(image.relative);
}

static void a_debug_link_is_a_bare_name(void **state)
{
	static const char bad[][16] = { "../a\0\0\0\0abc", "/abs\0\0\0\0abc", "no end of it" };
	struct made m = make();
	struct lgr_image image;

	for (size_t i = 0; i < LGR_COUNT(bad); i++) {
		memcpy(m.link, bad[i], sizeof(m.link));
		assert_true(read_bytes(&m, sizeof(m), &image));
		assert_string_equal(image.debug_name, "");
	}
}

static void what_is_no_elf_file_is_refused(void **state)
{
	struct made m = make();
	struct lgr_image image;

	assert_false(read_bytes("", 0, &image));
	assert_false(read_bytes("\177ELF", 4, &image));
	assert_false(read_bytes(&m, sizeof(m.head) - 1, &image));
	m.head.e_ident[EI_CLASS] = ELFCLASS32;
	assert_false(read_bytes(&m, sizeof(m), &image));
	m = make();
	m.head.e_ident[0] = 'x';
	assert_false(read_bytes(&m, sizeof(m), &image));
	assert_false(lgr_image_read(-1, &image));
}

/* Whatever is wrong with it: it ends, and no byte is read or written where none is. */
static void anything_may_be_wrong_with_it(void **state)
{
	struct lgr_image image;
	uint32_t seed = 1;

	for (int i = 0; i < 20000; i++) {
		struct made m = make();
		size_t n = sizeof(m);

		for (int k = 0; k < 1 + i % 4; k++) {
			seed = seed * 1664525 + 1013904223;
			((uint8_t *)&m)[(seed >> 8) % sizeof(m)] =
				(uint8_t)(seed >> 4 & 1 ? 0xff : seed >> 24);
		}
		if (i % 8 == 0)
			n = (seed >> 8) % sizeof(m);
		read_bytes(&m, n, &image);
		assert_true(image.build_id_len <= LGR_BUILD_ID_MAX);
		assert_non_null(memchr(image.debug_name, 0, sizeof(image.debug_name)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_in_it_is_found),
		cmocka_unit_test(what_does_not_is_not),
		cmocka_unit_test(a_path_relative_to_the_file_is_seen),
		cmocka_unit_test(a_debug_link_is_a_bare_name),
		cmocka_unit_test(what_is_no_elf_file_is_refused),
		cmocka_unit_test(anything_may_be_wrong_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
