/*
 * site.c - definitions that are redirected: what is to lead where. See site.h.
 *
 * Owns: the sites. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "site.h"

#include "arena.h"
#include "copied.h"
#include "lock.h"
#include "registry.h"
#include "resolver.h"
#include "scope.h"
#include "sys.h"
#include "text.h"

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

ElfW(Sym) lgr_site_found(const struct lgr_object *object, const struct lgr_name *name,
			 const struct lgr_elf *elf, uint32_t symbol)
{
	ElfW(Sym) s = elf->symbols[symbol];
	const struct lgr_indexed *indexed = lgr_indexed_of(object);
	const struct lgr_site *site = NULL;

	if (name && indexed && indexed->sites)
		site = lgr_site_find(object, name, symbol);
	if (site)
		s.st_value = site->value;
	return s;
}

/* Another version of the same name, at the same address: what a slot holds does not tell which it is. */
static bool has_twin(const struct lgr_object *object, const struct lgr_name *name,
		     const struct lgr_elf *elf, uint32_t symbol)
{
	uintptr_t value = elf->symbols[symbol].st_value;

	for (uint32_t i = elf->versions ? lgr_elf_same_name(elf, symbol, 0) : 0; i;
	     i = lgr_elf_same_name(elf, symbol, i))
		if (i != symbol && lgr_site_found(object, name, elf, i).st_value == value)
			return true;
	return false;
}

struct lgr_site *lgr_site_get(struct lgr_object *object, struct lgr_name *name, uint32_t symbol)
{
	struct lgr_site *site = lgr_site_find(object, name, symbol);
	struct lgr_indexed *indexed = lgr_indexed_of(object);
	const struct lgr_elf *elf = &indexed->elf;
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
		.elf = elf,
		.symbol = symbol,
		.value = s->st_value,
		.address = lgr_elf_resolve(elf, s),
		.twin = has_twin(object, name, elf, symbol),
	};
	site->before = site->bound = site->original = site->address;
	name->sites = site;
	name->users++;
	indexed->sites++;
	return site;
}

void lgr_site_find_door(struct lgr_site *site)
{
	if (site->door)
		return;
	site->door = lgr_door_of(site->address);
	if (!site->door)
		return;
	site->beside = site->door->sites;
	site->door->sites = site;
}

static void leave_door(struct lgr_site *site)
{
	struct lgr_site **at = site->door ? &site->door->sites : NULL;

	if (!at)
		return;
	while (*at != site)
		at = &(*at)->beside;
	*at = site->beside;
	if (!site->door->sites)
		lgr_door_free(site->door);
}

void lgr_site_put(struct lgr_site *site)
{
	struct lgr_site **at = &site->name->sites;

	if (site->ties)
		return;
	while (*at != site)
		at = &(*at)->next;
	*at = site->next;
	leave_door(site);
	lgr_indexed_of(site->object)->sites--;
	lgr_resolver_put(site->stub);
	lgr_index_drop(site->name);
	lgr_arena_free(site, sizeof(*site));
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

/* Without a log the registry has no path of the program (lgr_log_exe), and a filter would never fit it. */
const char *lgr_redirect_path(const struct lgr_object *object)
{
	static char program[4096] LGR_BIG;
	const char *path = lgr_path_of(object);

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (*path || !lgr_is(object, LGR_FL_MAIN))
		return path;
	if (!*program)
		lgr_sys_readlink("/proc/self/exe", program, sizeof(program));
	return program;
}

bool lgr_redirect_means(const struct linger_redirect *r, const struct lgr_object *owner)
{
	bool fits = true;

	if (r->caller.object)
		fits = is(&r->caller, owner);
	else if (r->callers)
		fits = lgr_glob(r->callers, lgr_redirect_path(owner));
	return fits != !!(r->flags & LINGER_ALL_BUT);
}

bool lgr_redirect_filters(const struct linger_redirect *r)
{
	return r->caller.object || r->callers;
}

/* What everybody gets: the newest redirect without a filter. */
static const struct linger_redirect *newest_of(const struct lgr_site *site)
{
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older)
		if (!tie->gone && !lgr_redirect_filters(tie->redirect))
			return tie->redirect;
	return NULL;
}

uintptr_t lgr_site_common(const struct lgr_site *site)
{
	const struct linger_redirect *r = newest_of(site);

	return r ? r->replacement : site->address;
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

bool lgr_site_is_plain(const struct lgr_site *site)
{
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older)
		if (lgr_redirect_filters(tie->redirect))
			return false;
	return true;
}

bool lgr_site_wants_door(const struct lgr_site *site)
{
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older)
		if (!tie->gone && (tie->redirect->flags & LINGER_AT_ENTRY))
			return true;
	return false;
}

uintptr_t lgr_door_target(const struct lgr_door *door)
{
	const struct linger_redirect *newest = NULL, *r;

	for (const struct lgr_site *site = door->sites; site; site = site->beside) {
		r = lgr_site_wants_door(site) ? newest_of(site) : NULL;
		if (r && (!newest || r->number > newest->number))
			newest = r;
	}
	return newest ? newest->replacement : 0;
}

/* Is the redirect also of a name whose door is open? */
static bool is_at_door(const struct linger_redirect *r, const struct lgr_door *door)
{
	for (const struct lgr_tie *tie = r->ties; tie; tie = tie->next)
		if (!tie->gone && tie->site->door == door && lgr_site_wants_door(tie->site))
			return true;
	return false;
}

/* Through a door behind which a redirect of the site's own stands, whoever calls its previous may call itself. */
uintptr_t lgr_site_original(const struct lgr_site *site)
{
	for (const struct lgr_tie *tie = site->door ? site->ties : NULL; tie; tie = tie->older)
		if (!tie->gone && is_at_door(tie->redirect, site->door))
			return site->door->beyond;
	return site->address;
}

/* ----------------------------------------------------------------------------------------- slots */

const struct lgr_object *lgr_slot_owner(const struct lgr_name *name, uint32_t i)
{
	return lgr_registry_at(name->owner[i].slot);
}

/* What overrides and is about to go is still in the scopes: not for whom is to fall back. NULL: nothing is. */
static const struct link_map *given_up(const struct lgr_site *site)
{
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older) {
		const struct lgr_who *module = &tie->redirect->module;

		if (tie->gone && tie->redirect->override && module->object->id == module->id)
			return lgr_map_of(module->object);
	}
	return NULL;
}

bool lgr_slot_reference(const struct lgr_name *name, uint32_t i, struct lgr_found *ret)
{
	const struct lgr_object *owner = lgr_slot_owner(name, i);
	const struct lgr_indexed *indexed = lgr_indexed_of(owner);
	uint32_t symbol = indexed->slot[name->owner[i].nth].symbol;

	if (!symbol)
		return lgr_copied_from(&indexed->elf, (uintptr_t)lgr_slot_of(name, i), ret);
	*ret = (struct lgr_found){ .map = lgr_map_of(owner),
				   .elf = indexed->elf,
				   .symbol = symbol };
	return true;
}

/* What the slot asks the loader for. False: nobody knows. */
static bool wanted_by(const struct lgr_name *name, uint32_t i, struct lgr_found *ret_from,
		      struct lgr_wanted *ret)
{
	*ret = (struct lgr_wanted){
		.name = name->text,
		.hash = name->hash,
		.address = name->owner[i].kind != LGR_SLOT_JUMP,
		.reference = true,
	};
	if (!lgr_slot_reference(name, i, ret_from))
		return false;
	ret->version = lgr_elf_version(&ret_from->elf, ret_from->symbol);
	return true;
}

uint64_t lgr_slot_definer(const struct lgr_name *name, uint32_t i)
{
	const struct lgr_object *object;
	struct lgr_found from, found;
	struct lgr_wanted wanted;

	if (!wanted_by(name, i, &from, &wanted) || !lgr_scope_find(from.map, NULL, &wanted, &found))
		return 0;
	object = lgr_registry_find((uintptr_t)found.map, UINT64_MAX);
	return object ? object->id : 0;
}

/* Would the loader bind the slot to this very definition? */
bool lgr_site_binds(const struct lgr_site *site, uint32_t i)
{
	struct lgr_found from, found;
	struct lgr_wanted wanted;

	/* Where nobody knows, the name has to do: left unbound, a replacement would call itself. */
	if (!lgr_field_known(LGR_FIELD_SCOPES) || !wanted_by(site->name, i, &from, &wanted))
		return true;
	return lgr_scope_find(from.map, given_up(site), &wanted, &found) &&
	       found.map == lgr_map_of(site->object) && found.symbol == site->symbol;
}

/* Would it, if there were no other object? */
static bool is_version_of(const struct lgr_site *site, uint32_t i)
{
	struct lgr_wanted wanted;
	struct lgr_found from;

	return !wanted_by(site->name, i, &from, &wanted) ||
	       lgr_elf_lookup(site->elf, &wanted) == site->symbol;
}

bool lgr_site_others_lead_to(const struct lgr_site *site, uintptr_t value, bool of_another)
{
	for (const struct lgr_site *other = site->name->sites; other; other = other->next)
		for (const struct lgr_tie *tie = other->ties; tie && other != site;
		     tie = tie->older)
			if (tie->redirect->replacement == value &&
			    (!of_another || other->id != site->id))
				return true;
	return false;
}

static bool is_namesake(const struct lgr_site *site, uintptr_t value)
{
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older)
		if (tie->namesake && tie->redirect->replacement == value)
			return true;
	return false;
}

bool lgr_site_has(const struct lgr_site *site, uint32_t i, uintptr_t value)
{
	/* The loader may find another object's by now, but within one it is the reference that tells. */
	if (lgr_slot_is(site->name, i, LGR_MARK_KNOWN))
		return site->name->owner[i].bound == (uint32_t)site->id && is_version_of(site, i);
	if (!lgr_site_others_lead_to(site, value, true) && !is_namesake(site, value))
		return is_version_of(site, i);
	return lgr_site_binds(site, i);
}

/* The only one who leads there by now, or is there; 0: nobody, or there are more. */
static uint64_t find_other(const struct lgr_tie *tie)
{
	uint64_t id = 0;

	for (const struct lgr_site *site = tie->site->name->sites; site; site = site->next)
		for (const struct lgr_tie *other = site->ties; other; other = other->older) {
			if (other == tie ||
			    other->redirect->replacement != tie->redirect->replacement)
				continue;
			if (site == tie->site || tie->namesake || (id && id != site->id))
				return 0;
			id = site->id;
		}
	return tie->namesake ? tie->redirect->module.id : id;
}

void lgr_site_know_others(const struct lgr_tie *tie)
{
	struct lgr_name *name = tie->site->name;
	uint64_t id = find_other(tie);

	for (uint32_t i = 0; id && i < name->count; i++)
		if (!lgr_slot_is(name, i, LGR_MARK_KNOWN | LGR_MARK_FIXED) &&
		    lgr_slot_load(name, i) == tie->redirect->replacement)
			lgr_slot_know(name, i, id, true);
}

/* Is this one of the addresses that the site has led to? Sets what else may have put it there. */
bool lgr_site_leads(const struct lgr_site *site, uintptr_t value, bool *ret_doubtful)
{
	*ret_doubtful = site->twin;
	if (value == site->address) {
		*ret_doubtful = site->twin || lgr_site_others_lead_to(site, value, false);
		return true;
	}
	if (site->door && value == site->door->beyond)
		return true;
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older) {
		if (value != tie->redirect->replacement)
			continue;
		*ret_doubtful = site->twin || tie->namesake ||
				lgr_site_others_lead_to(site, value, false);
		return true;
	}
	return false;
}

/* Is it bound to what its own object defines? */
static bool is_bound_inside(const struct lgr_name *name, uint32_t i, uintptr_t value)
{
	const struct lgr_object *owner = lgr_slot_owner(name, i);
	const struct lgr_indexed *indexed = lgr_indexed_of(owner);
	uint32_t symbol = indexed->slot[name->owner[i].nth].symbol;
	const ElfW(Sym) *s = &indexed->elf.symbols[symbol];
	const struct lgr_site *site;

	if (s->st_shndx == SHN_UNDEF)
		return false;
	site = lgr_site_find(owner, name, symbol);
	return value == (site ? site->address : lgr_elf_resolve(&indexed->elf, s));
}

/* A slot that waits for its first call leads into its own object's PLT. */
bool lgr_slot_is_unbound(const struct lgr_name *name, uint32_t i, uintptr_t value)
{
	const struct lgr_object *owner = lgr_slot_owner(name, i);

	return name->owner[i].kind == LGR_SLOT_JUMP && value >= owner->lo && value < owner->hi &&
	       !is_bound_inside(name, i, value);
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
	int verdict = lgr_site_wants_door(tie->site) ? judge_bound(tie, tie->site->bound) : 0;

	return verdict ? verdict : LINGER_INTERNAL;
}

/* Of the replacing module, or of one whose replacement this one replaces. */
static bool is_own(const struct lgr_tie *tie, const struct lgr_object *owner)
{
	for (; tie; tie = tie->older)
		if (!tie->gone && lgr_redirect_owns(tie->redirect, owner))
			return true;
	return false;
}

int lgr_site_judge(const struct lgr_tie *tie, uint32_t i)
{
	const struct lgr_name *name = tie->site->name;
	const struct lgr_object *owner = lgr_slot_owner(name, i);
	const struct linger_redirect *r = tie->redirect;
	uintptr_t value;
	bool doubtful;
	int verdict;

	if (lgr_slot_is(name, i, LGR_MARK_FIXED))
		return LINGER_OTHER;
	value = lgr_slot_load(name, i);
	verdict = judge_bound(tie, value);
	if (verdict)
		return verdict;
	if (lgr_site_leads(tie->site, value, &doubtful)) {
		if (is_own(tie, owner))
			return LINGER_OWN;
		if (!lgr_redirect_means(r, owner))
			return LINGER_NOT_MEANT;
		if (lgr_slot_is(name, i, LGR_MARK_REFUSED))
			return LINGER_REFUSED;
		return doubtful && !lgr_site_has(tie->site, i, value) ? LINGER_OTHER
								      : LINGER_UNSETTLED;
	}
	return lgr_slot_is_unbound(name, i, value) && lgr_site_binds(tie->site, i) ? LINGER_UNBOUND
										   : LINGER_OTHER;
}
