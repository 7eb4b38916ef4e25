/*
 * probe.c - fields that show only when something happens to them. See fields.h.
 *
 * What is probed is the shim's own link map and the C library's: neither is ever unloaded, and what
 * a probe changed is put back.
 *
 * Owns: nothing but what it is in the middle of finding. Runs once, on the thread of the program's
 * first dl* call.
 * SPDX-License-Identifier: MIT
 */
#include "probe.h"

#include <linux/futex.h>

#include "environment.h"
#include "log.h"
#include "real.h"
#include "settings.h"
#include "sys.h"
#include "text.h"

/* What is compared of a link map: all of glibc's fields but the last in some versions (l_serial). */
#define BYTES 1208u
#define WORDS (BYTES / sizeof(uint32_t))
/* Behind the public fields l_addr, l_name, l_ld, l_next, l_prev. */
#define FIRST (sizeof(struct link_map) / sizeof(uint32_t))

static void snapshot(uint32_t *to, const struct link_map *map)
{
	lgr_copy(to, map, BYTES);
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

/* --------------------------------------------------------------------------------- what open does */

/* Opens once more, and gives the handle back by hand: dlclose leaves an object alone that is never
 * unloaded. */
static bool open_again(struct link_map *map, int flags, uint32_t *before, uint32_t *after)
{
	snapshot(before, map);
	if (lgr_libc.dlopen(map->l_name, RTLD_NOW | RTLD_NOLOAD | flags) != map)
		return false;
	snapshot(after, map);
	return true;
}

static void give_back_handle(struct link_map *map)
{
	uint32_t *count = lgr_field_handle_count(map);

	if (count)
		--*count;
}

/* The first open may change more than the count (flags, lists), the second does not. */
static uint32_t find_handles(void)
{
	uint32_t before[WORDS], after[WORDS];

	if (!open_again(lgr_libc.self, 0, before, after) ||
	    !open_again(lgr_libc.self, 0, before, after))
		return 0;
	return risen(before, after);
}

/*
 * An object that is open already becomes NODELETE at once (elf/dl-open.c): one byte of the C
 * library's map goes from 0 to 1, beside the count. It goes back to 0, as though nothing had been.
 */
static uint32_t find_nodelete(void)
{
	uint32_t before[WORDS], after[WORDS];
	const uint8_t *a = (uint8_t *)before, *b = (uint8_t *)after;
	uint32_t handles = lgr_region.field[LGR_FIELD_HANDLES], at = 0, changes = 0;
	struct link_map *map = lgr_libc.libc;

	if (!handles || !open_again(map, 0, before, after))
		return 0;
	give_back_handle(map);
	if (!open_again(map, RTLD_NODELETE, before, after))
		return 0;
	give_back_handle(map);
	for (uint32_t i = sizeof(struct link_map); i < BYTES; i++) {
		if (a[i] == b[i] || (i >= handles && i < handles + sizeof(uint32_t)))
			continue;
		changes++;
		at = a[i] == 0 && b[i] == 1 ? i : 0;
	}
	if (changes != 1 || !at)
		return 0;
	*((volatile uint8_t *)map + at) = 0;
	return at;
}

/* ----------------------------------------------------------------------------- what a hold is made of */

static void no_destructor(void *arg)
{
}

/*
 * For a few bytes malloc takes what a new heap needs, or 1 MiB where that is not to be had
 * (malloc/malloc.c, sysmalloc); as much again is for other threads' calls meanwhile.
 */
#define MALLOC_ROOM (2u << 20)

static bool malloc_has_room(void)
{
	void *room = lgr_sys_mmap(MALLOC_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1);

	if (room)
		lgr_sys_munmap(room, MALLOC_ROOM);
	return room;
}

/*
 * A pending destructor of this thread counts in its object (stdlib/cxa_thread_atexit_impl.c), which
 * ends the process when there is no memory for it.
 */
static uint32_t find_holds(void)
{
	static char inside; /* any address in the shim */
	uint32_t before[WORDS], after[WORDS];

	if (!malloc_has_room())
		return 0;
	snapshot(before, lgr_libc.self);
	if (lgr_libc.thread_atexit(no_destructor, NULL, &inside) != 0)
		return 0;
	snapshot(after, lgr_libc.self);
	return risen(before, after);
}

/* --------------------------------------------------------------------------------- lists and files */

static uint64_t word(const uint32_t *map, uint32_t offset)
{
	return map[offset / 4] | (uint64_t)map[offset / 4 + 1] << 32;
}

/*
 * l_initfini and l_searchlist of an object that has been opened: a list of n maps, ended by NULL, and
 * behind it a second one, in one block (elf/dl-deps.c). So one field is the other plus 8 * (n + 1),
 * where n follows the second. Only then is the list itself looked into.
 */
static uint32_t find_lists(uint32_t *ret_scope)
{
	uint32_t map[WORDS], needs = 0, hits = 0;
	struct link_map *self = lgr_libc.self;

	snapshot(map, self);
	for (uint32_t scope = sizeof(struct link_map); scope + 16 <= BYTES; scope += 8) {
		uint64_t list = word(map, scope), count = map[scope / 4 + 2];

		if (list < LGR_PAGE || !count || count > 4096)
			continue;
		for (uint32_t at = sizeof(struct link_map); at + 8 <= BYTES; at += 8) {
			if (word(map, at) != list - 8 * (count + 1))
				continue;
			hits++;
			needs = at;
			*ret_scope = scope;
		}
	}
	return hits == 1 && **(struct link_map ***)((char *)self + needs) == self ? needs : 0;
}

/*
 * l_reldeps is behind l_initfini, or a word further (l_init_called_next, in the stable releases of 2.35 to
 * 2.38), and before l_reldepsmax and l_used. Neither the shim nor the C library has any, and both are used.
 */
static uint32_t find_bound(uint32_t needs)
{
	const uint64_t none_but_used = UINT64_C(1) << 32;
	uint32_t self[WORDS], libc[WORDS], found = 0, hits = 0;

	snapshot(self, lgr_libc.self);
	snapshot(libc, lgr_libc.libc);
	for (uint32_t at = needs + 8; needs && at <= needs + 16 && at + 16 <= BYTES; at += 8) {
		if (word(self, at) || word(self, at + 8) != none_but_used || word(libc, at) ||
		    word(libc, at + 8) != none_but_used)
			continue;
		hits++;
		found = at;
	}
	return hits == 1 ? found : 0;
}

/*
 * l_scope is a list of scopes, at first in the map itself (elf/dl-object.c), and the first of them, where
 * nothing was opened with RTLD_DEEPBIND, is the global one.
 */
static bool is_scopes(uint32_t offset, const void *arg)
{
	const uint32_t *scope = arg;
	const struct link_map *const maps[] = { lgr_libc.head, lgr_libc.libc };

	for (size_t i = 0; i < LGR_COUNT(maps); i++) {
		uintptr_t map = (uintptr_t)maps[i], list = *(uintptr_t *)(map + offset);

		if (list < map || list >= map + BYTES || list % sizeof(list) ||
		    *(uintptr_t *)list != (uintptr_t)lgr_libc.head + *scope)
			return false;
	}
	return *scope;
}

static bool is_file(uint32_t offset, const void *arg)
{
	const struct lgr_file *file = arg;
	const uint64_t *pair = (const uint64_t *)((const char *)lgr_libc.libc + offset);

	return pair[0] == file->dev && pair[1] == file->ino;
}

/* --------------------------------------------------------------------------------------- l_global */

/*
 * The bits between the count of handles and l_nodelete_active (the flags of the map), that all objects
 * of the start have: l_global is among them, since they are the global scope. An object that is being
 * loaded, before its constructors, is not in it yet. That leaves one bit, now or a few loads later.
 */
static struct {
	uint32_t common[WORDS]; /* at start, before anything was opened or closed */
	uint32_t loading[2];	/* ever seen set in an object that was being loaded */
	bool known;
} bits LGR_BIG;

void lgr_probe_remember(void)
{
	for (size_t i = 0; i < WORDS; i++)
		bits.common[i] = ~UINT32_C(0);
	for (const struct link_map *map = lgr_libc.head; map; map = map->l_next) {
		/* The vDSO, whose name is no path, is in no scope. */
		if (map != lgr_libc.head && !lgr_first(map->l_name, '/'))
			continue;
		for (size_t i = 0; i < WORDS; i++)
			bits.common[i] &= ((const uint32_t *)map)[i];
	}
}

void lgr_fields_learn(const struct link_map *loading)
{
	uint32_t first = lgr_region.field[LGR_FIELD_HANDLES] + 4, bit = 0, hits = 0;
	uint32_t end = lgr_region.field[LGR_FIELD_NODELETE];

	if (bits.known || first == 4 || !end || end - first > sizeof(bits.loading))
		return;
	for (uint32_t at = first; at < end; at += 4) {
		uint32_t *seen = &bits.loading[(at - first) / 4], left;
		/* Not l_nodelete_active's own byte, nor what is behind it. */
		uint32_t flags = end - at < 4 ? (1u << 8 * (end - at)) - 1 : ~UINT32_C(0);

		*seen |= *(const volatile uint32_t *)((const char *)loading + at);
		left = bits.common[at / 4] & flags & ~*seen;
		if (!left)
			continue;
		hits += left & (left - 1) ? 2 : 1; /* several, or one */
		bit = at * 32 + (uint32_t)__builtin_ctz(left);
	}
	if (hits > 1)
		return;
	bits.known = true;
	lgr_fields_publish(LGR_FIELD_GLOBAL, hits ? bit : 0);
}

/* ------------------------------------------------------------------------------------- all of them */

/* The C library knows its environment once its own constructor has run. */
static _Atomic bool libc_is_ready;

void lgr_fields_watch(void)
{
	if (lgr_unlikely(!atomic_load_explicit(&libc_is_ready, memory_order_relaxed)) &&
	    lgr_libc.environ && *lgr_libc.environ)
		atomic_store_explicit(&libc_is_ready, true, memory_order_relaxed);
}

bool lgr_fields_libc_is_ready(void)
{
	return atomic_load_explicit(&libc_is_ready, memory_order_relaxed);
}

/* Another thread may change a word of the map between the snapshots; not for ever. */
static uint32_t try_often(uint32_t (*find)(void))
{
	uint32_t at = 0;

	for (int tries = 0; tries < 4 && !at; tries++)
		at = find();
	return at;
}

static void find_all(void)
{
	uint32_t at = try_often(find_handles), scope = 0;
	struct lgr_file file;

	if (at)
		*(uint32_t *)((char *)lgr_libc.self + at) -= 2;
	lgr_fields_publish(LGR_FIELD_HANDLES, at);
	lgr_fields_publish(LGR_FIELD_NEEDS, find_lists(&scope));
	lgr_fields_publish(LGR_FIELD_SCOPE, lgr_field_known(LGR_FIELD_NEEDS) ? scope : 0);
	lgr_fields_publish(LGR_FIELD_SCOPES,
			   lgr_fields_only(is_scopes, &lgr_region.field[LGR_FIELD_SCOPE]));
	if (lgr_region.policy != LGR_POLICY_OFF || lgr_settings.of[LGR_SET_ARCHIVE].given)
		lgr_fields_publish(LGR_FIELD_FILE, lgr_sys_file(lgr_libc.libc->l_name, &file) == 0
							   ? lgr_fields_only(is_file, &file)
							   : 0);
	if (lgr_region.policy == LGR_POLICY_OFF)
		return;
	lgr_fields_publish(LGR_FIELD_HOLDS, try_often(find_holds));
	lgr_fields_publish(LGR_FIELD_NODELETE, try_often(find_nodelete));
	lgr_fields_publish(LGR_FIELD_BOUND, find_bound(lgr_region.field[LGR_FIELD_NEEDS]));
	lgr_region.holding = lgr_field_known(LGR_FIELD_HANDLES) && lgr_field_known(LGR_FIELD_HOLDS);
	if (lgr_region.holding)
		return;
	lgr_region.policy = LGR_POLICY_OFF;
	lgr_log_error(LGR_RSN_E_HOLD, NULL);
}

/*
 * What another thread loads while the fields are not known is not held, so it waits; not for ever, since
 * it may have a lock that the probe's own calls need (or be the child of a fork in the middle of it).
 */
void lgr_fields_probe(void)
{
	const struct timespec patience = { .tv_nsec = 100000000 };
	enum { NOT_YET, PROBING, DONE };
	static _Atomic uint32_t state;
	uint32_t was = NOT_YET;

	if (lgr_likely(atomic_load_explicit(&state, memory_order_acquire) == DONE))
		return;
	lgr_fields_watch();
	if (!atomic_load_explicit(&libc_is_ready, memory_order_relaxed))
		return;
	if (atomic_compare_exchange_strong(&state, &was, PROBING))
		find_all();
	else if (was == PROBING)
		lgr_sys_futex(&state, FUTEX_WAIT_PRIVATE, PROBING, &patience);
	atomic_store_explicit(&state, DONE, memory_order_release);
	lgr_sys_futex(&state, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL);
}
