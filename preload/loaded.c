/*
 * loaded.c - what of an object's image is of interest. See loaded.h.
 *
 * Owns: where the program's headers are, written at start.
 * SPDX-License-Identifier: MIT
 */
#include "loaded.h"

#include "real.h"
#include "registry.h"

/*
 * A program whose segments are not contiguous has its header in another one than that found by its address
 * (elf/dl-find_object.c), so its headers are those that the kernel said.
 */
static const ElfW(Phdr) *main_headers;
static size_t main_header_count;

void lgr_loaded_note_program(const ElfW(Phdr) *headers, size_t n)
{
	main_headers = headers;
	main_header_count = n;
}

const ElfW(Phdr) *lgr_loaded_program(size_t *ret_n)
{
	*ret_n = main_header_count;
	return main_headers;
}

void lgr_loaded_of(const struct lgr_object *object, struct lgr_loaded *ret)
{
	const struct link_map *map = lgr_map_of(object);

	ret->header_count = 0;
	lgr_elf_init(&ret->elf, map->l_addr, map->l_ld);
	if (lgr_is(object, LGR_FL_MAIN))
		ret->headers = lgr_loaded_program(&ret->header_count);
	else
		ret->headers = lgr_elf_headers(object->lo, object->hi, &ret->header_count);
}

bool lgr_loaded_is_untouchable(const struct lgr_object *object, const struct lgr_elf *elf)
{
	static const char *const marks[] = { "__asan_init", "__tsan_init", "__msan_init",
					     "__hwasan_init", "__ubsan_on_report" };

	if (lgr_is(object, LGR_FL_VDSO) || lgr_map_of(object) == lgr_libc.ld_so)
		return true;
	for (size_t i = 0; i < LGR_COUNT(marks) && !lgr_is(object, LGR_FL_MAIN); i++)
		if (lgr_elf_find(elf, marks[i]))
			return true;
	return false;
}
