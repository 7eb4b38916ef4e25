/*
 * redirect.c - redirects. See redirect.h.
 *
 * Owns: the redirects. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "redirect.h"

#include "arena.h"
#include "group.h"
#include "loaded.h"
#include "lock.h"
#include "log.h"
#include "real.h"
#include "region.h"
#include "registry.h"
#include "tie.h"

#define OWN_MOST 512u

struct linger_redirect *lgr_redirects;

static uint64_t numbers; /* given so far */
static const struct linger_redirect
	*near;			 /* made next to the one that was asked about last; or NULL */
static _Atomic bool any;	 /* there is one */
static _Atomic uint32_t filters; /* redirects that have one */

/* Who belongs to the module that was asked about last; how many, 0: not known any more. */
static struct lgr_who own[OWN_MOST] LGR_BIG;
static uint32_t own_known;

bool lgr_redirects_any(void)
{
	return atomic_load_explicit(&any, memory_order_relaxed);
}

bool lgr_redirects_filter(void)
{
	return atomic_load_explicit(&filters, memory_order_relaxed);
}

/* Those of a batch are mostly asked about in the order in which they were made: begins where the last one was. */
bool lgr_redirect_is(const struct linger_redirect *r)
{
	const struct linger_redirect *begin = near ? near : lgr_redirects, *known = begin;

	while (known && known != r) {
		known = known->next ? known->next : lgr_redirects;
		if (known == begin)
			return false;
	}
	near = known ? known->last : NULL;
	return known && !known->override && !known->leaving;
}

/* ------------------------------------------------------------------------------------- the index */

bool lgr_redirect_index(void)
{
	static uint64_t newest;
	struct lgr_object *object = NULL;

	own_known = 0;
	if (newest == lgr_registry_last_id())
		return true;
	while ((object = lgr_registry_next(object)))
		if (object->id > newest && !lgr_loaded_index(object))
			return false;
	newest = lgr_registry_last_id();
	return true;
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
	own[(*count)++] = lgr_who(object);
	return true;
}

/*
 * The module, and of what it needs what nothing else does. The marking, which looks at all objects, is left
 * out where it needs nothing but what was there at start, as most do; and of one batch most are in one module.
 */
static uint32_t find_own(struct lgr_object *module)
{
	uint32_t n = 1, kept = 1;

	if (own_known && lgr_is_there(&own[0]) && own[0].object == module)
		return own_known;
	own_known = 0;
	own[0] = lgr_who(module);
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
	struct lgr_object *module = lgr_object_at(c->replacement);
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
	r->module = lgr_who(module);
	r->caller = lgr_who(c->caller ? lgr_object_at(c->caller) : NULL);
	r->provider = lgr_who(c->provider ? lgr_object_at(c->provider) : NULL);
	r->flags = c->flags;
	r->namespace = c->namespace_;
	r->previous = c->previous;
	return r;
}

static void single_out(const struct linger_redirect *r, bool on)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (lgr_is_there(&r->own[i]))
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
		lgr_tie_need(&r->module, 1);
	single_out(r, true);
	if (lgr_redirect_filters(r))
		atomic_fetch_add_explicit(&filters, 1, memory_order_relaxed);
	atomic_store_explicit(&any, true, memory_order_relaxed);
}

static int check_change(const struct linger_change *c, struct parsed *p, struct lgr_text *why)
{
	const char *problem = NULL;

	p->at = p->version = NULL;
	p->name[0] = '\0';
	if (!c->replacement)
		problem = "there is no replacement";
	else if (!c->symbol == !c->address)
		problem = "either a symbol or an address is to be given";
	else if (c->symbol && !parse(c->symbol, p))
		problem = "a symbol is NAME or NAME@VERSION";
	else if (c->caller && !lgr_object_at(c->caller))
		problem = "caller is an address in no loaded object";
	else if (c->provider && !lgr_object_at(c->provider))
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

int lgr_redirect_make(const struct linger_change *change, uint64_t override,
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
		lgr_text_add(why, "there is no memory");
		return -ENOMEM;
	}
	r->override = override;
	add(r);
	error = r->name ? lgr_tie_by_name(r, why) : lgr_tie_by_address(r, why);
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

void lgr_redirect_free(struct linger_redirect *r)
{
	struct lgr_tie *next = r->ties;

	lgr_tie_home(r, NULL);
	if (!r->override)
		lgr_tie_need(&r->module, -1);
	/* One that came to nothing is on no list, and others made before it wait for their pass. */
	if (r->ties)
		lgr_sites_settled();
	while (next) {
		struct lgr_tie *tie = next;
		struct lgr_site *site = tie->site;

		next = tie->next;
		lgr_tie_cut(tie);
		lgr_site_put(site);
	}
	if (r->next)
		r->next->last = r->last;
	if (r->last)
		r->last->next = r->next;
	else
		lgr_redirects = r->next;
	if (near == r)
		near = NULL;
	single_out(r, false);
	if (lgr_redirect_filters(r))
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
	if (!lgr_redirect_filters(older))
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
	lgr_text_add(&t, lgr_is_there(&r->module) ? lgr_path_of(r->module.object)
						  : "(code of no object)");
	lgr_log_write(&entry);
}
