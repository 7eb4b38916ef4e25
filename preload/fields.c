/*
 * fields.c - the private fields of glibc's link map, by value. See fields.h; probe.c finds the rest.
 *
 * Owns: the offsets in lgr_region. The readers may be called from anywhere, for a map that is in the
 * loader's list.
 * SPDX-License-Identifier: MIT
 */
#include "fields.h"

#include "elf.h"
#include "log.h"
#include "probe.h"
#include "real.h"
#include "settings.h"
#include "text.h"

/* No field lies beyond: the last one is at 1184 (2.35 to 2.38) or 1208 (to 2.42), 1224 on aarch64. */
#define END 1232u

static const char *const names[] = {
#define X(id, name) [LGR_FIELD_##id] = name,
	LGR_FIELDS(X)
#undef X
};

void lgr_fields_publish(enum lgr_field field, uint32_t offset)
{
#ifdef LGR_FORGET
	/* A build for the tests, in which a field cannot be found. */
	if (lgr_equal(names[field], LGR_FORGET))
		offset = 0;
#endif
	lgr_region.field[field] = offset;
	if (!offset)
		lgr_log_error(LGR_RSN_E_FIELDS, names[field]);
}

static uint64_t word_at(const struct link_map *map, uint32_t offset)
{
	return *(const uint64_t *)((const char *)map + offset);
}

/* ------------------------------------------------------------------------------------- at start */

/*
 * At start the list is in the order of loading, so the numbers ascend from the program's 0 to the
 * last load's, with ld.so's own, which was counted before it had a place for its number, left at 0.
 * No other field is like that: l_tls_modid ascends too, but ends lower.
 */
static bool counts_loads(const struct link_map *map, uint32_t offset, uint64_t loads)
{
	uint64_t next = 0;

	for (; map; map = map->l_next) {
		uint64_t number = word_at(map, offset);

		if (map == lgr_libc.ld_so && number == 0)
			continue;
		if (number < next || (next == 0 && number))
			return false;
		next = number + 1;
	}
	return next == loads;
}

static int loads_so_far(struct dl_phdr_info *info, size_t size, void *ret)
{
	*(uint64_t *)ret = info->dlpi_adds;
	return 1;
}

static bool is_serial(uint32_t offset, const void *loads)
{
	return counts_loads(lgr_libc.head, offset, *(const uint64_t *)loads);
}

/*
 * The first alias stands behind the link map, in the same block (elf/dl-object.c), and so does its
 * text: what the object was asked for by. Nothing that points elsewhere is looked into.
 */
static bool is_aliases(uint32_t offset, const void *arg)
{
	const struct link_map *map = arg;
	uintptr_t at = word_at(map, offset), start = (uintptr_t)map, end = start + 4096;
	const struct lgr_alias *alias = (const struct lgr_alias *)at;
	struct lgr_elf elf;

	if (at < start || at > end || at % sizeof(uintptr_t) || (uintptr_t)alias->name < start ||
	    (uintptr_t)alias->name > end)
		return false;
	lgr_elf_init(&elf, map->l_addr, map->l_ld);
	return lgr_equal(alias->name, map->l_name) ||
	       (elf.soname && lgr_equal(alias->name, elf.soname));
}

static bool is_soname(uint32_t offset, const void *arg)
{
	const struct link_map *map = arg;
	const ElfW(Dyn) *d = map->l_ld;

	while (d->d_tag != DT_NULL && d->d_tag != DT_SONAME)
		d++;
	return d->d_tag == DT_SONAME && word_at(map, offset) == (uintptr_t)d;
}

uint32_t lgr_fields_only(bool (*fits)(uint32_t offset, const void *arg), const void *arg)
{
	uint32_t at = 0;

	for (uint32_t offset = sizeof(struct link_map); offset < END; offset += sizeof(uint64_t)) {
		if (!fits(offset, arg))
			continue;
		if (at)
			return 0;
		at = offset;
	}
	return at;
}

/*
 * What stands in the first alias is no field of the map: it leads to the second one, which the shim has where
 * it is preloaded by its path and the program needs it by its soname.
 */
static uint32_t find_aliases(const struct link_map *map)
{
	uintptr_t end = (uintptr_t)map + END;
	uint32_t found = 0;

	for (uint32_t at = sizeof(*map); (uintptr_t)map + at < end; at += sizeof(uint64_t)) {
		if (!is_aliases(at, map))
			continue;
		if (found)
			return 0;
		found = at;
		end = lgr_min(end, word_at(map, at));
	}
	return found;
}

void lgr_fields_find(void)
{
	uint64_t loads = 0;

	lgr_libc.dl_iterate_phdr(loads_so_far, &loads);
	lgr_fields_publish(LGR_FIELD_SERIAL, lgr_fields_only(is_serial, &loads));
	if (lgr_region.policy == LGR_POLICY_OFF)
		return;
	lgr_fields_publish(LGR_FIELD_ALIASES, find_aliases(lgr_libc.self));
	lgr_fields_publish(LGR_FIELD_SONAME, lgr_fields_only(is_soname, lgr_libc.libc));
	lgr_probe_remember();
}

/* ----------------------------------------------------------------------------------- the readers */

uint64_t lgr_field_serial(const struct link_map *map)
{
	return lgr_field_known(LGR_FIELD_SERIAL) ? *(uint64_t *)lgr_field_at(map, LGR_FIELD_SERIAL)
						 : UINT64_MAX;
}

uint32_t lgr_field_handles(const struct link_map *map)
{
	volatile uint32_t *count = lgr_field_handle_count(map);

	return count ? *count : UINT32_MAX;
}

/* The bit's place is a byte offset times 32 plus the number of the bit. */
void lgr_field_clear_global(struct link_map *map)
{
	uint32_t place = lgr_region.field[LGR_FIELD_GLOBAL];

	if (place)
		*(uint32_t *)((char *)map + place / 32) &= ~(1u << place % 32);
}
