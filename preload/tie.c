/*
 * tie.c - which definitions a redirect is tied to. See tie.h.
 *
 * Owns the ties. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "tie.h"

#include "arena.h"
#include "host.h"
#include "loaded.h"
#include "log.h"
#include "pages.h"
#include "reach.h"
#include "real.h"
#include "registry.h"
#include "safe.h"
#include "scope.h"

static uint32_t doubtful; /* ties that are */

bool lgr_ties_doubtful(void)
{
	return doubtful;
}

struct lgr_who lgr_who(struct lgr_object *object)
{
	return (struct lgr_who){ object, object ? object->id : 0 };
}

struct lgr_object *lgr_object_at(const void *address)
{
	return lgr_registry_object(lgr_pages_find((uintptr_t)address));
}

bool lgr_is_live(const struct lgr_object *object)
{
	enum lgr_state state = lgr_state_of(object);

	return state == LGR_ST_LIVE || state == LGR_ST_LOADING;
}

/* ------------------------------------------------------------------------- what is to be replaced */

/* Has the program its own copy of that, under whatever name? Who uses environ has one of __environ. */
static bool is_copied(const struct lgr_elf *elf, const ElfW(Sym) *s)
{
	const struct lgr_name *known;

	if (ELF64_ST_TYPE(s->st_info) == STT_FUNC || ELF64_ST_TYPE(s->st_info) == STT_GNU_IFUNC)
		return false;
	for (uint32_t i = 0; (i = lgr_elf_at(elf, lgr_elf_address(elf, s), i));) {
		known = lgr_index_find(elf->strings + elf->symbols[i].st_name);
		if (known && known->copies)
			return true;
	}
	return false;
}

/* Is there room for a jump at its entry, where one is asked for? Data may look like nops. */
static bool has_entry(const struct linger_redirect *r, const struct lgr_object *object,
		      const struct lgr_elf *elf, uint32_t symbol)
{
	const char *text = elf->strings + elf->symbols[symbol].st_name;
	unsigned type = ELF64_ST_TYPE(elf->symbols[symbol].st_info);
	ElfW(Sym) s;

	if (!(r->flags & LINGER_AT_ENTRY))
		return true;
	s = lgr_site_found(object, r->name ? r->name : lgr_index_find(text), elf, symbol);
	return type != STT_OBJECT && type != STT_COMMON &&
	       lgr_door_fits(lgr_elf_resolve(elf, &s), r->replacement);
}

/* A definition that may be redirected. Returns 0 or why not. */
static int check_symbol(const struct linger_redirect *r, const struct lgr_object *object,
			const struct lgr_elf *elf, uint32_t symbol, struct lgr_text *why)
{
	const ElfW(Sym) *s = &elf->symbols[symbol];
	const char *name = elf->strings + s->st_name, *problem = NULL;
	const struct lgr_indexed *indexed = lgr_indexed_of(object);
	bool alone = (indexed && indexed->untouchable) ||
		     (object->map == (uintptr_t)lgr_libc.self && lgr_real_is_needed(name));

	if (alone)
		problem = " cannot be redirected: it is defined by ";
	else if (ELF64_ST_TYPE(s->st_info) == STT_TLS)
		problem = " is thread-local: each thread has its own, so it has no address";
	else if (is_copied(elf, s))
		problem = " is data that the program has its own copy of (a COPY relocation), "
			  "which its code uses directly";
	else if (!has_entry(r, object, elf, symbol))
		problem = " has no nops at its entry that a jump to the replacement "
			  "fits in (-fpatchable-function-entry=14 has room for any)";
	if (!problem)
		return 0;
	lgr_text_add(why, name);
	lgr_text_add(why, problem);
	if (alone) {
		lgr_text_add(why, lgr_path_of(object));
		lgr_text_add(why, ", whose bindings linger leaves alone");
	}
	return -EOPNOTSUPP;
}

/* May this object's definition answer for the redirect? */
static bool may_define(const struct linger_redirect *r, const struct lgr_object *object)
{
	if (!lgr_is_live(object) || object->namespace != r->namespace ||
	    lgr_is(object, LGR_FL_VDSO) || (lgr_is_there(&r->module) && r->module.object == object))
		return false;
	if (r->provider.object)
		return r->provider.object == object && lgr_is_there(&r->provider);
	return !r->override || object->id < r->override;
}

static uint32_t find_in(const struct linger_redirect *r, const struct lgr_object *object,
			const char *version)
{
	const struct lgr_wanted wanted = { .name = r->name->text,
					   .version = version,
					   .hash = r->name->hash };
	struct lgr_elf room;

	return may_define(r, object) ? lgr_elf_lookup(lgr_loaded_elf(object, &room), &wanted) : 0;
}

/*
 * The definition: in the order of the global scope, if there is one; else the one loaded first. The shim
 * itself counts for what it interposes, since that is what everybody is bound to.
 */
static struct lgr_object *find_definition(const struct linger_redirect *r, const char *version,
					  uint32_t *ret_symbol)
{
	const struct lgr_scope *scope = r->namespace ? NULL : lgr_scope_global();
	struct lgr_object *object = NULL, *first = NULL;
	uint32_t symbol;

	for (uint32_t i = 0; scope && i < scope->count; i++) {
		object = lgr_registry_find((uintptr_t)scope->list[i], UINT64_MAX);
		if (object && (*ret_symbol = find_in(r, object, version)))
			return object;
	}
	/* The registry gives the place of one that has gone to the next. */
	object = NULL;
	while ((object = lgr_registry_next(object)))
		if ((!first || object->id < first->id) && (symbol = find_in(r, object, version))) {
			first = object;
			*ret_symbol = symbol;
		}
	return first;
}

/* --------------------------------------------------------------------------------------- the ties */

/* What is kept because the redirect stands; when none does any more, it is looked at as others are. */
void lgr_tie_need(const struct lgr_who *w, int by)
{
	if (!lgr_is_there(w))
		return;
	w->object->redirects += (uint32_t)by;
	if (w->object->redirects || lgr_state_of(w->object) != LGR_ST_KEPT)
		return;
	w->object->reason = lgr_host_kept(w->object);
	if (lgr_safe()) {
		lgr_reach_unseen(w->object, LGR_UN_RESTORED);
		lgr_safe_kept();
	}
}

void lgr_tie_home(struct linger_redirect *r, struct lgr_tie *tie)
{
	const struct lgr_who was = { r->home ? r->home->site->object : NULL,
				     r->home ? r->home->site->id : 0 };
	const struct lgr_who now = { tie ? tie->site->object : NULL, tie ? tie->site->id : 0 };

	/* What was overridden may go: nothing falls back to what the program has closed. */
	if (!r->override) {
		lgr_tie_need(&now, 1);
		lgr_tie_need(&was, -1);
	}
	r->home = tie;
}

/* Is the replacement what its module defines by the very name, in whatever version? */
static bool is_namesake(const struct linger_redirect *r, const struct lgr_name *name)
{
	const struct lgr_wanted wanted = { .name = name->text,
					   .hash = name->hash,
					   .reference = true };
	const struct lgr_elf *elf;
	struct lgr_elf room;
	bool found = false;
	uint32_t symbol;

	if (!r->module.object || r->override)
		return r->override;
	elf = lgr_loaded_elf(r->module.object, &room);
	symbol = lgr_elf_lookup(elf, &wanted);
	for (uint32_t i = symbol ? lgr_elf_same_name(elf, symbol, 0) : 0; i && !found;
	     i = lgr_elf_same_name(elf, symbol, i)) {
		ElfW(Sym) s = lgr_site_found(r->module.object, name, elf, i);

		found = lgr_elf_resolve(elf, &s) == r->replacement;
	}
	return found;
}

/*
 * One that was there before is found again when the definition that took over from it goes. Tied twice, the
 * redirect would be its own previous.
 */
static struct lgr_tie *tie_of(struct linger_redirect *r, struct lgr_site *site)
{
	struct lgr_tie **at = &site->ties, *tie;

	while (*at && (*at)->redirect->number > r->number)
		at = &(*at)->older;
	if (*at && (*at)->redirect == r)
		return *at;
	tie = lgr_arena_alloc(sizeof(*tie));
	if (!tie)
		return NULL;
	*tie = (struct lgr_tie){ .older = *at,
				 .next = r->ties,
				 .redirect = r,
				 .site = site,
				 .namesake = is_namesake(r, site->name) };
	tie->doubtful = (tie->namesake && !r->override) ||
			lgr_site_others_lead_to(site, r->replacement, true);
	doubtful += tie->doubtful;
	r->ties = *at = tie;
	lgr_site_know_others(tie);
	return tie;
}

/* A redirect of two names of a function would else call itself, through the door of the other one. */
static void share_doors(struct lgr_site *site, const struct linger_redirect *r)
{
	for (const struct lgr_tie *tie = r->ties; tie; tie = tie->next) {
		struct lgr_site *other = tie->site;

		if (other->address != site->address || !other->door == !site->door)
			continue;
		lgr_site_find_door(other->door ? site : other);
		lgr_site_changed(other);
	}
}

/* A door of the site's is new to all that are tied to it. */
static void find_doors(struct lgr_site *site, const struct linger_redirect *r)
{
	if (!(r->flags & LINGER_AT_ENTRY)) {
		share_doors(site, r);
		return;
	}
	lgr_site_find_door(site);
	for (const struct lgr_tie *tie = site->ties; tie; tie = tie->older)
		share_doors(site, tie->redirect);
}

static bool tie_to(struct linger_redirect *r, struct lgr_object *object, const struct lgr_elf *elf,
		   uint32_t symbol)
{
	const char *text = elf->strings + elf->symbols[symbol].st_name;
	struct lgr_name *name = r->name ? r->name : lgr_index_name(text);
	struct lgr_site *site = name ? lgr_site_get(object, name, symbol) : NULL;
	struct lgr_tie *tie = site ? tie_of(r, site) : NULL;

	if (tie) {
		find_doors(site, r);
		lgr_site_changed(site);
		if (!r->home || !lgr_is_live(r->home->site->object))
			lgr_tie_home(r, tie);
	} else if (site) {
		lgr_site_put(site);
	}
	if (name && name != r->name)
		lgr_index_drop(name);
	return tie;
}

/* The definition that was found, and what else has its name and its address. */
static bool tie_all(struct linger_redirect *r, struct lgr_object *object, const struct lgr_elf *elf,
		    uint32_t symbol)
{
	uintptr_t value = lgr_site_found(object, r->name, elf, symbol).st_value;

	if (!tie_to(r, object, elf, symbol))
		return false;
	if (r->version || !elf->versions)
		return true;
	for (uint32_t i = lgr_elf_same_name(elf, symbol, 0); i;
	     i = lgr_elf_same_name(elf, symbol, i))
		if (i != symbol && lgr_site_found(object, r->name, elf, i).st_value == value &&
		    !tie_to(r, object, elf, i))
			return false;
	return true;
}

static int no_memory(struct lgr_text *why)
{
	lgr_text_add(why, "there is no memory");
	return -ENOMEM;
}

int lgr_tie_by_name(struct linger_redirect *r, struct lgr_text *why)
{
	uint32_t symbol = 0;
	struct lgr_object *object = find_definition(r, r->version, &symbol);
	const struct lgr_elf *elf;
	struct lgr_elf room;
	int error;

	if (!object && (r->flags & LINGER_LATER))
		return 0;
	if (!object) {
		lgr_text_add(why, r->name->text);
		if (r->version && find_definition(r, NULL, &symbol)) {
			lgr_text_add(why, " is defined, but not in version ");
			lgr_text_add(why, r->version);
			return -ENODATA;
		}
		lgr_text_add(why, " is defined by no loaded object");
		return -ENOENT;
	}
	elf = lgr_loaded_elf(object, &room);
	error = check_symbol(r, object, elf, symbol, why);
	if (error)
		return error;
	return tie_all(r, object, elf, symbol) ? 0 : no_memory(why);
}

/* The next symbol that began at this address before any redirect. 0: no more. */
static uint32_t next_at(const struct lgr_object *object, const struct lgr_elf *elf,
			uintptr_t address, uint32_t after)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);
	uint32_t n;

	if (!indexed || !indexed->sites)
		return lgr_elf_at(elf, address, after);
	n = elf->symbols ? lgr_elf_symbols(elf) : 0;
	for (uint32_t i = after + 1; i < n; i++) {
		ElfW(Sym) s = elf->symbols[i];

		if (!lgr_elf_has_place(&s))
			continue;
		s = lgr_site_found(object, lgr_index_find(elf->strings + s.st_name), elf, i);
		if (lgr_elf_address(elf, &s) == address)
			return i;
	}
	return 0;
}

/* Every name that begins there. */
int lgr_tie_by_address(struct linger_redirect *r, struct lgr_text *why)
{
	struct lgr_object *object = lgr_object_at((const void *)r->address);
	const struct lgr_elf *elf = NULL;
	struct lgr_elf room;
	int error = -ENOENT;

	if (object) {
		elf = lgr_loaded_elf(object, &room);
		error = next_at(object, elf, r->address, 0) ? 0 : -ENOENT;
	}
	if (error) {
		lgr_text_add(why, "no definition that others may bind to begins at that address");
		return error;
	}
	for (uint32_t i = 0; (i = next_at(object, elf, r->address, i));) {
		error = check_symbol(r, object, elf, i, why);
		if (error)
			return error;
		if (!tie_to(r, object, elf, i))
			return no_memory(why);
	}
	return 0;
}

/* Does the new object define what nobody else does? Whoever came with it is bound to it already. */
void lgr_tie_to_new(struct linger_redirect *r, struct lgr_object *object)
{
	static char buffer[256] LGR_BIG;
	uint32_t symbol = find_in(r, object, r->version);
	struct lgr_text why;
	struct lgr_elf room;

	if (!symbol)
		return;
	lgr_text_init(&why, buffer, sizeof(buffer));
	if (!lgr_redirect_index() ||
	    check_symbol(r, object, lgr_loaded_elf(object, &room), symbol, &why) ||
	    !tie_all(r, object, lgr_loaded_elf(object, &room), symbol)) {
		lgr_registry_refuse(object, LGR_RSN_E_REDIRECT);
		return;
	}
	lgr_redirect_log(r, LGR_EV_REDIRECT);
}

void lgr_tie_cut(struct lgr_tie *tie)
{
	struct lgr_tie **at = &tie->site->ties;

	while (*at != tie)
		at = &(*at)->older;
	*at = tie->older;
	doubtful -= tie->doubtful;
	lgr_arena_free(tie, sizeof(*tie));
}

/* Its memory is gone: nothing is put back, only forgotten. */
void lgr_tie_forget(struct lgr_site *site)
{
	struct lgr_tie *tie;

	while ((tie = site->ties)) {
		struct linger_redirect *r = tie->redirect;
		struct lgr_tie **at = &r->ties;

		while (*at != tie)
			at = &(*at)->next;
		*at = tie->next;
		if (r->home == tie) {
			lgr_tie_home(r, r->ties);
			/* Of one that is being restored the pointer's module may have gone before. */
			if (r->previous && !r->leaving)
				__atomic_store_n(r->previous, (void *)lgr_redirect_previous(r),
						 __ATOMIC_RELEASE);
		}
		lgr_tie_cut(tie);
	}
	lgr_site_put(site);
}
