/*
 * test_elf.c - core/elf.c, held against the loader's own view of real libraries.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <dlfcn.h>
#include <elf.h>

#include "elf.h"

static struct link_map *map_of(const char *soname)
{
	struct link_map *map = dlopen(soname, RTLD_NOW);

	assert_non_null(map);
	return map;
}

static void symbols_are_those_that_dlsym_finds(void **state)
{
	static const char *const names[] = { "dlopen",		"dlmopen", "dl_iterate_phdr",
					     "_dl_find_object", "malloc",  "gnu_get_libc_version",
					     "pthread_create" };
	struct link_map *libc = map_of("libc.so.6");
	struct lgr_elf elf;

	lgr_elf_init(&elf, libc->l_addr, libc->l_ld);
	assert_string_equal(elf.soname, "libc.so.6");
	for (size_t i = 0; i < LGR_COUNT(names); i++)
		assert_int_equal(lgr_elf_symbol(&elf, names[i]), dlsym(libc, names[i]));
	assert_int_equal(lgr_elf_symbol(&elf, "no_such_symbol_anywhere"), 0);
}

static void an_ifunc_is_resolved(void **state)
{
	struct link_map *libc = map_of("libc.so.6");
	struct lgr_elf elf;

	lgr_elf_init(&elf, libc->l_addr, libc->l_ld);
	assert_int_equal(lgr_elf_symbol(&elf, "memcpy"), dlsym(libc, "memcpy"));
}

static void an_old_version_is_not_the_default(void **state)
{
	struct link_map *libc = map_of("libc.so.6");
	struct lgr_elf elf;

	/* Defined with the version GLIBC_2.12 and older, hidden: a new reference cannot bind to it. */
	lgr_elf_init(&elf, libc->l_addr, libc->l_ld);
	assert_non_null(dlvsym(libc, "_sys_errlist", "GLIBC_2.12"));
	assert_int_equal(lgr_elf_symbol(&elf, "_sys_errlist"), 0);
}

static void unique_symbols_are_seen(void **state)
{
	struct link_map *cxx = map_of("libstdc++.so.6"), *libc = map_of("libc.so.6");
	struct lgr_elf elf;

	lgr_elf_init(&elf, cxx->l_addr, cxx->l_ld);
	assert_true(lgr_elf_has_unique(&elf));
	lgr_elf_init(&elf, libc->l_addr, libc->l_ld);
	assert_false(lgr_elf_has_unique(&elf));
}

struct slots {
	int all, jumps, finalize, right;
};

static bool count_slots(void *arg, const struct lgr_slot *slot)
{
	struct slots *n = arg;

	n->all++;
	n->jumps += slot->kind == LGR_SLOT_JUMP;
	if (strcmp(slot->name, "__cxa_finalize") == 0) {
		n->finalize++;
		n->right += *slot->at == (uintptr_t)dlsym(RTLD_DEFAULT, "__cxa_finalize");
	}
	return true;
}

static bool only_one(void *arg, const struct lgr_slot *slot)
{
	++*(int *)arg;
	return false;
}

static void slots_are_those_of_the_file(void **state)
{
	struct link_map *cxx = map_of("libstdc++.so.6");
	struct slots n = { 0 };
	struct lgr_elf elf;
	char line[64] = "", command[512];
	int once = 0;
	FILE *p;

	lgr_elf_init(&elf, cxx->l_addr, cxx->l_ld);
	lgr_elf_slots(&elf, LGR_SLOTS_OF_GOT, count_slots, &n);
	assert_true(n.finalize >= 1 && n.finalize == n.right);
	snprintf(command, sizeof(command), "readelf -rW %s | grep -cE 'GLOB_DAT|JUMP_SLO'",
		 cxx->l_name);
	p = popen(command, "r");
	assert_non_null(p);
	assert_non_null(fgets(line, sizeof(line), p));
	pclose(p);
	assert_int_equal(n.all, atoi(line));
	lgr_elf_slots(&elf, LGR_SLOTS_OF_GOT, only_one, &once);
	assert_int_equal(once, 1);
}

static void the_build_id_is_the_file_s(void **state)
{
	struct link_map *libc = map_of("libc.so.6");
	char line[256] = "", command[512], hex[128] = "";
	struct dl_find_object found;
	const ElfW(Phdr) *headers;
	uint8_t id[64];
	size_t n, len;
	FILE *p;

	assert_int_equal(_dl_find_object((void *)libc->l_ld, &found), 0);
	headers = lgr_elf_headers((uintptr_t)found.dlfo_map_start, (uintptr_t)found.dlfo_map_end,
				  &n);
	assert_non_null(headers);
	len = lgr_elf_build_id(libc->l_addr, headers, n, id, sizeof(id));
	for (size_t i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02x", id[i]);
	snprintf(command, sizeof(command), "readelf -n %s | sed -n 's/.*Build ID: //p'",
		 libc->l_name);
	p = popen(command, "r");
	assert_non_null(p);
	assert_non_null(fgets(line, sizeof(line), p));
	pclose(p);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(hex, line);
	assert_int_equal(lgr_elf_build_id(libc->l_addr, headers, n, id, 4), 4);
}

static void what_is_no_elf_header_has_no_program_headers(void **state)
{
	static ElfW(Ehdr) page[64];
	uintptr_t at = (uintptr_t)page;
	size_t n;

	assert_null(lgr_elf_headers(0, 0, &n));
	assert_null(lgr_elf_headers(at, at + sizeof(page), &n));
	memcpy(page, ELFMAG, SELFMAG);
	page[0].e_phentsize = sizeof(ElfW(Phdr));
	page[0].e_phoff = sizeof(ElfW(Ehdr));
	page[0].e_phnum = 3;
	assert_non_null(lgr_elf_headers(at, at + sizeof(page), &n));
	assert_int_equal(n, 3);
	assert_null(
		lgr_elf_headers(at, at + sizeof(ElfW(Ehdr)), &n)); /* behind the mapping's end */
	page[0].e_phnum = 65535;
	assert_null(lgr_elf_headers(at, at + sizeof(page), &n));
}

/* A note that claims to be longer than its segment must not be believed. */
static void a_broken_note_is_not_followed(void **state)
{
	static struct {
		ElfW(Nhdr) head;
		char name[4];
		uint8_t id[8];
	} note = { { 4, 8, NT_GNU_BUILD_ID }, "GNU", { 1, 2, 3, 4, 5, 6, 7, 8 } };
	ElfW(Phdr) h = { .p_type = PT_NOTE,
			 .p_vaddr = (uintptr_t)&note,
			 .p_memsz = sizeof(note),
			 .p_align = 4 };
	uint8_t id[64];

	assert_int_equal(lgr_elf_build_id(0, &h, 1, id, sizeof(id)), 8);
	note.head.n_descsz = UINT32_MAX;
	assert_int_equal(lgr_elf_build_id(0, &h, 1, id, sizeof(id)), 0);
	note.head.n_descsz = 8;
	note.head.n_namesz = UINT32_MAX - 2;
	assert_int_equal(lgr_elf_build_id(0, &h, 1, id, sizeof(id)), 0);
	h.p_memsz = 5;
	assert_int_equal(lgr_elf_build_id(0, &h, 1, id, sizeof(id)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symbols_are_those_that_dlsym_finds),
		cmocka_unit_test(an_ifunc_is_resolved),
		cmocka_unit_test(an_old_version_is_not_the_default),
		cmocka_unit_test(unique_symbols_are_seen),
		cmocka_unit_test(slots_are_those_of_the_file),
		cmocka_unit_test(the_build_id_is_the_file_s),
		cmocka_unit_test(what_is_no_elf_header_has_no_program_headers),
		cmocka_unit_test(a_broken_note_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
