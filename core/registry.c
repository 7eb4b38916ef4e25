/*
 * registry.c - every object loaded in this process. See registry.h.
 *
 * Owns: the objects (in chunks that lgr_region publishes), their strings, the table by link map,
 * and, through pages.c, the pages. Guard: lgr_lock_registry for everything that changes; lookups by
 * address take no lock.
 * SPDX-License-Identifier: MIT
 */
#include "registry.h"

#include <elf.h>

#include "arena.h"
#include "lock.h"
#include "log.h"
#include "pages.h"
#include "region.h"
#include "text.h"

#define NOBODY UINT32_MAX /* ends the lists of slots */
#define BUCKETS_AT_START 64u

struct lgr_lock lgr_lock_registry;
void (*lgr_registry_gone)(struct lgr_object *object);

/* All the state. Objects with the same bucket, and free slots, are chained through ->next. */
static struct {
	uint32_t *bucket;
	uint32_t buckets; /* a power of two, 0 at first */
	uint32_t objects;
	uint32_t slots; /* ever used */
	uint32_t free;	/* first free slot below slots */
	uint32_t sweep;
	uint64_t last_id;
	uint32_t kept; /* first of the chain through ->next_kept */
	bool full;     /* said so already */
} reg = { .free = NOBODY, .kept = NOBODY };

struct lgr_object *lgr_registry_at(uint32_t slot)
{
	/* pairs with the release in new_slot */
	uint64_t chunk = atomic_load_explicit(&lgr_region.chunk[slot / LGR_OBJECT_CHUNK],
					      memory_order_acquire);

	return chunk ? (struct lgr_object *)(uintptr_t)chunk + slot % LGR_OBJECT_CHUNK : NULL;
}

static uint64_t id_of(const struct lgr_object *object)
{
	return atomic_load_explicit(&object->id, memory_order_relaxed);
}

/* ------------------------------------------------------------------------ the table by link map */

static uint32_t *bucket_of(uintptr_t map)
{
	return &reg.bucket[(map * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (reg.buckets - 1)];
}

static void table_add(struct lgr_object *object)
{
	uint32_t *bucket = bucket_of(object->map);

	object->next = *bucket;
	*bucket = object->slot;
}

static void table_remove(const struct lgr_object *object)
{
	uint32_t *at = bucket_of(object->map);

	while (*at != object->slot)
		at = &lgr_registry_at(*at)->next;
	*at = object->next;
}

/* Makes room for one more object. */
static bool table_reserve(void)
{
	uint32_t *old = reg.bucket, was = reg.buckets;
	uint32_t n = was ? was * 2 : BUCKETS_AT_START;

	if (reg.objects < was)
		return true;
	reg.bucket = lgr_arena_alloc(n * sizeof(*reg.bucket));
	if (!reg.bucket) {
		reg.bucket = old;
		return false;
	}
	reg.buckets = n;
	for (uint32_t i = 0; i < n; i++)
		reg.bucket[i] = NOBODY;
	for (uint32_t i = 0; i < was; i++) {
		uint32_t slot = old[i], next;

		for (; slot != NOBODY; slot = next) {
			next = lgr_registry_at(slot)->next;
			table_add(lgr_registry_at(slot));
		}
	}
	lgr_arena_free(old, was * sizeof(*old));
	return true;
}

struct lgr_object *lgr_registry_find(uintptr_t map, uint64_t serial)
{
	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (!reg.buckets)
		return NULL;
	for (uint32_t slot = *bucket_of(map); slot != NOBODY; slot = lgr_registry_at(slot)->next) {
		struct lgr_object *object = lgr_registry_at(slot);

		if (object->map == map && (serial == UINT64_MAX || object->serial == serial))
			return object;
	}
	return NULL;
}

/* ---------------------------------------------------------------------------------------- slots */

static struct lgr_object *new_slot(void)
{
	struct lgr_object *object;
	uint32_t slot = reg.free;

	if (slot != NOBODY) {
		object = lgr_registry_at(slot);
		reg.free = object->next;
		return object;
	}
	slot = reg.slots;
	if (slot > LGR_SLOT_MAX)
		return NULL;
	if (!lgr_registry_at(slot)) {
		void *chunk = lgr_arena_alloc(LGR_OBJECT_CHUNK * sizeof(*object));

		if (!chunk)
			return NULL;
		/* pairs with the acquire in object_at */
		atomic_store_explicit(&lgr_region.chunk[slot / LGR_OBJECT_CHUNK],
				      (uint64_t)(uintptr_t)chunk, memory_order_release);
	}
	object = lgr_registry_at(slot);
	object->slot = slot;
	atomic_store_explicit(&lgr_region.slots_used, ++reg.slots, memory_order_release);
	return object;
}

static void free_slot(struct lgr_object *object)
{
	object->next = reg.free;
	reg.free = object->slot;
}

/* ---------------------------------------------------------------------------- taking in an object */

/* A copy in the arena, which the process outside can read; NULL for no memory or no string. */
static uint64_t keep_string(const char *s, uint32_t *ret_len)
{
	size_t len = s ? lgr_len(s) : 0;
	char *copy = s ? lgr_arena_alloc(len + 1) : NULL;

	*ret_len = copy ? (uint32_t)len : 0;
	if (copy)
		lgr_copy(copy, s, len + 1);
	return (uint64_t)(uintptr_t)copy;
}

static void drop_string(uint64_t string, uint32_t len)
{
	lgr_arena_free((void *)(uintptr_t)string, (size_t)len + 1);
}

/* Adds [lo, hi) to the segments, which come in ascending order; neighbours become one. */
static void add_segment(struct lgr_object *object, uintptr_t lo, uintptr_t hi)
{
	uint32_t n = object->segments;

	object->bytes += hi - lo;
	/* When there is no room the last one spans the hole: the loader reserved that, too. */
	if (n && (object->segment[n - 1].hi == lo || n == LGR_COUNT(object->segment))) {
		object->segment[n - 1].hi = hi;
		return;
	}
	object->segment[n].lo = lo;
	object->segment[n].hi = hi;
	object->segments = n + 1;
}

static void read_headers(struct lgr_object *object, const struct lgr_load *load, uint32_t *flags)
{
	const ElfW(Phdr) *h = load->headers;
	size_t n = h ? load->header_count : 0;

	object->segments = 0;
	object->bytes = 0;
	for (size_t i = 0; i < n; i++) {
		uintptr_t at = load->elf.load + h[i].p_vaddr;

		if (h[i].p_type == PT_LOAD && h[i].p_memsz)
			add_segment(object, lgr_page_down(at), lgr_page_up(at + h[i].p_memsz));
		if (h[i].p_type == PT_TLS)
			*flags |= LGR_FL_TLS;
	}
	if (!object->segments && load->hi > load->lo)
		add_segment(object, lgr_page_down(load->lo), lgr_page_up(load->hi));
	if (object->segments) {
		object->lo = object->segment[0].lo;
		object->hi = object->segment[object->segments - 1].hi;
	}
	object->build_id_len = (uint8_t)lgr_elf_build_id(load->elf.load, h, n, object->build_id,
							 sizeof(object->build_id));
}

static void read_dynamic(struct lgr_object *object, const struct lgr_load *load, uint32_t *flags)
{
	const struct lgr_elf *elf = &load->elf;

	object->soname = keep_string(elf->soname, &object->soname_len);
	if (elf->flags_1 & DF_1_NODELETE)
		*flags |= LGR_FL_NODELETE;
	if (elf->flags_1 & DF_1_INITFIRST)
		*flags |= LGR_FL_INITFIRST;
	if (elf->flags & DF_STATIC_TLS)
		*flags |= LGR_FL_STATIC_TLS;
	if (elf->textrel)
		*flags |= LGR_FL_TEXTREL;
	/* Of no interest in what is never unloaded, and libc has thousands of symbols. */
	if (!(*flags & LGR_FL_STARTUP) && lgr_elf_has_unique(elf))
		*flags |= LGR_FL_UNIQUE;
}

/* The word its pages carry: derived from the object, so that there is one place to get it wrong. */
static uint64_t word_of(const struct lgr_object *object)
{
	uint32_t state = atomic_load_explicit(&object->state, memory_order_relaxed);
	/* Unloading is announced by the object itself, or cannot happen; else one has to ask. */
	bool sure = lgr_is(object,
			   LGR_FL_FINISHES | LGR_FL_STARTUP | LGR_FL_NODELETE | LGR_FL_HELD);
	uint32_t marks = (lgr_is(object, LGR_FL_STARTUP) ? LGR_WORD_STARTUP : 0) |
			 (lgr_is(object, LGR_FL_HELD | LGR_FL_LIBC) ? LGR_WORD_SETTLED : 0);

	if (!sure || state == LGR_ST_CLOSING)
		marks |= LGR_WORD_CHECK;
	return lgr_word(id_of(object), object->slot, state, marks);
}

static bool publish(struct lgr_object *object)
{
	uint64_t word = word_of(object);

	for (uint32_t i = 0; i < object->segments; i++)
		if (!lgr_pages_set(object->segment[i].lo, object->segment[i].hi, word))
			return false;
	return true;
}

static void unpublish(struct lgr_object *object)
{
	for (uint32_t i = 0; i < object->segments; i++)
		lgr_pages_clear(object->segment[i].lo, object->segment[i].hi, id_of(object));
}

/* Says once that nothing more is taken in. */
static struct lgr_object *no_room(const struct lgr_load *load)
{
	if (!reg.full)
		lgr_log_error(LGR_RSN_E_REGISTRY, load->path);
	reg.full = true;
	return NULL;
}

void lgr_registry_log(const struct lgr_object *object, enum lgr_event event, enum lgr_reason reason)
{
	struct lgr_log_entry entry = {
		.event = event, .reason = reason, .id = id_of(object), .path = lgr_path_of(object)
	};

	lgr_log_write(&entry);
}

struct lgr_object *lgr_registry_add(const struct lgr_load *load)
{
	uint32_t flags = load->flags;
	struct lgr_object *object;

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	object = reg.last_id < LGR_ID_MAX && table_reserve() ? new_slot() : NULL;
	if (!object)
		return no_room(load);
	object->map = load->map;
	object->serial = load->serial;
	object->lo = load->lo;
	object->hi = load->hi;
	object->namespace = load->namespace;
	object->file = load->file;
	object->mark = reg.sweep;
	object->used = object->let_go = object->refused = 0;
	object->names = object->pin = object->bound = object->kept_ns = 0;
	object->unreported = object->kept_as = object->watches = object->slots = 0;
	object->redirects = object->singled = 0;
	object->archived = 0;
	atomic_store_explicit(&object->pins, 0, memory_order_relaxed);
	object->copy = -1;
	object->path = keep_string(load->path, &object->path_len);
	read_headers(object, load, &flags);
	read_dynamic(object, load, &flags);
	atomic_store_explicit(&object->flags, flags, memory_order_relaxed);
	atomic_store_explicit(&object->state, LGR_ST_LIVE, memory_order_relaxed);
	/* Commit: from here readers see it. The id says that the rest is there. */
	atomic_store_explicit(&object->id, ++reg.last_id, memory_order_release);
	table_add(object);
	reg.objects++;
	atomic_store_explicit(&lgr_region.objects, reg.objects, memory_order_relaxed);
	atomic_store_explicit(&lgr_region.loads, reg.last_id, memory_order_relaxed);
	if (!publish(object))
		no_room(load); /* found by its map, not by its addresses */
	if (!(flags & LGR_FL_STARTUP))
		lgr_registry_log(object, LGR_EV_OPEN, LGR_RSN_NONE);
	return object;
}

/* --------------------------------------------------------------------------------------- changes */

static void remove_object(struct lgr_object *object)
{
	unpublish(object);
	table_remove(object);
	if (lgr_registry_gone)
		lgr_registry_gone(object);
	/* Commit: the slot is free. What it still holds means nothing to a reader any more. */
	atomic_store_explicit(&object->id, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* nothing below is seen under the old id */
	drop_string(object->path, object->path_len);
	drop_string(object->soname, object->soname_len);
	reg.objects--;
	atomic_store_explicit(&lgr_region.objects, reg.objects, memory_order_relaxed);
	free_slot(object);
}

/* The chain of what is kept, and how much that is. */
static void count_kept(struct lgr_object *object, bool kept)
{
	uint32_t *at = &reg.kept;

	if (kept) {
		object->next_kept = reg.kept;
		reg.kept = object->slot;
	} else {
		while (*at != object->slot)
			at = &lgr_registry_at(*at)->next_kept;
		*at = object->next_kept;
	}
	atomic_fetch_add_explicit(&lgr_region.kept, kept ? 1 : -1, memory_order_relaxed);
	atomic_fetch_add_explicit(&lgr_region.kept_bytes, kept ? object->bytes : -object->bytes,
				  memory_order_relaxed);
}

/* What a change is called in the log; LGR_EV_COUNT: nothing. */
static enum lgr_event event_of(enum lgr_state was, enum lgr_state state)
{
	switch (state) {
	case LGR_ST_KEPT: return LGR_EV_KEEP;
	case LGR_ST_LIVE: return was == LGR_ST_NONE ? LGR_EV_COUNT : LGR_EV_REOPEN;
	case LGR_ST_CONDEMNED: return LGR_EV_CLOSE;
	case LGR_ST_GONE: return LGR_EV_UNLOAD;
	default: return LGR_EV_COUNT;
	}
}

void lgr_registry_set_state(struct lgr_object *object, enum lgr_state state, enum lgr_reason reason)
{
	static const enum lgr_counter counters[LGR_EV_COUNT] = {
		[LGR_EV_KEEP] = LGR_N_KEEPS,
		[LGR_EV_REOPEN] = LGR_N_REOPENS,
		[LGR_EV_CLOSE] = LGR_N_CLOSES,
		[LGR_EV_UNLOAD] = LGR_N_UNLOADS,
	};
	enum lgr_state was = lgr_state_of(object);
	enum lgr_event event = event_of(was, state);

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (was == state || was == LGR_ST_GONE)
		return;
	if (was == LGR_ST_KEPT)
		count_kept(object, false);
	object->reason = reason;
	atomic_store_explicit(&object->state, state, memory_order_relaxed);
	if (state == LGR_ST_KEPT)
		count_kept(object, true);
	if (event != LGR_EV_COUNT) {
		lgr_count(counters[event]);
		lgr_registry_log(object, event, reason);
	}
	if (state == LGR_ST_GONE)
		remove_object(object);
	else
		publish(object);
}

void lgr_registry_set_flags(struct lgr_object *object, uint32_t set, uint32_t clear)
{
	uint32_t was = atomic_load_explicit(&object->flags, memory_order_relaxed);
	uint64_t word = word_of(object);

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (((was & ~clear) | set) == was)
		return;
	atomic_store_explicit(&object->flags, (was & ~clear) | set, memory_order_relaxed);
	if (word_of(object) != word)
		publish(object);
}

static_assert(LGR_RSN_COUNT <= 32, "each is a bit of lgr_object's refused");

void lgr_registry_refuse(struct lgr_object *object, enum lgr_reason reason)
{
	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (object->refused & 1u << reason)
		return;
	object->refused |= 1u << reason;
	atomic_fetch_add_explicit(&lgr_region.errors[reason], 1, memory_order_relaxed);
	lgr_registry_log(object, LGR_EV_ERROR, reason);
}

void lgr_registry_sweep_begin(void)
{
	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	reg.sweep++;
}

void lgr_registry_mark(struct lgr_object *object)
{
	object->mark = reg.sweep;
}

void lgr_registry_sweep_end(void)
{
	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	for (uint32_t slot = 0; slot < reg.slots; slot++) {
		struct lgr_object *object = lgr_registry_at(slot);

		if (id_of(object) && object->mark != reg.sweep)
			lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
	}
}

/* --------------------------------------------------------------------------------------- lookups */

struct lgr_object *lgr_registry_next(const struct lgr_object *after)
{
	for (uint32_t slot = after ? after->slot + 1 : 0; slot < reg.slots; slot++)
		if (id_of(lgr_registry_at(slot)))
			return lgr_registry_at(slot);
	return NULL;
}

struct lgr_object *lgr_registry_next_kept(const struct lgr_object *after)
{
	uint32_t slot = after ? after->next_kept : reg.kept;

	return slot == NOBODY ? NULL : lgr_registry_at(slot);
}

uint64_t lgr_registry_last_id(void)
{
	return reg.last_id;
}

struct lgr_object *lgr_registry_object(uint64_t word)
{
	struct lgr_object *object = word ? lgr_registry_at(lgr_word_slot(word)) : NULL;

	/* pairs with the release in lgr_registry_add */
	if (!object || atomic_load_explicit(&object->id, memory_order_acquire) != lgr_word_id(word))
		return NULL;
	return object;
}
