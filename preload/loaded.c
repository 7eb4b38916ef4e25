/*
 * loaded.c - what of an object's image is of interest. See loaded.h.
 *
 * Owns: where the program's headers are, written at start.
 * SPDX-License-Identifier: MIT
 */
#include "loaded.h"

#include "copied.h"
#include "probe.h"
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

/* l_phdr, and l_phnum two words behind: what is known of the program, and of the shim by its first page. */
static bool are_headers(uint32_t offset, const void *arg)
{
	const struct lgr_loaded *shim = arg;
	const char *at = (const char *)lgr_libc.head + offset;
	const char *own = (const char *)lgr_libc.self + offset;

	return *(const ElfW(Phdr) *const *)at == main_headers &&
	       *(const uint16_t *)(at + 16) == main_header_count &&
	       *(const ElfW(Phdr) *const *)own == shim->headers &&
	       *(const uint16_t *)(own + 16) == shim->header_count;
}

/* The field's offset; 0: not found. */
static uint32_t find_field(void)
{
	struct dl_find_object found;
	struct lgr_loaded shim;

	if (!main_headers || lgr_libc.find_object(lgr_libc.self->l_ld, &found) != 0)
		return 0;
	shim.headers = lgr_elf_headers((uintptr_t)found.dlfo_map_start,
				       (uintptr_t)found.dlfo_map_end, &shim.header_count);
	return shim.headers ? lgr_fields_only(are_headers, &shim) : 0;
}

const ElfW(Phdr) *lgr_loaded_headers(const struct link_map *map, uintptr_t lo, uintptr_t hi,
				     size_t *ret_n)
{
	static uint32_t field;
	static bool sought;
	const ElfW(Phdr) *h = lgr_elf_headers(lo, hi, ret_n);

	if (h)
		return h;
	if (!sought)
		field = find_field();
	sought = true;
	h = field ? *(const ElfW(Phdr) *const *)((const char *)map + field) : NULL;
	*ret_n = h ? *(const uint16_t *)((const char *)map + field + 16) : 0;
	return h;
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
	ret->copied = NULL;
	ret->copies = ret->copied_room = 0;
	ret->header_count = 0;
	if (lgr_is(object, LGR_FL_MAIN))
		ret->headers = lgr_loaded_program(&ret->header_count);
	else
		ret->headers = lgr_loaded_headers(lgr_map_of(object), object->lo, object->hi,
						  &ret->header_count);
}

bool lgr_loaded_index(struct lgr_object *object)
{
	struct lgr_loaded image;
	bool done;

	if (lgr_indexed_of(object))
		return true;
	lgr_loaded_of(object, &image);
	/* Without headers nobody knows what is read-only, or code. */
	image.untouchable = !image.headers || is_untouchable(object, &image.elf);
	image.no_slots = lgr_map_of(object) == lgr_libc.self;
	done = !lgr_is(object, LGR_FL_MAIN) || lgr_copied_find(&image);
	done = done && lgr_index_add(object, &image);
	lgr_copied_done(&image);
	return done;
}
