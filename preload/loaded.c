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

/*
 * ld.so, the vDSO, a sanitizer's runtime: bindings of theirs are never touched, nor what they define. What a
 * sanitizer has put into a program is the program's.
 */
static bool is_untouchable(const struct lgr_object *object, const struct lgr_elf *elf)
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

const struct lgr_elf *lgr_loaded_elf(const struct lgr_object *object, struct lgr_elf *room)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);
	const struct link_map *map = lgr_map_of(object);

	if (indexed)
		return &indexed->elf;
	lgr_elf_init(room, map->l_addr, map->l_ld);
	return room;
}

void lgr_loaded_of(const struct lgr_object *object, struct lgr_loaded *ret)
{
	const struct lgr_elf *elf = lgr_loaded_elf(object, &ret->elf);

	if (elf != &ret->elf)
		ret->elf = *elf;
	ret->untouchable = ret->no_slots = false;
	ret->header_count = 0;
	if (lgr_is(object, LGR_FL_MAIN))
		ret->headers = lgr_loaded_program(&ret->header_count);
	else
		ret->headers = lgr_elf_headers(object->lo, object->hi, &ret->header_count);
}

bool lgr_loaded_index(struct lgr_object *object)
{
	struct lgr_loaded image;

	if (lgr_indexed_of(object))
		return true;
	lgr_loaded_of(object, &image);
	image.untouchable = is_untouchable(object, &image.elf);
	image.no_slots = lgr_map_of(object) == lgr_libc.self;
	return lgr_index_add(object, &image);
}
