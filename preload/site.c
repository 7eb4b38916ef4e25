/*
 * site.c - definitions that are redirected, and what is bound to them. See site.h.
 *
 * Owns: the sites, and the pass under way. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "site.h"

#include "arena.h"
#include "lock.h"
#include "log.h"
#include "pages.h"
#include "patch.h"
#include "registry.h"
#include "resolver.h"
#include "scope.h"
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

void lgr_site_single_out(struct lgr_object *object, bool on)
{
	object->singled += on ? 1 : (uint32_t)-1;
	if (object->singled == on)
		lgr_index_mark(object, LGR_MARK_SINGLED, on);
}

/* ----------------------------------------------------------------------------------------- sites */

struct lgr_site *lgr_site_find(const struct lgr_object *object, const struct lgr_name *name,
			       uint32_t symbol)
{
	struct lgr_site *site = name->sites;

	while (site && (site->object != object || site->id != object->id || site->symbol != symbol))
		site = site->next;
	return site;
}

/* Another version of the same name, at the same address: what a slot holds does not tell which it is. */
static bool has_twin(const struct lgr_elf *elf, uint32_t symbol)
{
	const ElfW(Sym) *s = elf->symbols, *own = &s[symbol];

	for (uint32_t i = elf->versions ? lgr_elf_same_name(elf, symbol, 0) : 0; i;
	     i = lgr_elf_same_name(elf, symbol, i))
		if (i != symbol && s[i].st_value == own->st_value)
			return true;
	return false;
}

struct lgr_site *lgr_site_get(struct lgr_object *object, const struct lgr_elf *elf,
			      struct lgr_name *name, uint32_t symbol)
{
	struct lgr_site *site = lgr_site_find(object, name, symbol);
	const ElfW(Sym) *s = &elf->symbols[symbol];

	if (site)
		return site;
	site = lgr_arena_alloc(sizeof(*site));
	if (!site)
		return NULL;
	*site = (struct lgr_site){
		.next = name->sites,
		.name = name,
		.object = object,
		.id = object->id,
		.elf = *elf,
		.symbol = symbol,
		.value = s->st_value,
		.address = lgr_elf_resolve(elf, s),
		.twin = has_twin(elf, symbol),
	};
	site->before = site->bound = site->original = site->address;
	name->sites = site;
	name->users++;
	return site;
}

void lgr_site_put(struct lgr_site *site)
{
	struct lgr_site **at = &site->name->sites;

	if (site->ties)
		return;
	while (*at != site)
		at = &(*at)->next;
	*at = site->next;
	lgr_resolver_put(site->stub);
	lgr_index_drop(site->name);
	lgr_arena_free(site, sizeof(*site));
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

/* --------------------------------------------------------------------------------------- targets */

static bool is(const struct lgr_who *who, const struct lgr_object *object)
{
	return who->object == object && who->id == object->id;
}

bool lgr_redirect_owns(const struct linger_redirect *r, const struct lgr_object *owner)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (is(&r->own[i], owner))
			return true;
	return false;
}

bool lgr_redirect_means(const struct linger_redirect *r, const struct lgr_object *owner)
{
	bool fits = true;

	if (r->caller.object)
		fits = is(&r->caller, owner);
	else if (r->callers)
		fits = lgr_glob(r->callers, lgr_path_of(owner));
	return fits != !!(r->flags & LINGER_ALL_BUT);
}

static bool is_filtered(const struct linger_redirect *r)
{
	return r->caller.object || r->callers;
}

/* What everybody gets: the newest redirect without a filter. */
static uintptr_t common_target(const struct lgr_site *site)
{
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older)
		if (!tie->gone && !is_filtered(tie->redirect))
			return tie->redirect->replacement;
	return site->address;
}

/*
 * Who belongs to a replacement gets what was there before it, and before the oldest one that it belongs
 * to: led to a newer one, which calls its previous, it would call itself.
 */
uintptr_t lgr_site_target(const struct lgr_site *site, const struct lgr_object *owner)
{
	const struct lgr_tie *newest = site->ties, *tie;

	for (tie = site->ties; tie; tie = tie->older)
		if (!tie->gone && lgr_redirect_owns(tie->redirect, owner))
			newest = tie->older;
	for (tie = newest; tie; tie = tie->older)
		if (!tie->gone && lgr_redirect_means(tie->redirect, owner))
			return tie->redirect->replacement;
	return site->original;
}

static bool is_plain(const struct lgr_site *site)
{
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older)
		if (is_filtered(tie->redirect))
			return false;
	return true;
}

/* ----------------------------------------------------------------------------------------- slots */

static const struct lgr_object *owner_of(const struct lgr_name *name, uint32_t i)
{
	return lgr_registry_at(name->owner[i].slot);
}

/* Would the loader bind the slot to this very definition? */
static bool refers(const struct lgr_site *site, uint32_t i)
{
	const struct lgr_name *name = site->name;
	const struct lgr_object *owner = owner_of(name, i);
	const struct lgr_indexed *indexed = lgr_indexed_of(owner);
	const struct lgr_wanted wanted = {
		.name = name->text,
		.version = lgr_elf_version(&indexed->elf, indexed->slot[name->owner[i].nth].symbol),
		.hash = name->hash,
		.address = name->owner[i].kind != LGR_SLOT_JUMP,
	};
	struct lgr_found found;

	return lgr_scope_find(lgr_map_of(owner), &wanted, &found) &&
	       found.map == lgr_map_of(site->object) && found.symbol == site->symbol;
}

/* Does another definition of the name lead there, too? Such are of one redirect, or of two alike. */
static bool leads_there_as_well(const struct lgr_site *site, uintptr_t replacement)
{
	for (const struct lgr_site *other = site->name->sites; other; other = other->next)
		for (const struct lgr_tie *tie = other->ties; tie && other != site;
		     tie = tie->older)
			if (tie->redirect->replacement == replacement)
				return true;
	return false;
}

/* Is this one of the addresses that the site has led to? Sets what else may have put it there. */
static bool leads_here(const struct lgr_site *site, uintptr_t value, bool *ret_doubtful)
{
	*ret_doubtful = site->twin;
	if (value == site->address || (site->door.beyond && value == site->door.beyond))
		return true;
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older) {
		if (value != tie->redirect->replacement)
			continue;
		*ret_doubtful = site->twin || tie->redirect->namesake ||
				leads_there_as_well(site, value);
		return true;
	}
	return false;
}

/* A slot that waits for its first call leads into its own object's PLT. */
static bool is_unbound(const struct lgr_name *name, uint32_t i, uintptr_t value)
{
	const struct lgr_object *owner = owner_of(name, i);

	return name->owner[i].kind == LGR_SLOT_JUMP && value >= owner->lo && value < owner->hi;
}

static uintptr_t load(const struct lgr_name *name, uint32_t i)
{
	return __atomic_load_n(lgr_slot_of(name, i), __ATOMIC_RELAXED);
}

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

static void write_slot(struct lgr_name *name, uint32_t i, uintptr_t value)
{
	const struct lgr_object *owner = owner_of(name, i);
	const struct lgr_indexed *indexed = lgr_indexed_of(owner);
	uintptr_t *at = lgr_slot_of(name, i);
	bool done = true;

	if (!lgr_slot_is(name, i, LGR_MARK_GUARDED))
		__atomic_store_n(at, value, __ATOMIC_RELEASE);
	else if ((uintptr_t)at < indexed->relro_lo || (uintptr_t)at >= indexed->relro_hi)
		done = lgr_patch_word(owner, at, value); /* between code (DT_TEXTREL) */
	else if (open_window_of(name, i))
		__atomic_store_n(at, value, __ATOMIC_RELEASE);
	else
		done = false;
	lgr_slot_mark(name, i, LGR_MARK_REFUSED, !done);
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
	value = load(name, i);
	if (!wanted || lgr_slot_is(name, i, LGR_MARK_SINGLED))
		wanted = lgr_site_target(site, owner_of(name, i));
	if (value == wanted)
		return;
	if (leads_here(site, value, &doubtful)) {
		if (!doubtful || refers(site, i))
			write_slot(name, i, wanted);
	} else if (is_unbound(name, i, value)) {
		site->lazy = true;
		if (wanted != site->bound && refers(site, i))
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

	return leads_here(site, was, &doubtful) && !doubtful && was != site->bound ? was : 0;
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
		site->plain = is_plain(site);
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

static bool wants_door(const struct lgr_site *site)
{
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older)
		if (!tie->gone && (tie->redirect->flags & LINGER_AT_ENTRY))
			return true;
	return false;
}

static int open_definitions(void)
{
	uint32_t n = 0;

	for (struct lgr_site *site = pass.changed; site; site = site->changed, n++) {
		bool door = wants_door(site);

		if (!get_stub(site))
			return -ENOMEM;
		pass.refused = site;
		if (door && !lgr_door_reaches(&site->door, common_target(site)))
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
		    !lgr_door_set(&site->door, wants_door(site) ? site->bound : 0))
			r = -EBUSY;
	return r;
}

int lgr_sites_commit(bool *ret_lazy)
{
	for (struct lgr_site *site = pass.changed; site; site = site->changed) {
		site->before = site->bound;
		site->bound = common_target(site);
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

/* ---------------------------------------------------------------------------------------- reports */

static int judge_bound(const struct lgr_tie *tie, uintptr_t value)
{
	const struct linger_redirect *r = tie->redirect;
	const struct lgr_tie *newer = tie->site->ties;

	if (value == r->replacement)
		return LINGER_CHANGED;
	for (; newer != tie; newer = newer->older)
		if (value == newer->redirect->replacement)
			return LINGER_NEWER;
	return 0;
}

int lgr_site_judge_call(const struct lgr_tie *tie)
{
	int verdict = wants_door(tie->site) ? judge_bound(tie, tie->site->bound) : 0;

	return verdict ? verdict : LINGER_INTERNAL;
}

int lgr_site_judge(const struct lgr_tie *tie, uint32_t i)
{
	const struct lgr_name *name = tie->site->name;
	const struct lgr_object *owner = owner_of(name, i);
	const struct linger_redirect *r = tie->redirect;
	uintptr_t value;
	bool doubtful;
	int verdict;

	if (lgr_slot_is(name, i, LGR_MARK_FIXED))
		return LINGER_OTHER;
	value = load(name, i);
	verdict = judge_bound(tie, value);
	if (verdict)
		return verdict;
	if (leads_here(tie->site, value, &doubtful)) {
		if (lgr_redirect_owns(r, owner))
			return LINGER_OWN;
		if (!lgr_redirect_means(r, owner))
			return LINGER_NOT_MEANT;
		if (lgr_slot_is(name, i, LGR_MARK_REFUSED))
			return LINGER_REFUSED;
		return doubtful && !refers(tie->site, i) ? LINGER_OTHER : LINGER_UNSETTLED;
	}
	return is_unbound(name, i, value) && refers(tie->site, i) ? LINGER_UNBOUND : LINGER_OTHER;
}
