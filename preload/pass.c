/*
 * pass.c - making definitions and slots lead where they should. See pass.h.
 *
 * Owns: the pass under way. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "pass.h"

#include "patch.h"
#include "region.h"
#include "resolver.h"
#include "text.h"

#define ROWS 128u /* settled at once */
/* Of a row at a time: 100 rows of 1,000 take 149 us; by 8 they take 176, by 2 209, one row whole 1,072. */
#define GROUP 4u
#define AHEAD 128u /* bytes of a row, fetched meanwhile */

/* What most sites are in a pass: all slots are to lead from one address to another. */
struct row {
	struct lgr_site *site;
	const uint64_t *at;
	uintptr_t from, to;
	uint32_t count;
};

/* All the state. */
static struct {
	struct lgr_site *changed; /* what the pass is about */
	bool lazy;
	uint32_t written;
	const struct lgr_site *refused; /* why there was none */
	struct row row[ROWS];
	uint32_t rows, longest;
	struct {
		uintptr_t lo, size;
	} near[GROUP]; /* open windows: where a group's slots were in the row before */
} pass;

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

static bool write_relro(const struct lgr_name *name, uint32_t i, uintptr_t value)
{
	uintptr_t lo, size = lgr_windows_open_relro(lgr_slot_owner(name, i),
						    (uintptr_t)lgr_slot_of(name, i), &lo);

	if (!size)
		return false;
	pass.near[i % GROUP].lo = lo;
	pass.near[i % GROUP].size = size;
	lgr_slot_store(name, i, value);
	return true;
}

/* There are many: of what is writable nothing but the slot is touched. */
static void write_slot(struct lgr_name *name, uint32_t i, uintptr_t value)
{
	bool done = true;

	if (lgr_slot_is(name, i, LGR_MARK_RELRO))
		done = write_relro(name, i, value);
	else if (lgr_slot_is(name, i, LGR_MARK_CODE))
		done = lgr_patch_word(lgr_slot_owner(name, i), lgr_slot_of(name, i), value);
	else
		lgr_slot_store(name, i, value);
	if (lgr_slot_is(name, i, LGR_MARK_RELRO) || lgr_slot_is(name, i, LGR_MARK_CODE))
		lgr_slot_mark(name, i, LGR_MARK_REFUSED, !done);
	pass.written += done;
}

/* Where others lead, too: the loader's search does not tell later who was bound to which before. */
static bool is_shared(const struct lgr_site *site, uintptr_t value)
{
	bool doubtful;

	return lgr_site_leads(site, value, &doubtful) && doubtful;
}

static void lead(struct lgr_site *site, uint32_t i, uintptr_t value)
{
	write_slot(site->name, i, value);
	if (lgr_slot_load(site->name, i) == value)
		lgr_slot_know(site->name, i, site->id, is_shared(site, value));
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
		if (!doubtful || lgr_site_has(site, i, value))
			lead(site, i, wanted);
	} else if (lgr_slot_is_unbound(name, i, value)) {
		site->lazy = true;
		if (wanted != site->bound && lgr_site_binds(site, i))
			write_slot(name, i, wanted);
	}
}

static inline uintptr_t differs(uint64_t at, uintptr_t from)
{
	return __atomic_load_n((uintptr_t *)at, __ATOMIC_RELAXED) ^ from;
}

static inline void store(uint64_t at, uintptr_t value)
{
	__atomic_store_n((uintptr_t *)at, value, __ATOMIC_RELEASE);
}

/* A group of slots that have no mark and hold what everybody held before, as most do. False: not this one. */
static inline bool settle_at_once(const uint64_t *at, uintptr_t from, uintptr_t to)
{
	const uint64_t a = at[0], b = at[1], c = at[2], d = at[3];

	if (lgr_unlikely((a | b | c | d) >> LGR_MARK_SHIFT) ||
	    lgr_unlikely(differs(a, from) | differs(b, from) | differs(c, from) | differs(d, from)))
		return false;
	store(a, to);
	store(b, to);
	store(c, to);
	store(d, to);
	return true;
}

/* As it is: without a mark, or in a window that is open. */
static inline bool may_store(const struct lgr_name *name, uint32_t i)
{
	uintptr_t mark = name->at[i] >> LGR_MARK_SHIFT, at = (uintptr_t)lgr_slot_of(name, i);

	return !mark ||
	       (mark == LGR_MARK_RELRO && at - pass.near[i % GROUP].lo < pass.near[i % GROUP].size);
}

static uint32_t settle_each(const struct row *row, uint32_t i, uint32_t end)
{
	const struct lgr_name *name = row->site->name;
	uint32_t written = 0;

	for (; i < end; i++) {
		uintptr_t value = lgr_slot_load(name, i);

		if (value == row->from && may_store(name, i)) {
			lgr_slot_store(name, i, row->to);
			written++;
		} else if (value != row->to || !may_store(name, i)) {
			settle_slot(row->site, i, row->to);
		}
	}
	return written;
}

/*
 * A few objects at a time for all rows, not row by row: the slots of one object lie together, and those of one
 * name alike in their pages, where they push each other out of the cache.
 */
static uint32_t settle_in_turn(const struct row *row, const struct row *end, uint32_t longest)
{
	uint32_t written = 0;

	for (uint32_t i = 0; i < longest; i += GROUP)
		for (const struct row *r = row; r < end; r++) {
			if (i + GROUP > r->count) {
				written += settle_each(r, i, r->count);
				continue;
			}
			/* Beyond its end, too, which does no harm. */
			__builtin_prefetch((void *)((uintptr_t)&r->at[i] + AHEAD));
			if (lgr_likely(settle_at_once(&r->at[i], r->from, r->to)))
				written += GROUP;
			else
				written += settle_each(r, i, i + GROUP);
		}
	return written;
}

static void settle_rows(void)
{
	if (pass.rows == 1)
		pass.written += settle_each(pass.row, 0, pass.row->count);
	else
		pass.written += settle_in_turn(pass.row, pass.row + pass.rows, pass.longest);
	pass.rows = pass.longest = 0;
}

static void add_row(struct lgr_site *site, uintptr_t from)
{
	const struct lgr_name *name = site->name;

	if (pass.rows == ROWS)
		settle_rows();
	pass.row[pass.rows++] = (struct row){
		.site = site, .at = name->at, .from = from, .to = site->bound, .count = name->count
	};
	pass.longest = name->count > pass.longest ? name->count : pass.longest;
}

/* What they held before, where nothing else can have put that there; 0: each slot is looked into. */
static uintptr_t common_before(const struct lgr_site *site, uintptr_t was)
{
	bool doubtful;

	return lgr_site_leads(site, was, &doubtful) && !doubtful && was != site->bound &&
			       !is_shared(site, site->bound)
		       ? was
		       : 0;
}

/* Found in the shorter of the two lists: of a batch in a module that imports thousands each asks for its own. */
static void settle_slots_of(struct lgr_site *site, const struct lgr_object *object)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);
	const struct lgr_name *name = site->name;

	if (!indexed)
		return;
	for (uint32_t i = 0; i < name->count && name->count < indexed->n; i++)
		if (lgr_slot_owner(name, i) == object)
			settle_slot(site, i, 0);
	for (uint32_t i = 0; i < indexed->n && indexed->n <= name->count; i++)
		if (indexed->slot[i].name == name)
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

static void settle_all(void)
{
	for (struct lgr_site *site = pass.changed; site; site = site->changed) {
		uintptr_t common = lgr_site_is_plain(site) ? site->bound : 0;
		uintptr_t from = common ? common_before(site, site->before) : 0;

		site->lazy = false;
		if (from)
			add_row(site, from);
		for (uint32_t i = 0; !from && i < site->name->count; i++)
			settle_slot(site, i, common);
	}
	settle_rows();
	for (struct lgr_site *site = pass.changed; site; site = site->changed)
		pass.lazy |= site->lazy;
}

/* ----------------------------------------------------------------------------------- definitions */

static uintptr_t *value_of(const struct lgr_site *site)
{
	return (uintptr_t *)&site->elf->symbols[site->symbol].st_value;
}

/*
 * One aligned store: whoever reads it gets the one or the other. An IFUNC stays one, with a resolver of
 * ours that says the replacement.
 */
static void write_definition(struct lgr_site *site)
{
	const ElfW(Sym) *s = &site->elf->symbols[site->symbol];
	uintptr_t value = site->value;

	if (site->bound != site->address) {
		value = site->stub ? lgr_resolver(site->stub - 1, site->bound) : site->bound;
		value -= s->st_shndx == SHN_ABS ? 0 : site->elf->load;
	}
	__atomic_store_n(value_of(site), value, __ATOMIC_SEQ_CST);
}

static bool get_stub(struct lgr_site *site)
{
	const ElfW(Sym) *s = &site->elf->symbols[site->symbol];

	if (ELF64_ST_TYPE(s->st_info) == STT_GNU_IFUNC && !site->stub)
		site->stub = lgr_resolver_get();
	return ELF64_ST_TYPE(s->st_info) != STT_GNU_IFUNC || site->stub;
}

/* --------------------------------------------------------------------------------------- the pass */

static bool begin(uint32_t definitions)
{
	pass.written = 0;
	pass.lazy = false;
	return lgr_windows_begin(definitions);
}

static void end(void)
{
	lgr_windows_close();
	lgr_zero(pass.near, sizeof(pass.near));
}

/* All names of a function: what is the previous of one depends on the others. */
static void add_those_beside(void)
{
	for (struct lgr_site *site = pass.changed; site; site = site->changed)
		for (struct lgr_site *s = site->door ? site->door->sites : NULL; s; s = s->beside)
			lgr_site_changed(s);
}

static int open_definitions(void)
{
	uint32_t n = 0;

	add_those_beside();
	for (struct lgr_site *site = pass.changed; site; site = site->changed, n++) {
		bool door = lgr_site_wants_door(site);

		if (!get_stub(site))
			return -ENOMEM;
		pass.refused = site;
		if (door && !(site->door && lgr_door_reaches(site->door, lgr_site_common(site))))
			return -EOPNOTSUPP;
		if (door && !lgr_door_opens())
			return -EPERM;
		site->original = lgr_site_original(site);
	}
	if (!begin(n + 16))
		return -ENOMEM;
	for (struct lgr_site *site = pass.changed; site; site = site->changed) {
		pass.refused = site;
		if (!lgr_windows_open(site->object, (uintptr_t)value_of(site)))
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
		end();
	return r;
}

static void finish(enum lgr_counter which)
{
	end();
	lgr_count_by(which, pass.written);
}

static int set_doors(void)
{
	int r = 0;

	for (struct lgr_site *site = pass.changed; site; site = site->changed)
		if (site->door && !lgr_door_set(site->door, lgr_door_target(site->door)))
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
	if (!begin(16))
		return 0;
	settle_all();
	finish(LGR_N_SLOTS_RETRIED);
	return pass.written;
}

/* Where others lead, too, only now does the loader's search tell what it was bound to. */
static void note_slot(struct lgr_name *name, uint32_t i)
{
	const struct lgr_site *site = name->sites;
	uint64_t id;

	if (lgr_slot_is(name, i, LGR_MARK_KNOWN | LGR_MARK_FIXED))
		return;
	while (site && !is_shared(site, lgr_slot_load(name, i)))
		site = site->next;
	id = site ? lgr_slot_definer(name, i) : 0;
	if (id)
		lgr_slot_know(name, i, id, true);
}

void lgr_sites_apply_to(const struct lgr_object *object)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);

	if (!indexed || !begin(1))
		return;
	for (uint32_t i = 0; i < indexed->n; i++) {
		note_slot(indexed->slot[i].name, indexed->slot[i].at);
		for (struct lgr_site *site = indexed->slot[i].name->sites; site; site = site->next)
			settle_slot(site, indexed->slot[i].at, 0);
	}
	finish(LGR_N_SLOTS_WRITTEN);
}
