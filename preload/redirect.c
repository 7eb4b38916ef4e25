/*
 * redirect.c - redirects, and how they are kept true. See redirect.h.
 *
 * Owns: the redirects. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "redirect.h"

#include "arena.h"
#include "fields.h"
#include "group.h"
#include "host.h"
#include "loaded.h"
#include "loader.h"
#include "lock.h"
#include "log.h"
#include "override.h"
#include "pages.h"
#include "reach.h"
#include "real.h"
#include "region.h"
#include "registry.h"
#include "safe.h"
#include "scope.h"
#include "sys.h"

#define OWN_MOST 512u
#define DOUBT UINT64_C(10000000000) /* ns */

struct linger_redirect *lgr_redirects;

static uint64_t numbers;     /* given so far */
static _Atomic bool any;     /* there is one */
static _Atomic bool waiting; /* something is to be seen to */
static _Atomic uint64_t
	doubt_until;		 /* CLOCK_MONOTONIC_COARSE; 0: all slots are what they should be */
static _Atomic uint32_t filters; /* redirects that have one */
static bool lost;		 /* of that: definitions that have gone, or were closed */

/* Objects that have come since the last settling; more than there is room for: all are looked at. */
static struct {
	struct lgr_who at[256];
	uint32_t n;
} news LGR_BIG;

/* Who belongs to the module that was asked about last; how many, 0: not known any more. */
static struct lgr_who own[OWN_MOST] LGR_BIG;
static uint32_t own_known;

bool lgr_redirects_any(void)
{
	return atomic_load_explicit(&any, memory_order_relaxed);
}

bool lgr_redirects_waiting(void)
{
	return atomic_load_explicit(&waiting, memory_order_relaxed) ||
	       atomic_load_explicit(&doubt_until, memory_order_relaxed);
}

bool lgr_redirect_is(const struct linger_redirect *r)
{
	const struct linger_redirect *known = lgr_redirects;

	while (known && known != r)
		known = known->next;
	return known && !known->override && !known->leaving;
}

static struct lgr_who who(struct lgr_object *object)
{
	return (struct lgr_who){ object, object ? object->id : 0 };
}

static struct lgr_object *object_at(const void *address)
{
	return lgr_registry_object(lgr_pages_find((uintptr_t)address));
}

static bool is_there(const struct lgr_who *w)
{
	return w->object && w->object->id == w->id;
}

/* Found by names: not what the program has closed, nor what is about to go. */
static bool is_live(const struct lgr_object *object)
{
	enum lgr_state state = lgr_state_of(object);

	return state == LGR_ST_LIVE || state == LGR_ST_LOADING;
}

/* ------------------------------------------------------------------------------------- the index */

static bool index_object(struct lgr_object *object)
{
	struct lgr_loaded image;

	if (object->slots || lgr_is(object, LGR_FL_VDSO) || object->map == (uintptr_t)lgr_libc.self)
		return true;
	lgr_loaded_of(object, &image);
	return lgr_loaded_is_untouchable(object, &image.elf) || lgr_index_add(object, &image);
}

bool lgr_redirect_index(void)
{
	static uint64_t newest;
	struct lgr_object *object = NULL;

	own_known = 0;

	if (newest == lgr_registry_last_id())
		return true;
	while ((object = lgr_registry_next(object)))
		if (object->id > newest && !index_object(object))
			return false;
	newest = lgr_registry_last_id();
	return true;
}

/* ------------------------------------------------------------------------- what is to be replaced */

/* A definition that may be redirected. Returns 0 or why not. */
static int check_symbol(const struct lgr_object *object, const struct lgr_elf *elf, uint32_t symbol,
			struct lgr_text *why)
{
	const ElfW(Sym) *s = &elf->symbols[symbol];
	const char *name = elf->strings + s->st_name;
	const struct lgr_name *known = lgr_index_find(name);

	lgr_text_add(why, name);
	if (lgr_loaded_is_untouchable(object, elf) ||
	    (object->map == (uintptr_t)lgr_libc.self && lgr_real_is_needed(name))) {
		lgr_text_add(why, " cannot be redirected: it is defined by ");
		lgr_text_add(why, lgr_path_of(object));
		lgr_text_add(why, ", whose bindings linger leaves alone");
		return -EOPNOTSUPP;
	}
	if (ELF64_ST_TYPE(s->st_info) == STT_TLS) {
		lgr_text_add(why,
			     " is thread-local: each thread has its own, so it has no address");
		return -EOPNOTSUPP;
	}
	if (known && known->copies) {
		lgr_text_add(why,
			     " is data that the program has its own copy of (a COPY relocation); "
			     "only its code could be rebuilt");
		return -EOPNOTSUPP;
	}
	lgr_text_init(why, why->at, why->size);
	return 0;
}

/* May this object's definition answer for the redirect? */
static bool may_define(const struct linger_redirect *r, const struct lgr_object *object)
{
	if (!is_live(object) || object->namespace != r->namespace || lgr_is(object, LGR_FL_VDSO) ||
	    (is_there(&r->module) && r->module.object == object))
		return false;
	if (r->provider.object)
		return r->provider.object == object && is_there(&r->provider);
	/* What overrides looks behind itself. */
	return !r->override || object->id < r->module.id;
}

static uint32_t find_in(const struct linger_redirect *r, const struct lgr_object *object,
			const char *version, struct lgr_elf *ret)
{
	const struct link_map *map = lgr_map_of(object);
	const struct lgr_wanted wanted = { .name = r->name->text,
					   .version = version,
					   .hash = r->name->hash };

	lgr_elf_init(ret, map->l_addr, map->l_ld);
	return may_define(r, object) ? lgr_elf_lookup(ret, &wanted) : 0;
}

/*
 * The definition: in the order of the global scope, if there is one; else the one loaded first. The shim
 * itself counts for what it interposes, since that is what everybody is bound to.
 */
static struct lgr_object *find_definition(const struct linger_redirect *r, const char *version,
					  struct lgr_elf *elf, uint32_t *ret_symbol)
{
	const struct lgr_scope *scope = r->namespace ? NULL : lgr_scope_global();
	struct lgr_object *object = NULL;

	for (uint32_t i = 0; scope && i < scope->count; i++) {
		object = lgr_registry_find((uintptr_t)scope->list[i], UINT64_MAX);
		if (object && (*ret_symbol = find_in(r, object, version, elf)))
			return object;
	}
	object = NULL;
	while ((object = lgr_registry_next(object)))
		if ((*ret_symbol = find_in(r, object, version, elf)))
			return object;
	return NULL;
}

/* --------------------------------------------------------------------------------------- the ties */

/* What is kept because the redirect stands; when none does any more, it is looked at as others are. */
static void need(const struct lgr_who *w, int by)
{
	if (!is_there(w))
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

static void set_home(struct linger_redirect *r, struct lgr_tie *tie)
{
	const struct lgr_who was = { r->home ? r->home->site->object : NULL,
				     r->home ? r->home->site->id : 0 };
	const struct lgr_who now = { tie ? tie->site->object : NULL, tie ? tie->site->id : 0 };

	/* What was overridden may go: nothing falls back to what the program has closed. */
	if (!r->override) {
		need(&now, 1);
		need(&was, -1);
	}
	r->home = tie;
}

static bool tie_to(struct linger_redirect *r, struct lgr_object *object, const struct lgr_elf *elf,
		   uint32_t symbol)
{
	const char *text = elf->strings + elf->symbols[symbol].st_name;
	struct lgr_name *name = lgr_index_name(text);
	struct lgr_site *site = name ? lgr_site_get(object, elf, name, symbol) : NULL;
	struct lgr_tie **at, *tie = site ? lgr_arena_alloc(sizeof(*tie)) : NULL;

	if (tie && (r->flags & LINGER_AT_ENTRY) && !site->door.function)
		lgr_door_find(site->address, &site->door);
	if (tie) {
		*tie = (struct lgr_tie){ .redirect = r, .site = site, .next = r->ties };
		for (at = &site->ties; *at && (*at)->redirect->number > r->number;)
			at = &(*at)->older;
		tie->older = *at;
		*at = tie;
		r->ties = tie;
		lgr_site_changed(site);
		if (!r->home || !is_live(r->home->site->object))
			set_home(r, tie);
	} else if (site) {
		lgr_site_put(site);
	}
	if (name)
		lgr_index_drop(name);
	return tie;
}

/* The definition that was found, and what else has its name and its address. */
static bool tie_by_name(struct linger_redirect *r, struct lgr_object *object,
			const struct lgr_elf *elf, uint32_t symbol)
{
	uintptr_t value = elf->symbols[symbol].st_value;

	if (!tie_to(r, object, elf, symbol))
		return false;
	if (r->version || !elf->versions)
		return true;
	for (uint32_t i = lgr_elf_same_name(elf, symbol, 0); i;
	     i = lgr_elf_same_name(elf, symbol, i))
		if (i != symbol && elf->symbols[i].st_value == value && !tie_to(r, object, elf, i))
			return false;
	return true;
}

static int no_memory(struct lgr_text *why)
{
	lgr_text_add(why, "there is no memory");
	return -ENOMEM;
}

static int resolve_by_name(struct linger_redirect *r, struct lgr_text *why)
{
	struct lgr_elf elf;
	uint32_t symbol = 0;
	struct lgr_object *object = find_definition(r, r->version, &elf, &symbol);
	int error;

	if (!object && (r->flags & LINGER_LATER))
		return 0;
	if (!object) {
		lgr_text_add(why, r->name->text);
		if (r->version && find_definition(r, NULL, &elf, &symbol)) {
			lgr_text_add(why, " is defined, but not in version ");
			lgr_text_add(why, r->version);
			return -ENODATA;
		}
		lgr_text_add(why, " is defined by no loaded object");
		return -ENOENT;
	}
	error = check_symbol(object, &elf, symbol, why);
	if (error)
		return error;
	return tie_by_name(r, object, &elf, symbol) ? 0 : no_memory(why);
}

/* Every name that begins there. */
static int resolve_by_address(struct linger_redirect *r, struct lgr_text *why)
{
	struct lgr_object *object = object_at((const void *)r->address);
	struct lgr_loaded image;
	int error = -ENOENT;

	if (object) {
		lgr_loaded_of(object, &image);
		error = lgr_elf_at(&image.elf, r->address, 0) ? 0 : -ENOENT;
	}
	if (error) {
		lgr_text_add(why, "no definition that others may bind to begins at that address");
		return error;
	}
	for (uint32_t i = 0; (i = lgr_elf_at(&image.elf, r->address, i));) {
		error = check_symbol(object, &image.elf, i, why);
		if (error)
			return error;
		if (!tie_to(r, object, &image.elf, i))
			return no_memory(why);
	}
	return 0;
}

/* ------------------------------------------------------------------------------------ the redirect */

/* Notes what is needed, but for what was there at start, in own[]. */
static bool note_needed(struct lgr_object *object, void *n)
{
	uint32_t *count = n;

	if (lgr_is(object, LGR_FL_STARTUP))
		return true;
	for (uint32_t i = 0; i < *count; i++)
		if (own[i].object == object)
			return true;
	if (*count == OWN_MOST)
		return false;
	own[(*count)++] = who(object);
	return true;
}

/*
 * The module, and of what it needs what nothing else does. The marking, which looks at all objects, is left
 * out where it needs nothing but what was there at start, as most do; and of one batch most are in one module.
 */
static uint32_t find_own(struct lgr_object *module)
{
	uint32_t n = 1, kept = 1;

	if (own_known && is_there(&own[0]) && own[0].object == module)
		return own_known;
	own_known = 0;
	own[0] = who(module);
	for (uint32_t i = 0; i < n && !lgr_is(module, LGR_FL_STARTUP); i++)
		if (!lgr_group_known() || !lgr_group_needs(own[i].object, note_needed, &n))
			break;
	if (n > 1 && lgr_group_mark(NULL, module))
		for (uint32_t i = 1; i < n; i++)
			if (!lgr_group_uses(own[i].object))
				own[kept++] = own[i];
	own_known = kept;
	return kept;
}

/* Is the replacement what its module defines by the very name? */
static bool is_namesake(const struct linger_redirect *r)
{
	const struct lgr_wanted wanted = { .name = r->name ? r->name->text : "",
					   .hash = r->name ? r->name->hash : 0 };
	struct lgr_loaded image;
	uint32_t symbol;

	if (!r->name || !r->module.object)
		return false;
	lgr_loaded_of(r->module.object, &image);
	symbol = lgr_elf_lookup(&image.elf, &wanted);
	return symbol && lgr_elf_address(&image.elf, &image.elf.symbols[symbol]) == r->replacement;
}

/* Text behind the redirect, in the same block. */
static const char *put_text(char **at, const char *text, size_t n)
{
	char *to = *at;

	lgr_copy(to, text, n);
	to[n] = '\0';
	*at += n + 1;
	return to;
}

struct parsed {
	const char *at; /* the @, NULL: none */
	const char *version;
	char name[1024];
};

static bool parse(const char *symbol, struct parsed *ret)
{
	size_t n;

	ret->at = lgr_first(symbol, '@');
	n = ret->at ? (size_t)(ret->at - symbol) : lgr_len(symbol);
	ret->version = ret->at ? ret->at + (ret->at[1] == '@' ? 2 : 1) : NULL;
	if (!n || n >= sizeof(ret->name) || (ret->version && !*ret->version))
		return false;
	lgr_copy(ret->name, symbol, n);
	ret->name[n] = '\0';
	return true;
}

static struct linger_redirect *allocate(const struct linger_change *c, const struct parsed *p)
{
	struct lgr_object *module = object_at(c->replacement);
	uint32_t n = module && !(c->flags & LINGER_SELF) ? find_own(module) : 0;
	size_t size = sizeof(struct linger_redirect) + n * sizeof(own[0]) +
		      (p->version ? lgr_len(p->version) + 1 : 0) +
		      (c->callers ? lgr_len(c->callers) + 1 : 0);
	struct linger_redirect *r = lgr_arena_alloc(size);
	char *text;

	if (!r)
		return NULL;
	r->size = (uint32_t)size;
	r->n = n;
	lgr_copy(r->own, own, n * sizeof(own[0]));
	text = (char *)&r->own[n];
	if (p->version)
		r->version = put_text(&text, p->version, lgr_len(p->version));
	if (c->callers)
		r->callers = put_text(&text, c->callers, lgr_len(c->callers));
	r->address = (uintptr_t)c->address;
	r->replacement = (uintptr_t)c->replacement;
	r->module = who(module);
	r->caller = who(c->caller ? object_at(c->caller) : NULL);
	r->provider = who(c->provider ? object_at(c->provider) : NULL);
	r->flags = c->flags;
	r->namespace = c->namespace_;
	r->previous = c->previous;
	return r;
}

static void single_out(const struct linger_redirect *r, bool on)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (is_there(&r->own[i]))
			lgr_site_single_out(r->own[i].object, on);
}

static void add(struct linger_redirect *r)
{
	r->number = ++numbers;
	r->next = lgr_redirects;
	if (lgr_redirects)
		lgr_redirects->last = r;
	lgr_redirects = r;
	if (!r->override)
		need(&r->module, 1);
	single_out(r, true);
	if (r->callers || r->caller.object)
		atomic_fetch_add_explicit(&filters, 1, memory_order_relaxed);
	atomic_store_explicit(&any, true, memory_order_relaxed);
}

static int check_change(const struct linger_change *c, struct parsed *p, struct lgr_text *why)
{
	const char *problem = NULL;

	*p = (struct parsed){ 0 };
	if (!c->replacement)
		problem = "there is no replacement";
	else if (!c->symbol == !c->address)
		problem = "either a symbol or an address is to be given";
	else if (c->symbol && !parse(c->symbol, p))
		problem = "a symbol is NAME or NAME@VERSION";
	else if (c->caller && !object_at(c->caller))
		problem = "caller is an address in no loaded object";
	else if (c->provider && !object_at(c->provider))
		problem = "provider is an address in no loaded object";
	else if (c->flags &
		 ~(LINGER_LATER | LINGER_ALL_BUT | LINGER_COMPLETE | LINGER_AT_ENTRY | LINGER_SELF))
		problem = "flags has unknown bits";
	else if ((c->flags & LINGER_ALL_BUT) && !c->caller && !c->callers)
		problem = "LINGER_ALL_BUT wants callers, or a caller";
	else if ((c->flags & LINGER_AT_ENTRY) && (c->caller || c->callers))
		problem = "LINGER_AT_ENTRY reaches every caller, so it can leave none out";
	if (problem)
		lgr_text_add(why, problem);
	return problem ? -EINVAL : 0;
}

/* Is there room for a jump at each entry? */
static int check_doors(const struct linger_redirect *r, struct lgr_text *why)
{
	if (!(r->flags & LINGER_AT_ENTRY))
		return 0;
	for (const struct lgr_tie *tie = r->ties; tie; tie = tie->next)
		if (!lgr_door_reaches(&tie->site->door, r->replacement)) {
			lgr_text_add(why, tie->site->name->text);
			lgr_text_add(why,
				     " has no nops at its entry that a jump to the replacement "
				     "fits in (-fpatchable-function-entry=14 has room for any)");
			return -EOPNOTSUPP;
		}
	return 0;
}

int lgr_redirect_make(const struct linger_change *change, bool override,
		      struct linger_redirect **ret, struct lgr_text *why)
{
	static struct parsed p LGR_BIG;
	struct linger_redirect *r;
	int error = check_change(change, &p, why);

	if (error)
		return error;
	r = allocate(change, &p);
	if (r && change->symbol)
		r->name = lgr_index_name(p.name);
	if (!r || (change->symbol && !r->name)) {
		if (r)
			lgr_arena_free(r, r->size);
		return no_memory(why);
	}
	r->override = override;
	r->namesake = override || is_namesake(r);
	add(r);
	error = r->name ? resolve_by_name(r, why) : resolve_by_address(r, why);
	if (!error)
		error = check_doors(r, why);
	if (error) {
		lgr_redirect_let_go(r);
		lgr_redirect_free(r);
		return error;
	}
	*ret = r;
	return 0;
}

void lgr_redirect_let_go(struct linger_redirect *r)
{
	for (struct lgr_tie *tie = r->ties; tie; tie = tie->next) {
		tie->gone = true;
		lgr_site_changed(tie->site);
	}
}

void lgr_redirect_stay(struct linger_redirect *r)
{
	r->leaving = false;
	for (struct lgr_tie *tie = r->ties; tie; tie = tie->next)
		tie->gone = false;
}

static void untie(struct lgr_tie *tie)
{
	struct lgr_tie **at = &tie->site->ties;

	while (*at != tie)
		at = &(*at)->older;
	*at = tie->older;
	lgr_arena_free(tie, sizeof(*tie));
}

void lgr_redirect_free(struct linger_redirect *r)
{
	struct lgr_tie *next = r->ties;

	set_home(r, NULL);
	if (!r->override)
		need(&r->module, -1);
	/* One that came to nothing is on no list, and others made before it wait for their pass. */
	if (r->ties)
		lgr_sites_settled();
	while (next) {
		struct lgr_tie *tie = next;
		struct lgr_site *site = tie->site;

		next = tie->next;
		untie(tie);
		lgr_site_put(site);
	}
	if (r->next)
		r->next->last = r->last;
	if (r->last)
		r->last->next = r->next;
	else
		lgr_redirects = r->next;
	single_out(r, false);
	if (r->callers || r->caller.object)
		atomic_fetch_sub_explicit(&filters, 1, memory_order_relaxed);
	if (r->name)
		lgr_index_drop(r->name);
	atomic_store_explicit(&any, lgr_redirects != NULL, memory_order_relaxed);
	lgr_arena_free(r, r->size);
}

/* ------------------------------------------------------------------------------------ in effect */

/* Is whoever this one means also meant by the older one? */
static bool covers(const struct linger_redirect *older, const struct linger_redirect *r)
{
	if (!older->caller.object && !older->callers)
		return true;
	if (!!(older->flags & LINGER_ALL_BUT) != !!(r->flags & LINGER_ALL_BUT))
		return false;
	if (older->caller.object)
		return older->caller.object == r->caller.object && older->caller.id == r->caller.id;
	return r->callers && lgr_equal(older->callers, r->callers);
}

uintptr_t lgr_redirect_previous(const struct linger_redirect *r)
{
	if (!r->home)
		return 0;
	for (const struct lgr_tie *tie = r->home->older; tie; tie = tie->older)
		if (!tie->gone && covers(tie->redirect, r))
			return tie->redirect->replacement;
	return r->home->site->original;
}

/* Before the first call of a replacement can come, its previous is known to it. */
static void tell_previous(void)
{
	for (struct lgr_site *site = lgr_sites_changed(); site; site = site->changed)
		for (struct lgr_tie *tie = site->ties; tie; tie = tie->older) {
			struct linger_redirect *r = tie->redirect;

			if (!tie->gone && r->home == tie && r->previous)
				__atomic_store_n(r->previous, (void *)lgr_redirect_previous(r),
						 __ATOMIC_RELEASE);
		}
}

int lgr_redirects_apply(bool *ret_lazy)
{
	int error = lgr_sites_prepare();

	if (error)
		return error;
	tell_previous();
	return lgr_sites_commit(ret_lazy);
}

void lgr_redirect_log(const struct linger_redirect *r, enum lgr_event event)
{
	static char line[2048] LGR_BIG;
	struct lgr_log_entry entry = { .event = event,
				       .id = r->home ? r->home->site->id : 0,
				       .path = line };
	struct lgr_text t;

	lgr_count(event == LGR_EV_REDIRECT ? LGR_N_REDIRECTS : LGR_N_RESTORES);
	if (!lgr_log_is_on())
		return;
	lgr_text_init(&t, line, sizeof(line));
	lgr_text_add(&t, r->home ? r->home->site->name->text : r->name ? r->name->text : "?");
	if (r->version) {
		lgr_text_add(&t, "@");
		lgr_text_add(&t, r->version);
	}
	lgr_text_add(&t, "=");
	lgr_text_add(&t,
		     is_there(&r->module) ? lgr_path_of(r->module.object) : "(code of no object)");
	lgr_log_write(&entry);
}

/* ---------------------------------------------------------------------------- objects come and go */

void lgr_redirect_new_object(struct lgr_object *object)
{
	if (!lgr_redirects_any() && !lgr_override_is_on())
		return;
	if (news.n < LGR_COUNT(news.at))
		news.at[news.n] = who(object);
	news.n++;
	atomic_store_explicit(&waiting, true, memory_order_relaxed);
}

/* Does the new object define what nobody else does? Whoever came with it is bound to it already. */
static void seek_in(struct linger_redirect *r, struct lgr_object *object)
{
	static char buffer[256] LGR_BIG;
	struct lgr_text why;
	struct lgr_elf elf;
	uint32_t symbol = find_in(r, object, r->version, &elf);

	if (!symbol)
		return;
	lgr_text_init(&why, buffer, sizeof(buffer));
	if (check_symbol(object, &elf, symbol, &why) || !lgr_redirect_index() ||
	    !tie_by_name(r, object, &elf, symbol)) {
		lgr_registry_refuse(object, LGR_RSN_E_REDIRECT);
		return;
	}
	lgr_redirect_log(r, LGR_EV_REDIRECT);
}

static bool is_seeking(const struct linger_redirect *r)
{
	return r->name && (!r->home || !is_live(r->home->site->object));
}

static void welcome(struct lgr_object *object)
{
	bool filtered = false;

	lgr_override(object);
	for (struct linger_redirect *r = lgr_redirects; r; r = r->next) {
		if (is_seeking(r) && r->module.object != object)
			seek_in(r, object);
		filtered |= (r->callers || r->caller.object) && r->ties;
	}
	if (filtered && index_object(object))
		lgr_sites_apply_to(object);
}

/* What defined a name has gone or was closed: is there somebody else? */
static void seek_again(void)
{
	static char buffer[256] LGR_BIG;
	struct lgr_text why;

	for (struct linger_redirect *r = lgr_redirects; r; r = r->next) {
		if (!is_seeking(r))
			continue;
		lgr_text_init(&why, buffer, sizeof(buffer));
		if (lgr_redirect_index())
			resolve_by_name(r, &why);
	}
}

void lgr_redirects_doubt(bool unseen)
{
	for (const struct lgr_site *site = lgr_sites_changed(); site; site = site->changed)
		unseen |= site->lazy && site->stub;
	if (unseen)
		atomic_store_explicit(&doubt_until, lgr_sys_clock(CLOCK_MONOTONIC_COARSE) + DOUBT,
				      memory_order_relaxed);
}

static void verify_again(void)
{
	uint64_t until = atomic_load_explicit(&doubt_until, memory_order_relaxed);

	if (!until)
		return;
	for (const struct linger_redirect *r = lgr_redirects; r; r = r->next)
		for (const struct lgr_tie *tie = r->ties; tie; tie = tie->next)
			if (tie->site->lazy)
				lgr_site_changed(tie->site);
	lgr_sites_verify();
	lgr_sites_settled();
	if (lgr_sys_clock(CLOCK_MONOTONIC_COARSE) > until)
		atomic_store_explicit(&doubt_until, 0, memory_order_relaxed);
}

void lgr_redirects_settle(void)
{
	struct lgr_object *object = NULL;
	bool lazy;

	verify_again();
	if (!atomic_load_explicit(&waiting, memory_order_relaxed))
		return;
	atomic_store_explicit(&waiting, false, memory_order_relaxed);
	if (news.n > LGR_COUNT(news.at))
		while ((object = lgr_registry_next(object)))
			welcome(object);
	else
		for (uint32_t i = 0; i < news.n; i++)
			if (is_there(&news.at[i]))
				welcome(news.at[i].object);
	if (lost)
		seek_again();
	lost = false;
	news.n = 0;
	if (lgr_sites_changed() && lgr_redirects_apply(&lazy) < 0)
		lgr_log_error(LGR_RSN_E_REDIRECT, NULL);
	lgr_sites_settled();
}

static struct linger_redirect *override_of(const struct lgr_object *object)
{
	struct linger_redirect *r = lgr_redirects;

	while (r && (!r->override || r->module.object != object || r->module.id != object->id))
		r = r->next;
	return r;
}

void lgr_redirect_object_given_up(struct lgr_object *object)
{
	struct linger_redirect *r;
	bool lazy = false, changed = override_of(object);

	if (!changed || !lgr_redirect_index())
		return;
	for (r = lgr_redirects; r; r = r->next)
		if (r->override && r->module.object == object && r->module.id == object->id)
			lgr_redirect_let_go(r);
	if (lgr_redirects_apply(&lazy) < 0) {
		lgr_log_error(LGR_RSN_E_REDIRECT, lgr_path_of(object));
		return;
	}
	lgr_redirects_doubt(lazy);
	lgr_sites_settled();
	while ((r = override_of(object))) {
		lgr_redirect_log(r, LGR_EV_RESTORE);
		lgr_redirect_free(r);
	}
}

void lgr_redirect_object_kept(struct lgr_object *object)
{
	if (!lgr_redirects_any())
		return;
	lost = true;
	atomic_store_explicit(&waiting, true, memory_order_relaxed);
}

/* Its memory is gone: nothing is put back, only forgotten. */
static void forget_site(struct lgr_site *site)
{
	struct lgr_tie *tie;

	while ((tie = site->ties)) {
		struct linger_redirect *r = tie->redirect;
		struct lgr_tie **at = &r->ties;

		while (*at != tie)
			at = &(*at)->next;
		*at = tie->next;
		if (r->home == tie) {
			set_home(r, r->ties);
			if (r->previous)
				__atomic_store_n(r->previous, (void *)lgr_redirect_previous(r),
						 __ATOMIC_RELEASE);
		}
		untie(tie);
	}
	lgr_site_put(site);
}

void lgr_redirect_object_gone(struct lgr_object *object)
{
	struct lgr_tie *tie, *next;

	if (lgr_redirects_any()) {
		for (struct linger_redirect *r = lgr_redirects; r; r = r->next)
			for (tie = r->ties; tie; tie = next) {
				next = tie->next;
				if (tie->site->object == object && tie->site->id == object->id) {
					forget_site(tie->site);
					next = r->ties;
				}
			}
		lost = true;
		atomic_store_explicit(&waiting, true, memory_order_relaxed);
	}
	lgr_index_remove(object);
}

/* ------------------------------------------------------------------------------------------ dlsym */

/* Where dlsym begins (dlfcn/dlsym.c, elf/dl-sym.c): in what scope, behind which object. */
static bool search(const struct lgr_object *caller, void *handle, const struct lgr_wanted *wanted,
		   struct lgr_found *found)
{
	struct link_map *map = lgr_map_of(caller);
	const struct lgr_scope *scope;

	if (handle == RTLD_DEFAULT)
		return lgr_scope_find(map, wanted, found);
	if (handle == RTLD_NEXT) {
		scope = lgr_scope_of(map);
		scope = scope ? scope : lgr_scope_global();
		return scope && lgr_scope_search(scope, map, NULL, wanted, found);
	}
	if (!lgr_registry_find((uintptr_t)handle, UINT64_MAX))
		return false;
	scope = lgr_scope_of(handle);
	return scope && lgr_scope_search(scope, NULL, NULL, wanted, found);
}

static uintptr_t lookup(const struct lgr_object *caller, void *handle,
			const struct lgr_wanted *wanted)
{
	const struct lgr_name *name = lgr_index_find(wanted->name);
	struct lgr_object *object;
	struct lgr_site *site;
	struct lgr_found found;
	uintptr_t target;

	if (!name || !name->sites || !search(caller, handle, wanted, &found))
		return 0;
	object = lgr_registry_find((uintptr_t)found.map, UINT64_MAX);
	site = object ? lgr_site_find(object, name, found.symbol) : NULL;
	if (!site)
		return 0;
	target = lgr_site_target(site, caller);
	return target == site->bound ? 0 : target;
}

void *lgr_redirect_lookup(uintptr_t caller, void *handle, const char *name, const char *version)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find(caller));
	struct lgr_wanted wanted = { .name = name, .version = version, .address = true };
	uintptr_t target = 0;

	/* Only who is singled out, or may be meant by a filter, gets anything but what everybody does. */
	if (!object || !name ||
	    (!object->singled && !atomic_load_explicit(&filters, memory_order_relaxed)) ||
	    !lgr_loads_lock())
		return NULL;
	wanted.hash = lgr_elf_hash(name);
	if (lgr_lock(&lgr_lock_registry)) {
		target = lookup(object, handle, &wanted);
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_loads_unlock();
	return (void *)target;
}
