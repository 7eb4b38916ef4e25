/*
 * test_elf_file.c - the command's reader of ELF headers, on files nobody would link.
 *
 * Includes the file under test, which is part of the command and not of core. The image is this
 * test itself, changed; the reader refuses to go past its end, and the image ends where the
 * allocation does, so a sanitizer sees what goes further.
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/elf.c"

#include <fcntl.h>
#include <sys/stat.h>

struct image_bytes {
	uint8_t *at;
	size_t size;
	size_t reads;
};

static int read_bytes(void *arg, uint64_t at, void *buf, size_t n)
{
	struct image_bytes *bytes = arg;

	bytes->reads++;
	if (at > bytes->size || n > bytes->size - at)
		return -EIO;
	memcpy(buf, bytes->at + at, n);
	return 0;
}

static void load_self(struct image_bytes *bytes)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	bytes->size = (size_t)st.st_size;
	bytes->at = malloc(bytes->size);
	assert_int_equal(lgr_read_fd(&fd, 0, bytes->at, bytes->size), 0);
	close(fd);
}

static void a_program_is_read(void **state)
{
	struct lgr_elf_file elf;
	struct image_bytes self;

	load_self(&self);
	assert_int_equal(lgr_elf_file_read(read_bytes, &self, &elf), 0);
	assert_int_equal(elf.linkage, LGR_LINK_DYNAMIC);
	assert_int_equal(elf.elf_class, ELFCLASS64);
	assert_false(elf.foreign);
	assert_non_null(strstr(elf.interp, "/ld"));
	free(self.at);
}

static void what_is_no_elf_file_is_told_from_a_damaged_one(void **state)
{
	struct lgr_elf_file elf;
	struct image_bytes text = { .at = (uint8_t *)strdup("#!/bin/sh\nexit 0\n# long enough\n"),
				    .size = 31 };
	struct image_bytes self;

	assert_int_equal(lgr_elf_file_read(read_bytes, &text, &elf), -ENOEXEC);
	text.size = 3;
	assert_int_equal(lgr_elf_file_read(read_bytes, &text, &elf), -ENOEXEC);
	text.size = 0;
	assert_int_equal(lgr_elf_file_read(read_bytes, &text, &elf), -ENOEXEC);
	free(text.at);
	load_self(&self);
	self.size = 40;
	assert_int_equal(lgr_elf_file_read(read_bytes, &self, &elf), -EBADMSG);
	free(self.at);
}

static void a_foreign_machine_is_described(void **state)
{
	struct lgr_elf_file elf;
	struct image_bytes self;
	char text[64];

	load_self(&self);
	self.at[EI_CLASS] = ELFCLASS32;
	self.at[18] = EM_386;
	self.at[19] = 0;
	assert_int_equal(lgr_elf_file_read(read_bytes, &self, &elf), 0);
	assert_true(elf.foreign);
	assert_string_equal(lgr_elf_file_describe(&elf, text, sizeof(text)), "32-bit x86");
	free(self.at);
}

static void an_end_at_any_byte_is_survived(void **state)
{
	struct lgr_elf_file elf;
	struct image_bytes self;

	load_self(&self);
	for (size_t size = 0; size < 8192 && size < self.size; size++) {
		struct image_bytes cut = { .at = malloc(size ? size : 1), .size = size };
		uint64_t at;

		memcpy(cut.at, self.at, size);
		lgr_elf_file_read(read_bytes, &cut, &elf);
		lgr_elf_find_note(read_bytes, &cut, 0, "GNU", NT_GNU_BUILD_ID, 20, &at);
		lgr_elf_file_defines(read_bytes, &cut, "main");
		free(cut.at);
	}
	free(self.at);
}

/* Any two bytes of the headers hold the values that overflow, wrap or point to the end. */
static void the_worst_value_in_any_field_is_survived(void **state)
{
	static const uint64_t worst[] = {
		UINT64_MAX,	    0, 1, INT64_MAX, 0x8000000000000000u, 0xfffffffffffff000u,
		0x0000fffe0000fffeu
	};
	struct image_bytes self;
	uint8_t saved[8];

	load_self(&self);
	for (size_t at = EI_CLASS; at + 8 < 4096; at += 2) {
		memcpy(saved, self.at + at, 8);
		for (size_t i = 0; i < sizeof(worst) / sizeof(worst[0]); i++) {
			struct lgr_elf_file elf;
			uint64_t note;

			memcpy(self.at + at, &worst[i], 8);
			self.reads = 0;
			lgr_elf_file_read(read_bytes, &self, &elf);
			lgr_elf_find_note(read_bytes, &self, 0, "GNU", NT_GNU_BUILD_ID, 20, &note);
			assert_true(self.reads < 3000); /* and in bounded time */
		}
		memcpy(self.at + at, saved, 8);
	}
	free(self.at);
}

/* One note segment: an entry of another name, then ours. */
static size_t build_notes(uint8_t *to, uint32_t names, uint32_t descs)
{
	Elf64_Nhdr other = { names, descs, 1 }, ours = { 7, 8, 1 };
	size_t n = 0;

	memcpy(to, &other, sizeof(other));
	n += sizeof(other);
	memcpy(to + n, "GNU\0\1\2\3\4", 8);
	n += 8;
	memcpy(to + n, &ours, sizeof(ours));
	n += sizeof(ours);
	memcpy(to + n, "linger\0\0", 8);
	return n + 8 + 8;
}

static void load_library(struct image_bytes *bytes)
{
	static const char *const paths[] = { "/lib/x86_64-linux-gnu/libc.so.6",
					     "/lib/aarch64-linux-gnu/libc.so.6",
					     "/lib64/libc.so.6" };
	struct stat st;
	int fd = -1;

	for (size_t i = 0; fd < 0 && i < sizeof(paths) / sizeof(paths[0]); i++)
		fd = open(paths[i], O_RDONLY);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	bytes->size = (size_t)st.st_size;
	bytes->at = malloc(bytes->size);
	assert_int_equal(lgr_read_fd(&fd, 0, bytes->at, bytes->size), 0);
	close(fd);
}

static void what_a_file_defines_for_others(void **state)
{
	struct image_bytes libc, text = { .at = (uint8_t *)strdup("#!/bin/sh"), .size = 9 };

	load_library(&libc);
	assert_int_equal(lgr_elf_file_defines(read_bytes, &libc, "malloc"), 1);
	assert_int_equal(lgr_elf_file_defines(read_bytes, &libc, "strlen"), 1); /* an IFUNC */
	assert_int_equal(lgr_elf_file_defines(read_bytes, &libc, "no_such_function"), 0);
	assert_int_equal(lgr_elf_file_defines(read_bytes, &libc, "mallo"), 0);
	assert_int_equal(lgr_elf_file_defines(read_bytes, &libc, ""), 0);
	assert_int_equal(lgr_elf_file_defines(read_bytes, &libc, "__tls_get_addr"),
			 0);						       /* ld.so's */
	assert_int_equal(lgr_elf_file_defines(read_bytes, &libc, "errno"), 0); /* thread-local */
	((Elf64_Ehdr *)libc.at)->e_shnum = 0;
	assert_int_equal(lgr_elf_file_defines(read_bytes, &libc, "malloc"), -ENOENT);
	assert_int_equal(lgr_elf_file_defines(read_bytes, &text, "malloc"), -ENOEXEC);
	free(libc.at);
	free(text.at);
}

/* The same for each field of the table of sections. */
static void the_worst_value_in_any_section_is_survived(void **state)
{
	static const uint64_t worst[] = { UINT64_MAX, 0, 1, INT64_MAX, 0x10000000u };
	struct image_bytes self;
	uint64_t from, to;
	uint8_t saved[8];

	load_self(&self);
	from = ((Elf64_Ehdr *)self.at)->e_shoff;
	to = from + ((Elf64_Ehdr *)self.at)->e_shnum * sizeof(Elf64_Shdr);
	assert_true(from && to <= self.size);
	for (uint64_t at = from; at + 8 <= to; at += 4) {
		memcpy(saved, self.at + at, 8);
		for (size_t i = 0; i < sizeof(worst) / sizeof(worst[0]); i++) {
			memcpy(self.at + at, &worst[i], 8);
			lgr_elf_file_defines(read_bytes, &self, "main");
		}
		memcpy(self.at + at, saved, 8);
	}
	free(self.at);
}

static void a_note_is_found_behind_others(void **state)
{
	uint8_t notes[64] = { 0 };
	size_t n = build_notes(notes, 4, 4), at = 0, eight = 8, four = 4, any = 0;

	assert_true(find_note((char *)notes, n, 4, "linger", 1, &eight, &at));
	assert_int_equal(at, 12 + 8 + 12 + 8);
	at = 0;
	assert_true(find_note((char *)notes, n, 4, "linger", 1, &any, &at));
	assert_int_equal(any, 8);
	at = 0;
	assert_false(find_note((char *)notes, n, 4, "linger", 2, &eight, &at));
	at = 0;
	assert_false(find_note((char *)notes, n, 4, "linger", 1, &four, &at));
	at = 0;
	assert_false(find_note((char *)notes, n - 1, 4, "linger", 1, &eight, &at));
}

static void sizes_in_notes_cannot_lead_outside(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 5, 100, 0x7fffffff, 0xfffffff0, 0xffffffff };
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);

	for (size_t i = 0; i < count * count; i++) {
		uint8_t built[64] = { 0 };
		size_t n = build_notes(built, sizes[i % count], sizes[i / count]), at;
		uint8_t *notes = malloc(n);

		memcpy(notes, built, n);
		for (size_t align = 4; align <= 8; align += 4) {
			size_t size = 8;

			at = 0;
			if (find_note((char *)notes, n, align, "linger", 1, &size, &at))
				assert_true(at <= n - 8);
		}
		free(notes);
	}
}

static void sanitizers_are_known_by_name(void **state)
{
	static const char *const yes[] = { "libasan.so.8", "/usr/lib/libtsan.so.2", "liblsan.so.0",
					   "libclang_rt.asan-x86_64.so" };
	static const char *const no[] = {
		"", "/", "libasanity.so", "libasan.so.8/x.so", "asan.so", "libubsan.so.1"
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(lgr_is_sanitizer(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(lgr_is_sanitizer(no[i], strlen(no[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_is_read),
		cmocka_unit_test(what_is_no_elf_file_is_told_from_a_damaged_one),
		cmocka_unit_test(a_foreign_machine_is_described),
		cmocka_unit_test(an_end_at_any_byte_is_survived),
		cmocka_unit_test(the_worst_value_in_any_field_is_survived),
		cmocka_unit_test(what_a_file_defines_for_others),
		cmocka_unit_test(the_worst_value_in_any_section_is_survived),
		cmocka_unit_test(a_note_is_found_behind_others),
		cmocka_unit_test(sizes_in_notes_cannot_lead_outside),
		cmocka_unit_test(sanitizers_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
