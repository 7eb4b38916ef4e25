/*
 * pass.c - making definitions and slots lead where they should. See pass.h.
 *
 * Owns: the pass under way. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "pass.h"

#include "arena.h"
#include "lock.h"
#include "pages.h"
#include "patch.h"
#include "region.h"
#include "registry.h"
#include "resolver.h"
#include "sys.h"
#include "text.h"

#define BLOCK                                                                                      \
	8u /* objects: their slots of one name lie alike in their pages, so more would meet in the cache */
#define AHEAD 16u /* slots that are fetched */

/* All the state. */
static struct {
	struct lgr_site *changed;  /* what the pass is about */
	struct lgr_window *window; /* open ones */
	uint32_t windows, room;
	bool lazy;
	uint32_t written;
	const struct lgr_site *refused; /* why there was none */
} pass;

/* By place in the registry: whose window is open. */
static uint64_t open_now[(LGR_SLOT_MAX + 1) / 64] LGR_BIG;

static bool has_bit(const uint64_t *bits, uint32_t n)
{
	return bits[n / 64] >> n % 64 & 1;
}

static void set_bit(uint64_t *bits, uint32_t n, bool on)
{
	bits[n / 64] = (bits[n / 64] & ~(UINT64_C(1) << n % 64)) | (uint64_t)on << n % 64;
}

void lgr_site_changed(struct lgr_site *site)
{
	if (site->in_pass)
		return;
	site->in_pass = true;
	site->changed = pass.changed;
	pass.changed = site;
}

void lgr_sites_settled(void)
{
	for (struct lgr_site *site = pass.changed; site; site = site->changed)
		site->in_pass = false;
	pass.changed = NULL;
}

struct lgr_site *lgr_sites_changed(void)
{
	return pass.changed;
}

/* ----------------------------------------------------------------------------------------- slots */

/* There is room for those of definitions; for those of objects it is made here. */
static struct lgr_window *new_window(void)
{
	uint32_t room = 2 * pass.room;
	struct lgr_window *more;

	if (pass.windows < pass.room)
		return &pass.window[pass.windows];
	more = lgr_arena_alloc(room * sizeof(*more));
	if (!more)
		return NULL;
	lgr_copy(more, pass.window, pass.windows * sizeof(*more));
	lgr_arena_free(pass.window, pass.room * sizeof(*more));
	pass.window = more;
	pass.room = room;
	return &pass.window[pass.windows];
}

/* The window over what the loader has protected of the object: one for all its slots in this pass. */
static bool open_window_of(const struct lgr_name *name, uint32_t i)
{
	uint32_t slot = name->owner[i].slot;
	const struct lgr_indexed *indexed = lgr_indexed_of(lgr_registry_at(slot));
	struct lgr_window *w;

	if (has_bit(open_now, slot))
		return true;
	w = new_window();
	if (!w || !lgr_window_open(w, indexed->relro_lo, indexed->relro_hi,
				   (uintptr_t)lgr_slot_of(name, i), PROT_READ))
		return false;
	set_bit(open_now, slot, true);
	w->mark = slot + 1;
	pass.windows++;
	return true;
}

static bool write_guarded(struct lgr_name *name, uint32_t i, uintptr_t value)
{
	const struct lgr_object *owner = lgr_slot_owner(name, i);
	const struct lgr_indexed *indexed = lgr_indexed_of(owner);
	uintptr_t *at = lgr_slot_of(name, i);

	if ((uintptr_t)at < indexed->relro_lo || (uintptr_t)at >= indexed->relro_hi)
		return lgr_patch_word(owner, at, value); /* between code (DT_TEXTREL) */
	if (!open_window_of(name, i))
		return false;
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
	return true;
}

/* There are many: of what is writable nothing but the slot is touched. */
static void write_slot(struct lgr_name *name, uint32_t i, uintptr_t value)
{
	bool done = true;

	if (lgr_slot_is(name, i, LGR_MARK_GUARDED)) {
		done = write_guarded(name, i, value);
		lgr_slot_mark(name, i, LGR_MARK_REFUSED, !done);
	} else {
		__atomic_store_n(lgr_slot_of(name, i), value, __ATOMIC_RELEASE);
	}
	pass.written += done;
}

/* common: what the slot is to lead to, unless its object is singled out; 0: each is asked for. */
static void settle_slot(struct lgr_site *site, uint32_t i, uintptr_t common)
{
	struct lgr_name *name = site->name;
	uintptr_t value, wanted = common;
	bool doubtful;

	if (lgr_slot_is(name, i, LGR_MARK_FIXED))
		return;
	value = lgr_slot_load(name, i);
	if (!wanted || lgr_slot_is(name, i, LGR_MARK_SINGLED))
		wanted = lgr_site_target(site, lgr_slot_owner(name, i));
	if (value == wanted)
		return;
	if (lgr_site_leads(site, value, &doubtful)) {
		if (!doubtful || lgr_site_binds(site, i))
			write_slot(name, i, wanted);
	} else if (lgr_slot_is_unbound(name, i, value)) {
		site->lazy = true;
		if (wanted != site->bound && lgr_site_binds(site, i))
			write_slot(name, i, wanted);
	}
}

/*
 * Most hold what everybody held before, and may be written as they are: that is one comparison and one store
 * each, since the marks are in the same word. The next ones are fetched meanwhile.
 */
static void settle_in_a_row(struct lgr_site *site, uint32_t i, uint32_t end)
{
	const struct lgr_name *name = site->name;
	const uintptr_t from = site->from, to = site->bound;
	uint32_t written = 0;

	for (; i < end; i++) {
		uint64_t at = name->at[i];

		__builtin_prefetch((void *)name->at[lgr_min(i + AHEAD, end - 1)], 1);
		if (lgr_likely(!(at >> LGR_MARK_SHIFT)) &&
		    lgr_likely(__atomic_load_n((uintptr_t *)at, __ATOMIC_RELAXED) == from)) {
			__atomic_store_n((uintptr_t *)at, to, __ATOMIC_RELEASE);
			written++;
		} else {
			settle_slot(site, i, to);
		}
	}
	pass.written += written;
}

/* What they held before, where nothing else can have put that there; 0: each slot is looked into. */
static uintptr_t common_before(const struct lgr_site *site, uintptr_t was)
{
	bool doubtful;

	return lgr_site_leads(site, was, &doubtful) && !doubtful && was != site->bound ? was : 0;
}

static void settle_slots_of(struct lgr_site *site, const struct lgr_object *object)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);

	for (uint32_t i = 0; indexed && i < indexed->n; i++)
		if (indexed->slot[i].name == site->name)
			settle_slot(site, indexed->slot[i].at, 0);
}

static void settle_own_slots(struct lgr_site *site)
{
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older)
		for (uint32_t i = 0; i < tie->redirect->n; i++) {
			const struct lgr_who *own = &tie->redirect->own[i];

			if (own->object->id == own->id)
				settle_slots_of(site, own->object);
		}
}

static void settle_slots(struct lgr_site *site, uint32_t i, uint32_t end)
{
	uintptr_t common = site->plain ? site->bound : 0;

	if (common && site->from) {
		settle_in_a_row(site, i, end);
		return;
	}
	for (; i < end; i++)
		settle_slot(site, i, common);
}

/*
 * The slots of all sites: of some objects at a time, since those of one object lie together (100 names in
 * 1,000 objects are done in half of the time).
 */
static void settle_all(void)
{
	uint32_t most = 0;

	for (struct lgr_site *site = pass.changed; site; site = site->changed) {
		site->lazy = false;
		site->plain = lgr_site_is_plain(site);
		site->from = common_before(site, site->before);
		most = site->name->count > most ? site->name->count : most;
	}
	for (uint32_t i = 0; i < most; i += BLOCK)
		for (struct lgr_site *site = pass.changed; site; site = site->changed)
			settle_slots(site, i, lgr_min(i + BLOCK, site->name->count));
	for (struct lgr_site *site = pass.changed; site; site = site->changed)
		pass.lazy |= site->lazy;
}

/* ----------------------------------------------------------------------------------- definitions */

static uintptr_t *value_of(const struct lgr_site *site)
{
	return (uintptr_t *)&site->elf.symbols[site->symbol].st_value;
}

/* Opens what is needed to write a definition; several stand on one page. */
static bool open_definition(const struct lgr_site *site)
{
	uintptr_t at = (uintptr_t)value_of(site), page = lgr_page_down(at);

	for (uint32_t i = 0; i < pass.windows; i++)
		if (pass.window[i].lo == page)
			return true;
	if (!lgr_window_open(&pass.window[pass.windows], page, page + LGR_PAGE, at,
			     lgr_patch_protection(site->object, at)))
		return false;
	pass.windows++;
	return true;
}

/*
 * One aligned store: whoever reads it gets the one or the other. An IFUNC stays one, with a resolver of
 * ours that says the replacement.
 */
static void write_definition(struct lgr_site *site)
{
	const ElfW(Sym) *s = &site->elf.symbols[site->symbol];
	uintptr_t value = site->value;

	if (site->bound != site->address) {
		value = site->stub ? lgr_resolver(site->stub - 1, site->bound) : site->bound;
		value -= s->st_shndx == SHN_ABS ? 0 : site->elf.load;
	}
	__atomic_store_n(value_of(site), value, __ATOMIC_SEQ_CST);
}

static bool get_stub(struct lgr_site *site)
{
	const ElfW(Sym) *s = &site->elf.symbols[site->symbol];

	if (ELF64_ST_TYPE(s->st_info) == STT_GNU_IFUNC && !site->stub)
		site->stub = lgr_resolver_get();
	return ELF64_ST_TYPE(s->st_info) != STT_GNU_IFUNC || site->stub;
}

/* --------------------------------------------------------------------------------------- the pass */

static void close_windows(void)
{
	for (uint32_t i = 0; i < pass.windows; i++) {
		lgr_window_close(&pass.window[i]);
		if (pass.window[i].mark)
			set_bit(open_now, pass.window[i].mark - 1, false);
	}
	lgr_arena_free(pass.window, pass.room * sizeof(*pass.window));
	pass.window = NULL;
	pass.windows = pass.room = 0;
}

static bool make_room(uint32_t windows)
{
	pass.written = 0;
	pass.lazy = false;
	pass.room = windows;
	pass.window = lgr_arena_alloc(windows * sizeof(*pass.window));
	return pass.window;
}

static int open_definitions(void)
{
	uint32_t n = 0;

	for (struct lgr_site *site = pass.changed; site; site = site->changed, n++) {
		bool door = lgr_site_wants_door(site);

		if (!get_stub(site))
			return -ENOMEM;
		pass.refused = site;
		if (door && !lgr_door_reaches(&site->door, lgr_site_common(site)))
			return -EOPNOTSUPP;
		site->original = door ? site->door.beyond : site->address;
	}
	if (!make_room(n + 16))
		return -ENOMEM;
	for (struct lgr_site *site = pass.changed; site; site = site->changed) {
		pass.refused = site;
		if (!open_definition(site))
			return -EPERM;
	}
	return 0;
}

const struct lgr_site *lgr_sites_refused(void)
{
	return pass.refused;
}

int lgr_sites_prepare(void)
{
	int r = open_definitions();

	if (r < 0)
		close_windows();
	return r;
}

static void finish(enum lgr_counter which)
{
	close_windows();
	atomic_fetch_add_explicit(&lgr_region.counter[which], pass.written, memory_order_relaxed);
}

static int set_doors(void)
{
	int r = 0;

	for (struct lgr_site *site = pass.changed; site; site = site->changed)
		if (site->door.function &&
		    !lgr_door_set(&site->door, lgr_site_wants_door(site) ? site->bound : 0))
			r = -EBUSY;
	return r;
}

int lgr_sites_commit(bool *ret_lazy)
{
	for (struct lgr_site *site = pass.changed; site; site = site->changed) {
		site->before = site->bound;
		site->bound = lgr_site_common(site);
		settle_own_slots(site);
	}
	for (struct lgr_site *site = pass.changed; site; site = site->changed)
		write_definition(site);
	settle_all();
	finish(LGR_N_SLOTS_WRITTEN);
	*ret_lazy = pass.lazy;
	return set_doors();
}

uint32_t lgr_sites_verify(void)
{
#ifdef LGR_UNVERIFIED
	return 0; /* a build for the tests, which then lose redirects to first calls */
#endif
	if (!make_room(16))
		return 0;
	settle_all();
	finish(LGR_N_SLOTS_RETRIED);
	return pass.written;
}

void lgr_sites_apply_to(const struct lgr_object *object)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);

	if (!indexed || !make_room(1))
		return;
	for (uint32_t i = 0; i < indexed->n; i++)
		for (struct lgr_site *site = indexed->slot[i].name->sites; site; site = site->next)
			settle_slot(site, indexed->slot[i].at, 0);
	finish(LGR_N_SLOTS_WRITTEN);
}
