/*
 * fields.c - the private fields of glibc's link map. See fields.h.
 *
 * Owns: the offsets in lgr_region. The readers may be called from anywhere, for a map that is in the
 * loader's list.
 * Source: glibc include/link.h (l_direct_opencount, l_serial), elf/dl-object.c (l_serial counts the
 * loads of all namespaces), the same from 2.31 to 2.42.
 * SPDX-License-Identifier: MIT
 */
#include "fields.h"

#include "log.h"
#include "real.h"
#include "region.h"
#include "text.h"

/* What is read of a link map: as much as any glibc has, short of what may lie behind the last one. */
#define WORDS ((size_t)1024 / sizeof(uint32_t))
/* Behind the public fields l_addr, l_name, l_ld, l_next, l_prev. */
#define FIRST (sizeof(struct link_map) / sizeof(uint32_t))

static void snapshot(uint32_t *to, const struct link_map *map)
{
	lgr_copy(to, map, WORDS * sizeof(*to));
}

/* The one word that went up by one from a to b: its offset in bytes; 0: none, or several. */
static uint32_t risen(const uint32_t *a, const uint32_t *b)
{
	uint32_t at = 0;

	for (size_t i = FIRST; i < WORDS; i++) {
		if (a[i] == b[i])
			continue;
		if (at || b[i] != a[i] + 1)
			return 0;
		at = (uint32_t)(i * sizeof(uint32_t));
	}
	return at;
}

/*
 * The first open may change more than the count (flags), the second does not. The shim is an object
 * that is never unloaded, whose count dlclose leaves alone, so it is put back by hand.
 */
static uint32_t find_handles(void)
{
	struct link_map *self = lgr_libc.self;
	uint32_t before[WORDS], after[WORDS], at;

	if (lgr_libc.dlopen(self->l_name, RTLD_NOW | RTLD_NOLOAD) != self)
		return 0;
	snapshot(before, self);
	if (lgr_libc.dlopen(self->l_name, RTLD_NOW | RTLD_NOLOAD) != self)
		return 0;
	snapshot(after, self);
	at = risen(before, after);
	if (at)
		*(uint32_t *)((char *)self + at) -= 2;
	return at;
}

/*
 * At start the list is in the order of loading, so the numbers ascend from the program's 0 to the
 * last load's, with ld.so's own, which was counted before it had a place for its number, left at 0.
 * No other field is like that: l_tls_modid ascends too, but ends lower.
 */
static bool counts_loads(const struct link_map *map, uint32_t offset, uint64_t loads)
{
	uint64_t next = 0;

	for (; map; map = map->l_next) {
		uint64_t number = *(const uint64_t *)((const char *)map + offset);

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

static uint32_t find_serial(void)
{
	uint32_t at = 0;
	uint64_t loads = 0;

	lgr_libc.dl_iterate_phdr(loads_so_far, &loads);
	/* The last field, at 1184 (2.35 to 2.38) or 1208 (to 2.42); 1224 at most on aarch64. */
	for (uint32_t offset = sizeof(struct link_map); offset < 1232; offset += sizeof(uint64_t)) {
		if (!counts_loads(lgr_libc.head, offset, loads))
			continue;
		if (at)
			return 0;
		at = offset;
	}
	return at;
}

void lgr_fields_find(void)
{
	lgr_region.serial_offset = find_serial();
	if (!lgr_region.serial_offset)
		lgr_log_error(LGR_RSN_E_FIELDS, "l_serial");
}

/* The C library knows its environment once its own constructor has run. */
static _Atomic bool libc_is_ready;

void lgr_fields_watch(void)
{
	if (lgr_unlikely(!atomic_load_explicit(&libc_is_ready, memory_order_relaxed)) &&
	    lgr_libc.environ && *lgr_libc.environ)
		atomic_store_explicit(&libc_is_ready, true, memory_order_relaxed);
}

void lgr_fields_probe(void)
{
	static _Atomic bool done;

	if (lgr_likely(atomic_load_explicit(&done, memory_order_relaxed)))
		return;
	lgr_fields_watch();
	if (!atomic_load_explicit(&libc_is_ready, memory_order_relaxed) ||
	    atomic_exchange_explicit(&done, true, memory_order_relaxed))
		return;
	/* Another thread may change a word of the map between the snapshots; not for ever. */
	for (int tries = 0; tries < 4 && !lgr_region.opencount_offset; tries++)
		lgr_region.opencount_offset = find_handles();
	if (!lgr_region.opencount_offset)
		lgr_log_error(LGR_RSN_E_FIELDS, "l_direct_opencount");
}

uint64_t lgr_field_serial(const struct link_map *map)
{
	uint32_t at = lgr_region.serial_offset;

	return at ? *(const uint64_t *)((const char *)map + at) : UINT64_MAX;
}

uint32_t lgr_field_handles(const struct link_map *map)
{
	uint32_t at = lgr_region.opencount_offset;

	return at ? *(const volatile uint32_t *)((const char *)map + at) : UINT32_MAX;
}
