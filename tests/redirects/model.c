/*
 * model.c - random steps of loading and redirecting; after each, every binding is called and compared with
 * a simple model: what the loader has bound it to, and the newest standing redirect of that.
 *
 * usage: model FOLDER SEED STEPS	(MODEL_SKIP in the environment: a 1 for each step to be left out)
 *
 * What the loader has bound a binding to is asked of its twin (model.h). Each step draws from numbers of its
 * own, so that steps can be left out: of a failure the fewest that still fail are printed.
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "model.h"
#include "picture.h"

enum {
	MOST_LOADS = 2048,
	MOST_STANDING = 12,
	MOST_TARGETS = 64,
	MOST_HANDLES = 3,
	MOST_STEPS = 4096
};
enum { PROGRAM, START, DA, DB, DC, DD, DE, CA, CB, CC, CD, CE, NCA, NDA, MODULES };

#define KEY                                                                                        \
	UINT64_C(0x5a5a5a5a5a5a5a5a) /* an address of a library that linger sees would keep it */

extern struct model_api program_api;
extern char **environ;

/* What each is built as: see random_redirects_follow_a_model.t. */
static struct module {
	const char *name;
	int needs[2];
	bool defines, versions, twins, chosen, patchable, inner, lazy, binds, apart;
	/* what has become of it */
	void *handle[MOST_HANDLES];
	int handles, load;   /* 0: none */
	uint64_t api;	     /* by KEY */
	bool cold[NAMES];    /* its first call is still to come */
	bool touched[NAMES]; /* by a redirect that is not for everybody */
	/*
	 * Its first call found what others may have been led to, too; then the loader's search changed, so that
	 * nobody can tell any more.
	 */
	bool unsure[NAMES], lost[NAMES];
} modules[MODULES] = {
	[PROGRAM] = { "model", .binds = true },
	[START] = { "start", .defines = true },
	[DA] = { "da", .defines = true, .versions = true, .lazy = true, .binds = true },
	[DB] = { "db", .defines = true, .versions = true, .twins = true, .chosen = true,
		 .binds = true },
	[DC] = { "dc", .defines = true, .patchable = true, .binds = true },
	[DD] = { "dd", .defines = true, .patchable = true, .inner = true },
	[DE] = { "de", .defines = true, .versions = true, .twins = true, .patchable = true,
		 .binds = true },
	[CA] = { "ca", { DA }, .lazy = true, .binds = true },
	[CB] = { "cb", { DB }, .binds = true },
	[CC] = { "cc", { DC }, .binds = true },
	[CD] = { "cd", { DE, DA }, .binds = true },
	[CE] = { "ce", { DD }, .lazy = true, .binds = true },
	[NCA] = { "ca", { NDA }, .lazy = true, .binds = true, .apart = true },
	[NDA] = { "da", .defines = true, .versions = true, .lazy = true, .binds = true,
		  .apart = true },
};

static const char *const t_names[] = { "t_one", "t_two", "t_three", "t_four" };
static const char *const u_names[] = { "u_one", "u_two", "u_three", "u_four" };
static const char *const versions[] = { NULL, "V1", "V2" };

/* Each load of a module that there was. */
static struct {
	int module;
	uint64_t id, api;
} loads[MOST_LOADS];
static int last_load;

/* load 0: none. version: of the second name, where there are two; else 0. */
struct definition {
	int load, name, version;
};

enum kind { PLAIN, CHAIN, OF_MODULE, LIKE };

struct standing {
	linger_redirect *made;
	unsigned number, flags;
	int name, version, slot;
	bool by_address, sought; /* it has lost what it redirects, and found nothing else */
	char callers[64];	 /* "": no glob */
	int caller;		 /* a load; 0: none */
	int provider;		 /* a load; 0: any */
	enum kind kind;
	int plain; /* which of them */
	struct definition
		like; /* the definition that replaces, or in whose module the replacement is */
	struct definition target[MOST_TARGETS], home;
	int targets;
};

static struct standing *all[MOST_STANDING]; /* the oldest first */
static int n_all;
static unsigned made_so_far;

static int global[MOST_LOADS], n_global; /* loads in the global scope, in its order */
static function **previous, *const *chains, *const *plains;
static uint64_t state;
static bool talks, in_constructor;
static int step;

#define say(...)                                                                                   \
	do {                                                                                       \
		if (talks)                                                                         \
			fprintf(stderr, __VA_ARGS__);                                              \
	} while (0)

/* ------------------------------------------------------------------------------------ chance */

static unsigned rnd(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 16) % n);
}

static void seed(uint64_t with)
{
	state = (with + 1) * UINT64_C(0x9e3779b97f4a7c15);
	for (int i = 0; i < 8; i++)
		rnd(2);
}

/* ------------------------------------------------------------------------------------ modules */

static struct model_api *api_at(uint64_t hidden)
{
	return (struct model_api *)(uintptr_t)(hidden ^ KEY);
}

/* The state of the load, as linger has it; 0: it has gone. */
static unsigned state_of(int load)
{
	struct linger_info info;

	if (!load || linger_query(api_at(loads[load].api), &info) || info.id != loads[load].id)
		return 0;
	return info.state;
}

static bool is_live(int load)
{
	return state_of(load) == LINGER_LIVE;
}

static struct model_api *api_of(int m)
{
	return state_of(modules[m].load) ? api_at(modules[m].api) : NULL;
}

static bool is_live_module(int m)
{
	return is_live(modules[m].load);
}

static void note_load(int m, struct model_api *api)
{
	struct linger_info info;
	int load = modules[m].load;

	check(!linger_query(api, &info), "linger does not know %s", modules[m].name);
	if (load && loads[load].id == info.id && loads[load].api == ((uintptr_t)api ^ KEY))
		return;
	check(!api->load, "%s was there before", modules[m].name);
	load = api->load = modules[m].load = ++last_load;
	check(load < MOST_LOADS, "too many loads");
	loads[load].module = m;
	loads[load].id = info.id;
	loads[load].api = modules[m].api = (uintptr_t)api ^ KEY;
	for (int i = 0; i < NAMES; i++) {
		modules[m].cold[i] = modules[m].lazy;
		modules[m].touched[i] = n_all;
		modules[m].unsure[i] = modules[m].lost[i] = false;
	}
}

/* What is opened with it, in the order of the search: itself, then what it needs. */
static int closure(int m, int ret[3])
{
	int n = 0;

	ret[n++] = m;
	for (int i = 0; i < 2 && modules[m].needs[i]; i++)
		ret[n++] = modules[m].needs[i];
	return n;
}

static void leave_global(void)
{
	int n = 0;

	for (int i = 0; i < n_global; i++)
		if (is_live(global[i]))
			global[n++] = global[i];
	n_global = n;
}

static void join_global(int load)
{
	for (int i = 0; i < n_global; i++)
		if (global[i] == load)
			return;
	global[n_global++] = load;
}

/* ------------------------------------------------------------------------------- the model */

static bool same(struct definition a, struct definition b)
{
	return a.load == b.load && a.name == b.name && a.version == b.version;
}

static const struct module *module_of(struct definition d)
{
	return &modules[loads[d.load].module];
}

/* What a twin gave. In a constructor no load has its number yet. */
static struct definition definition_of(int value)
{
	struct definition d = { value / PER_LOAD, value / PER_NAME % 10, value % PER_NAME };

	if (!d.load)
		d.load = modules[value / PER_MODULE % 10].load;
	check(d.load > 0 && d.load <= last_load && d.name < NAMES && d.version < 3,
	      "step %d: a twin gave %d", step, value);
	return d;
}

/* Both versions are at one address: the one and the other. */
static struct definition twin(struct definition d)
{
	if (d.name == TWO && module_of(d)->twins)
		d.version = 3 - d.version;
	return d;
}

static bool covers(const struct standing *r, struct definition d)
{
	for (int i = 0; i < r->targets; i++)
		if (same(r->target[i], d))
			return true;
	return false;
}

static bool filters(const struct standing *r)
{
	return *r->callers || r->caller;
}

static bool means(const struct standing *r, int owner)
{
	char name[64];
	bool fits = true;

	snprintf(name, sizeof(name), "*/%s%s", modules[loads[owner].module].name,
		 loads[owner].module ? ".so" : "");
	if (r->caller)
		fits = r->caller == owner;
	else if (*r->callers)
		fits = !strcmp(r->callers, name);
	return fits != !!(r->flags & LINGER_ALL_BUT);
}

static bool owns(const struct standing *r, int owner)
{
	return (r->kind == OF_MODULE || r->kind == LIKE) && !(r->flags & LINGER_SELF) &&
	       r->like.load == owner;
}

static bool wants_entry(struct definition d)
{
	for (int i = 0; i < n_all; i++)
		if (all[i]->flags & LINGER_AT_ENTRY && covers(all[i], d))
			return true;
	return false;
}

static int value_of(const struct standing *r);

static int body_of(struct definition d)
{
	int module = loads[d.load].module;

	return d.load * PER_LOAD + (module == NDA ? DA : module) * PER_MODULE + d.name * PER_NAME +
	       (module_of(d)->twins && d.version ? 1 : d.version);
}

/* The redirect that its entry leads to; NULL: none. */
static const struct standing *at_entry(struct definition d)
{
	struct definition other = twin(d);

	for (int i = n_all; i--;)
		if (!filters(all[i]) && ((covers(all[i], d) && wants_entry(d)) ||
					 (covers(all[i], other) && wants_entry(other))))
			return all[i];
	return NULL;
}

/* What a call of its address gives. */
static int entry_of(struct definition d)
{
	const struct standing *r = at_entry(d);

	return r ? value_of(r) : body_of(d);
}

/* What is there without the redirects of it; with one of both versions, without those of the other. */
static int original_of(struct definition d)
{
	struct definition other = twin(d);

	for (int i = 0; i < n_all; i++)
		if (covers(all[i], d) &&
		    (wants_entry(d) || (covers(all[i], other) && wants_entry(other))))
			return body_of(d);
	return entry_of(d);
}

/* Whoever the one means, the older one does, too. */
static bool means_those_of(const struct standing *older, const struct standing *r)
{
	if (!filters(older))
		return true;
	return !((older->flags ^ r->flags) & LINGER_ALL_BUT) && older->caller == r->caller &&
	       !strcmp(older->callers, r->callers);
}

static int previous_value(const struct standing *r)
{
	for (int i = n_all; i--;)
		if (all[i]->number < r->number && covers(all[i], r->home) &&
		    means_those_of(all[i], r))
			return value_of(all[i]);
	return original_of(r->home);
}

static int value_of(const struct standing *r)
{
	switch (r->kind) {
	case PLAIN: return -1 - r->plain;
	case OF_MODULE: return -1000 - r->like.load;
	case LIKE: return entry_of(r->like);
	case CHAIN: break;
	}
	return r->home.load ? (int)((unsigned)previous_value(r) * 37u + 11u + (unsigned)r->slot)
			    : -500;
}

/* The newest one that the owner is to get; the replacing module gets what was there before. */
static const struct standing *redirect_of(struct definition d, int owner)
{
	int newest = n_all;

	for (int i = n_all; i--;)
		if (covers(all[i], d) && owns(all[i], owner))
			newest = i;
	for (int i = newest; i--;)
		if (covers(all[i], d) && means(all[i], owner))
			return all[i];
	return NULL;
}

static int expected(struct definition d, int owner)
{
	const struct standing *r = redirect_of(d, owner);

	return r ? value_of(r) : original_of(d);
}

/* The one of the name, or of that version: 0 where it defines none. */
static struct definition defined_in(int load, int name, int version)
{
	const struct module *m = &modules[loads[load].module];
	struct definition d = { load, name, 0 };

	if (!m->defines || m->apart || !is_live(load) ||
	    (loads[load].module == START && name != THREE))
		d.load = 0;
	if (name == TWO && m->versions)
		d.version = version ? version : 2;
	return d;
}

static struct definition may_define(const struct standing *r, int load)
{
	if ((r->provider && r->provider != load) ||
	    ((r->kind == OF_MODULE || r->kind == LIKE) && r->like.load == load))
		return (struct definition){ 0, 0, 0 };
	return defined_in(load, r->name, r->version);
}

/* In the order of the global scope; else the one that was loaded first. */
static struct definition find_definition(const struct standing *r)
{
	struct definition d = { 0, 0, 0 }, best = { 0, 0, 0 };

	for (int i = 0; i < n_global && !d.load; i++)
		d = may_define(r, global[i]);
	if (d.load)
		return d;
	for (int m = 0; m < MODULES; m++) {
		d = modules[m].load ? may_define(r, modules[m].load) : d;
		if (d.load && (!best.load || loads[d.load].id < loads[best.load].id))
			best = d;
		d.load = 0;
	}
	return best;
}

static void aim_at(struct standing *r, struct definition d)
{
	r->home = d;
	if (!covers(r, d))
		r->target[r->targets++] = d;
	check(r->targets < MOST_TARGETS - 1, "too many targets");
	if (!r->version && !covers(r, twin(d)))
		r->target[r->targets++] = twin(d);
}

/* With policy:off what has come after the redirect may go. */
static void forget_gone(struct standing *r)
{
	int n = 0;

	for (int i = 0; i < r->targets; i++)
		if (state_of(r->target[i].load))
			r->target[n++] = r->target[i];
	r->targets = n;
	if (!state_of(r->home.load))
		r->home = n ? r->target[n - 1] : (struct definition){ 0, 0, 0 };
}

/* Where the one that the name means has no room at its entry, one that comes later and has some. */
static struct definition find_new(const struct standing *r, int before)
{
	struct definition d = { 0, 0, 0 };

	for (int load = before + 1; load <= last_load && !d.load; load++) {
		d = may_define(r, load);
		if (d.load && !module_of(d)->patchable)
			d.load = 0;
	}
	return d;
}

/*
 * Whoever has lost what it redirects takes the next one. before: the last load that it could have taken. One that had
 * no room then is not asked again, though it may have moved to the front.
 */
static void settle(int before)
{
	static bool was_live[MOST_LOADS];

	leave_global();
	for (int i = 0; i < n_all; i++) {
		struct standing *r = all[i];
		struct definition d;

		forget_gone(r);
		if (r->by_address || is_live(r->home.load))
			continue;
		d = find_definition(r);
		if (d.load && r->flags & LINGER_AT_ENTRY &&
		    (!module_of(d)->patchable || (r->sought && was_live[d.load])))
			d = find_new(r, before);
		r->sought = !d.load;
		if (d.load)
			aim_at(r, d);
	}
	for (int load = 1; load <= last_load; load++)
		was_live[load] = is_live(load);
}

/* ------------------------------------------------------------------------------ the checks */

static const char *named(int load)
{
	static char text[4][64];
	static int next;

	next = (next + 1) % 4;
	snprintf(text[next], sizeof(text[next]), "%s#%d%s", modules[loads[load].module].name, load,
		 modules[loads[load].module].apart ? " apart" : "");
	return text[next];
}

static void compare(int owner, int name, const char *kind, int u, int t)
{
	struct definition d = definition_of(u);
	const struct standing *r = redirect_of(d, owner);
	int wanted = expected(d, owner);

	if (t != wanted)
		fail("step %d: %s of %s in %s (bound to %s, version %d) gives %d, not %d: "
		     "%s %u",
		     step, kind, t_names[name], named(owner), named(d.load), d.version, t, wanted,
		     r ? "redirect" : "no redirect", r ? r->number : 0);
}

static void check_bindings(int m, const struct model_api *api, int i)
{
	const struct bindings *t = &api->t[i], *u = &api->u[i];
	int load = modules[m].load;

	if (!t->call)
		return;
	if (!modules[m].cold[i] && !modules[m].lost[i])
		compare(load, i, "the call", u->call(), t->call());
	if (t->got)
		compare(load, i, "the call by the GOT", u->got(), t->got());
	compare(load, i, "the word", (*u->word)(), (*t->word)());
	compare(load, i, "the constant", (*u->fixed)(), (*t->fixed)());
}

static void check_inner(int m, const struct model_api *api, int i)
{
	struct definition d = defined_in(modules[m].load, i, 0);

	if (api->inner[i] && d.load)
		gives(api->inner[i](), entry_of(d), "step %d: %s inside %s", step, t_names[i],
		      modules[m].name);
}

/* What dlsym says to somebody of something. */
static void check_dlsym(void)
{
	int m = (int)rnd(MODULES), of = (int)rnd(MODULES), name = (int)rnd(NAMES);
	const char *version = versions[name == TWO ? rnd(3) : 0];
	const struct model_api *api = is_live_module(m) ? api_of(m) : NULL;
	void *handle = rnd(2) && modules[of].handles ? modules[of].handle[0] : RTLD_DEFAULT;
	void *t, *u;

	/* A namespace has a dlsym of its own, which knows no callers. */
	if (!api || modules[m].apart)
		return;
	t = api->find(handle, t_names[name], version);
	u = api->find(handle, u_names[name], version);
	check(!t == !u, "step %d: dlsym(%s) by %s", step, t_names[name], modules[m].name);
	if (u)
		compare(modules[m].load, name, "dlsym", ((function *)(uintptr_t)u)(),
			((function *)(uintptr_t)t)());
}

/* The loader agrees about the global scope. */
static void check_global(void)
{
	for (int name = 0; name < NAMES; name++) {
		struct definition d = { 0, 0, 0 };
		void *found = dlsym(RTLD_DEFAULT, u_names[name]);

		for (int i = 0; i < n_global && !d.load; i++)
			d = defined_in(global[i], name, 0);
		check(!found == !d.load, "step %d: %s is%s in the global scope", step,
		      u_names[name], found ? "" : " not");
		if (found && !same(d, definition_of(((function *)(uintptr_t)found)())))
			fail("step %d: the first %s in the global scope is not %s", step,
			     u_names[name], named(d.load));
	}
}

static void check_table(void)
{
	compare(modules[PROGRAM].load, THREE, "the copied word", model_table.u(), model_table.t());
}

static void check_previous(const struct standing *r)
{
	void *found = NULL;
	int error = linger_previous(r->made, &found);

	check(error == (r->home.load ? 0 : -ENOENT), "step %d: the previous of %u: %s", step,
	      r->number, strerror(-error));
	if (found && ((function *)(uintptr_t)found)() != previous_value(r))
		fail("step %d: the previous of redirect %u gives %d, not %d", step, r->number,
		     ((function *)(uintptr_t)found)(), previous_value(r));
}

static void check_all(void)
{
	for (int m = 0; m < MODULES; m++) {
		const struct model_api *api = api_of(m);

		for (int i = 0; api && i < NAMES; i++) {
			check_bindings(m, api, i);
			check_inner(m, api, i);
		}
	}
	check_table();
	check_global();
	for (int i = 0; i < 4; i++)
		check_dlsym();
	for (int i = 0; i < n_all; i++)
		check_previous(all[i]);
}

/* ------------------------------------------------------------------------ as it was found */

/* What the kernel says of the page, of four letters; "": nothing is there. */
static const char *protection_at(const char *maps, uintptr_t at)
{
	static char perms[8];
	unsigned long lo, hi;

	for (const char *line = maps; *line; line += strcspn(line, "\n") + 1)
		if (sscanf(line, "%lx-%lx %7s", &lo, &hi, perms) == 3 && at >= lo && at < hi)
			return perms;
	return "";
}

/* Pages of a segment that nobody writes, or no more. */
static void check_protection(const struct dl_phdr_info *info, const ElfW(Phdr) *p, const char *maps)
{
	bool relro = p->p_type == PT_GNU_RELRO;
	uintptr_t at = info->dlpi_addr + p->p_vaddr, end = at + p->p_memsz;
	const char wanted[] = { 'r', '-', !relro && p->p_flags & PF_X ? 'x' : '-', 'p', '\0' };

	/* What the loader protects ends with a whole page. */
	for (at &= ~4095ul, end = relro ? end & ~4095ul : end; at < end; at += 4096)
		check(!strcmp(protection_at(maps, at), wanted), "step %d: %s, %#lx is %s", step,
		      info->dlpi_name, at, protection_at(maps, at));
}

static void check_content(const struct dl_phdr_info *info, const ElfW(Phdr) *p, int file)
{
	const char *there = (char *)info->dlpi_addr + p->p_vaddr;
	size_t from = p->p_offset % 4096;
	char *content = mmap(NULL, p->p_filesz + from, PROT_READ, MAP_PRIVATE, file,
			     (off_t)(p->p_offset - from));

	check(content != MAP_FAILED, "mmap: %s", strerror(errno));
	for (size_t i = 0; i < p->p_filesz; i++)
		check(content[from + i] == there[i], "step %d: %s is changed at %#zx", step,
		      info->dlpi_name, p->p_vaddr + i);
	munmap(content, p->p_filesz + from);
}

/* Symbols, code and protections of a module are those of its file. */
static int check_object(struct dl_phdr_info *info, size_t size, void *maps)
{
	int file;

	(void)size;
	if (strncmp(info->dlpi_name, folder, strlen(folder)))
		return 0;
	file = open(info->dlpi_name, O_RDONLY);
	check(file >= 0, "%s: %s", info->dlpi_name, strerror(errno));
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_GNU_RELRO || (p->p_type == PT_LOAD && !(p->p_flags & PF_W)))
			check_protection(info, p, maps);
		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
			check_content(info, p, file);
	}
	close(file);
	return 0;
}

static void check_contents(void)
{
	static char maps[1 << 18]; /* with what has no file: linger copies pages of what it keeps */
	FILE *file = fopen("/proc/self/maps", "r");
	size_t n = file ? fread(maps, 1, sizeof(maps) - 1, file) : 0;

	check(n && n < sizeof(maps) - 1, "/proc/self/maps");
	fclose(file);
	maps[n] = '\0';
	dl_iterate_phdr(check_object, maps);
}

/* A slot that is bound has the definition's own address, not one behind what was at its entry. */
static int check_slot(const struct linger_binding *b, void *of)
{
	const struct module *m = of;
	const struct model_api *api = api_at(m->api);
	int i = 0;

	while (i < NAMES && strcmp(b->symbol, t_names[i]))
		i++;
	if (i == NAMES || !api->t[i].call ||
	    (b->kind == LINGER_SLOT_JUMP && (m->cold[i] || m->lost[i])))
		return 0;
	struct definition d = definition_of(b->kind == LINGER_SLOT_JUMP ? api->u[i].call()
									: (*api->u[i].word)());
	const void *wanted = address_of(api_at(loads[d.load].api)->own[i][d.version == 2]);

	check(*(const void **)b->at == wanted, "step %d: a slot of %s in %s is %p, not %p", step,
	      b->symbol, m->name, *(void **)b->at, wanted);
	return 0;
}

static void check_pristine(void)
{
	for (int m = 0; m < MODULES; m++)
		if (api_of(m))
			linger_each_slot(api_of(m), check_slot, &modules[m]);
	check_contents();
}

/* ------------------------------------------------------------------------------- the steps */

static void note_loads(int m, void *handle)
{
	int of[3], n = closure(m, of);
	char name[64];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s_api", modules[of[i]].name);
		note_load(of[i], symbol(handle, name));
	}
}

/* Those whose constructors have run only now. */
static void check_constructed(const int before[MODULES], const bool kept[MODULES])
{
	for (int m = 0; m < MODULES; m++) {
		const struct model_api *api = modules[m].load == before[m] ? NULL : api_of(m);
		struct definition d;
		const struct standing *r;

		if (!api || !api->t[ONE].call || modules[m].apart)
			continue;
		d = definition_of(api->constructed_u);
		if (kept[loads[d.load]
				 .module]) /* it is known to be back only behind the constructors */
			continue;
		r = redirect_of(d, modules[m].load);
		if (r ? r->kind == PLAIN && api->constructed_t != -1 - r->plain
		      : api->constructed_t < 0)
			fail("step %d: in its constructor %s got %d, not %d", step, modules[m].name,
			     api->constructed_t, expected(d, modules[m].load));
	}
}

/* Are two definitions of the name led to one address, or one to the other? */
static bool is_doubtful(int name)
{
	for (int i = 0; i < n_all; i++) {
		const struct standing *r = all[i];

		if (r->name != name)
			continue;
		for (int k = 0; k < r->targets; k++)
			if (r->target[k].load != r->target[0].load)
				return true;
		for (int k = 0; k < i; k++)
			if (all[k]->name == name && r->kind != CHAIN && all[k]->kind == r->kind &&
			    (r->kind != PLAIN || r->plain == all[k]->plain))
				return true;
		if (r->kind == LIKE)
			return true;
	}
	return false;
}

static void call_first(int m, int name)
{
	const struct model_api *api = api_of(m);
	int u, t;

	if (!api || !api->t[name].call || !modules[m].cold[name])
		return;
	say("# %d first call of %s by %s\n", step, t_names[name], named(modules[m].load));
	u = api->u[name].call();
	t = api->t[name].call();
	modules[m].cold[name] = false;
	modules[m].unsure[name] = is_doubtful(name);
	compare(modules[m].load, name, "the first call", u, t);
}

static void first_call(void)
{
	int m = (int)rnd(MODULES);

	call_first(m, (int)rnd(NAMES));
}

/*
 * Before the loader's search may change. A slot that waits for its first call is bound by a redirect of which its
 * object alone is to get something, or nothing.
 */
static void make_first_calls(void)
{
	for (int m = 0; m < MODULES; m++)
		for (int i = 0; i < NAMES; i++) {
			if (modules[m].touched[i])
				call_first(m, i);
			modules[m].lost[i] |= modules[m].unsure[i];
		}
}

static void touch(const struct standing *r)
{
	for (int m = 0; m < MODULES; m++)
		modules[m].touched[r->name] |= filters(r) || r->kind >= OF_MODULE;
}

model_hook *model_in_constructor; /* is for one call */
static void redirect_some(void);
static void take_back(int n);

/* Of what is being opened the model does not know yet: nothing by name. */
static void act_in_constructor(void)
{
	model_in_constructor = NULL;
	in_constructor = true;
	if (n_all && rnd(2))
		take_back(1);
	else if (n_all < MOST_STANDING - 3)
		redirect_some();
	in_constructor = false;
}

/* Of several kept ones that come back at once anyone may answer to a name that nobody has. */
static bool may_come_back_at_once(void)
{
	int kept = 0, seek = 0;

	for (int m = 0; m < MODULES; m++)
		kept += modules[m].defines && state_of(modules[m].load) == LINGER_KEPT;
	for (int i = 0; i < n_all; i++)
		seek += !all[i]->by_address && !is_live(all[i]->home.load);
	return kept > 1 && seek;
}

static void open_module(void)
{
	int m = DA + (int)rnd(MODULES - DA), mode = rnd(2) ? RTLD_LAZY : RTLD_NOW;
	int before[MODULES], of[3], n = closure(m, of);
	struct module *module = &modules[m];
	bool constructed, kept[MODULES];
	int last = last_load;
	void *handle;

	if (module->handles == MOST_HANDLES || m == NDA || may_come_back_at_once())
		return;
	for (int i = 0; i < MODULES; i++) {
		before[i] = modules[i].load;
		kept[i] = state_of(modules[i].load) == LINGER_KEPT;
	}
	mode |= module->apart || rnd(3) ? 0 : RTLD_GLOBAL;
	mode |= !module->apart && rnd(6) == 0 ? RTLD_DEEPBIND : 0;
	say("# %d open %s%s%s%s%s\n", step, module->name, module->apart ? " apart" : "",
	    mode & RTLD_NOW ? " now" : "", mode & RTLD_GLOBAL ? " global" : "",
	    mode & RTLD_DEEPBIND ? " deep" : "");
	if (mode & RTLD_GLOBAL)
		make_first_calls();
	if (rnd(4) == 0)
		model_in_constructor = act_in_constructor;
	constructed = model_in_constructor;
	handle = module->apart ? dlmopen(LM_ID_NEWLM, in_folder("ca.so"), mode) : NULL;
	if (module->apart && (!handle || module->handles)) {
		if (handle)
			close_handle(handle);
		return;
	}
	if (!module->apart) {
		char name[64];

		snprintf(name, sizeof(name), "%s.so", module->name);
		handle = open_library(name, mode);
	}
	module->handle[module->handles++] = handle;
	note_loads(m, handle);
	for (int i = 0; i < n; i++) {
		if (mode & RTLD_GLOBAL)
			join_global(modules[of[i]].load);
		for (int k = 0;
		     mode & RTLD_NOW && before[of[i]] != modules[of[i]].load && k < NAMES; k++)
			modules[of[i]].cold[k] = false;
	}
	settle(last);
	if (!constructed || model_in_constructor) /* it was the same all the time */
		check_constructed(before, kept);
	model_in_constructor = NULL;
}

static void close_module(void)
{
	int m = DA + (int)rnd(MODULES - DA);
	struct module *module = &modules[m];

	if (!module->handles)
		return;
	say("# %d close %s\n", step, module->name);
	make_first_calls();
	close_handle(module->handle[--module->handles]);
	close_handle(dlopen(NULL, RTLD_LAZY));
	settle(last_load);
}

/* A module that is there; 0: the random one is not. */
static int random_load(int from)
{
	int m = from + (int)rnd((unsigned)(MODULES - from));

	return is_live_module(m) ? modules[m].load : 0;
}

static int is_first_two(const struct linger_symbol *s, void *version)
{
	if (!s->defined || strcmp(s->name, t_names[TWO]))
		return 0;
	*(int *)version = s->version && !strcmp(s->version, "V1") ? 1 : 2;
	return 1;
}

/* Of an address of two names the first one's previous is told. */
static struct definition first_name_of(struct definition d)
{
	if (d.name == TWO && module_of(d)->twins)
		linger_each_symbol(api_at(loads[d.load].api), is_first_two, &d.version);
	return d;
}

/* Is something there only because others are bound to it? Then it may be there for a replacing module alone. */
static bool any_stays_for_others(void)
{
	bool held[MODULES] = { [PROGRAM] = true, [START] = true };
	int of[3];

	for (int m = 0; m < MODULES; m++)
		for (int i = 0, n = modules[m].handles ? closure(m, of) : 0; i < n; i++)
			held[of[i]] = true;
	for (int m = 0; m < MODULES; m++)
		if (!held[m] && is_live_module(m))
			return true;
	return false;
}

static int random_slot(void)
{
	int slot = (int)rnd(MOST_STANDING);

	for (int i = 0; i < n_all; i++)
		if (all[i]->slot == slot)
			return -1;
	return slot;
}

static void choose_replacement(struct standing *r, struct linger_change *c)
{
	int load = random_load(DA);
	struct definition like = { 0, 0, 0 };
	unsigned how = rnd(10);

	r->kind = how < 4 ? PLAIN : how < 7 ? CHAIN : how < 8 ? OF_MODULE : LIKE;
	if (r->kind >= OF_MODULE && load)
		like = defined_in(load, r->name, r->name == TWO ? (int)rnd(3) : 0);
	if (r->kind == LIKE && r->flags & LINGER_AT_ENTRY)
		r->kind = CHAIN;
	if (r->kind >= OF_MODULE &&
	    (!like.load || like.load == r->home.load || any_stays_for_others()))
		r->kind = CHAIN;
	r->plain = (int)rnd(3);
	r->like = like;
	switch (r->kind) {
	case PLAIN: c->replacement = address_of(plains[r->plain]); break;
	case CHAIN:
		c->replacement = address_of(chains[r->slot]);
		c->previous = (void **)&previous[r->slot];
		break;
	case OF_MODULE: c->replacement = address_of(api_at(loads[load].api)->plain); break;
	case LIKE:
		c->replacement = address_of(
			api_at(loads[load].api)->own[r->name][like.version == 2]);
		break;
	}
}

static void choose_callers(struct standing *r, struct linger_change *c)
{
	int load = rnd(8) ? random_load(DA) : modules[PROGRAM].load;
	int m = loads[load].module;

	if (rnd(2) || !load)
		return;
	if (rnd(2)) {
		r->caller = load;
		c->caller = api_at(loads[load].api);
	} else {
		snprintf(r->callers, sizeof(r->callers), "*/%s%s", modules[m].name, m ? ".so" : "");
		c->callers = r->callers;
	}
	if (rnd(2))
		r->flags |= LINGER_ALL_BUT;
}

/* A random change, and what is to become of it. */
static int choose(struct standing *r, struct linger_change *c)
{
	static char names[MOST_STANDING][32];
	struct definition d;
	int load;

	*r = (struct standing){ .name = (int)rnd(NAMES), .slot = r->slot };
	*c = (struct linger_change){ 0 };
	load = random_load(START);
	r->by_address = in_constructor || rnd(4) == 0;
	r->version = r->name == TWO && rnd(2) ? 1 + (int)rnd(2) : 0;
	if (rnd(4) == 0)
		r->flags |= LINGER_AT_ENTRY;
	else
		choose_callers(r, c);
	r->flags |= rnd(6) ? 0 : LINGER_COMPLETE;
	r->flags |= rnd(8) ? 0 : LINGER_SELF;
	if (!(r->flags & LINGER_AT_ENTRY))
		r->flags |= rnd(4) ? 0 : LINGER_LATER;
	if (r->by_address) {
		/* In a namespace, too. */
		bool apart = load && modules[loads[load].module].apart;

		if (load && apart)
			modules[loads[load].module].apart = false;
		d = load ? defined_in(load, r->name, r->version) : (struct definition){ 0, 0, 0 };
		if (load && apart)
			modules[loads[load].module].apart = true;
		if (!d.load || (d.name == FOUR && module_of(d)->chosen))
			return 1;
		r->home = first_name_of(d);
		r->version = 0;
		c->address = address_of(api_at(loads[load].api)->own[r->name][d.version == 2]);
	} else {
		snprintf(names[r->slot], sizeof(names[0]), "%s%s%s", t_names[r->name],
			 r->version ? "@" : "", r->version ? versions[r->version] : "");
		c->symbol = names[r->slot];
		if (load && !rnd(4)) {
			r->provider = load;
			c->provider = api_at(loads[load].api);
		}
	}
	choose_replacement(r, c);
	c->flags = r->flags;
	d = r->by_address ? r->home : find_definition(r);
	if (!d.load)
		return r->flags & LINGER_LATER ? 0 : -ENOENT;
	if (r->flags & LINGER_AT_ENTRY && !module_of(d)->patchable)
		return -EOPNOTSUPP;
	if (r->flags & LINGER_COMPLETE && !(r->flags & LINGER_AT_ENTRY) &&
	    (module_of(d)->inner || (r->name == FOUR && module_of(d)->chosen)))
		return -EXDEV;
	aim_at(r, d);
	return 0;
}

static void say_change(const struct standing *r, int wanted)
{
	static const char *const kinds[] = { "plain", "chain", "plain of", "the definition of" };

	say("#   %u: %s%s%s%s%s", made_so_far + 1, r->by_address ? "address of " : "",
	    t_names[r->name], r->version ? "@" : "", r->version ? versions[r->version] : "",
	    r->by_address && r->home.version ? versions[r->home.version] : "");
	say(" (now %s) to %s %s", r->home.load ? named(r->home.load) : "none", kinds[r->kind],
	    r->kind >= OF_MODULE ? named(r->like.load) : "");
	if (r->kind == PLAIN)
		say("%d", r->plain);
	if (filters(r))
		say(" callers %s%s%s", r->flags & LINGER_ALL_BUT ? "but " : "", r->callers,
		    r->caller ? named(r->caller) : "");
	say("%s%s%s%s%s%s\n", r->provider ? " of " : "", r->provider ? named(r->provider) : "",
	    r->flags & LINGER_LATER ? " later" : "", r->flags & LINGER_COMPLETE ? " complete" : "",
	    r->flags & LINGER_AT_ENTRY ? " at entry" : "", r->flags & LINGER_SELF ? " self" : "");
	if (wanted)
		say("#   which is refused: %s\n", strerror(-wanted));
}

/* One change, or a batch; where one of it is refused nothing may have changed. */
static void redirect_some(void)
{
	struct linger_change changes[3];
	linger_redirect *made[3];
	char err[256] = "";
	int n = rnd(3) ? 1 : 2 + (int)rnd(2), wanted = 0, r, was = n_all;
	struct picture before = { 0 };

	say("# %d redirect\n", step);
	for (int i = 0; i < n; i++) {
		struct standing *s = calloc(1, sizeof(*s));
		int error = 1;

		s->slot = random_slot();
		if (s->slot >= 0)
			error = choose(s, &changes[i]);
		if (error == 1) { /* none such */
			free(s);
			n = i;
			break;
		}
		say_change(s, error);
		wanted = wanted ? wanted : error;
		s->number = ++made_so_far;
		all[n_all++] = s;
	}
	for (int i = was; i < n_all; i++)
		all[i]->made = NULL;
	if (!n)
		return;
	if (wanted && rnd(4) == 0)
		before = picture_take();
	r = linger_redirect_all(changes, (size_t)n, made, err, sizeof(err));
	check(r == wanted, "step %d: %s, not %s (%s)", step, r ? strerror(-r) : "done",
	      wanted ? strerror(-wanted) : "done", err);
	if (before.n) {
		picture_compare(&before, "refused");
		picture_free(&before);
	}
	for (int i = 0; !wanted && i < n; i++) {
		all[was + i]->made = made[i];
		touch(all[was + i]);
	}
	while (wanted && n_all > was)
		free(all[--n_all]);
}

static void take_back(int n)
{
	linger_redirect *made[MOST_STANDING];
	int r;

	say("# %d restore", step);
	for (int i = 0; i < n; i++) {
		int k = (int)rnd((unsigned)n_all);

		say(" %u", all[k]->number);
		made[i] = all[k]->made;
		free(all[k]);
		memmove(&all[k], &all[k + 1], (size_t)(--n_all - k) * sizeof(*all));
	}
	say("\n");
	r = linger_restore_all(made, (size_t)n);
	check(!r, "step %d: restoring: %s", step, strerror(-r));
	close_handle(dlopen(NULL, RTLD_LAZY));
	settle(last_load);
	if (!n_all)
		check_pristine();
}

static const struct standing *reported;

/* A word's verdict fits what a call through it gives. */
static int check_verdict(const struct linger_binding *b, void *of)
{
	const struct standing *r = of, *meant;
	struct definition d;

	check(b->verdict != LINGER_UNSETTLED && b->verdict != LINGER_REFUSED,
	      "step %d: verdict %u of %s", step, b->verdict, b->symbol);
	for (int m = 0; m < MODULES; m++) {
		const struct model_api *api = api_of(m);

		if (!api || !api->t[r->name].call || b->at != (void *)api->t[r->name].word)
			continue;
		d = definition_of((*api->u[r->name].word)());
		meant = redirect_of(d, modules[m].load);
		if (meant == r ? b->verdict != LINGER_CHANGED
			       : b->verdict == LINGER_CHANGED &&
					 value_of(r) != expected(d, modules[m].load))
			fail("step %d: redirect %u's verdict on the word %s of %s is %u", step,
			     r->number, t_names[r->name], named(modules[m].load), b->verdict);
		reported = r;
	}
	return 0;
}

static void report_one(void)
{
	int k = (int)rnd((unsigned)n_all);
	int r = linger_report(all[k]->made, check_verdict, all[k]);

	say("# %d report of %u\n", step, all[k]->number);
	check(!r, "step %d: report: %s", step, strerror(-r));
}

static void do_step(void)
{
	unsigned what = rnd(100);

	if (what < 25)
		open_module();
	else if (what < 42)
		close_module();
	else if (what < 50)
		first_call();
	else if (what < 75 && n_all < MOST_STANDING - 3)
		redirect_some();
	else if (what < 90 && n_all)
		take_back(1);
	else if (what < 93 && n_all)
		take_back(1 + (int)rnd((unsigned)n_all));
	else if (what < 95 && n_all)
		take_back(n_all);
	else if (n_all)
		report_one();
}

/* ---------------------------------------------------------------------------------- a run */

static void begin(void)
{
	void *replaces = open_library("replaces.so", RTLD_NOW);

	previous = symbol(replaces, "model_previous");
	chains = symbol(replaces, "model_chains");
	plains = symbol(replaces, "model_plains");
	note_load(PROGRAM, &program_api);
	note_load(START, symbol(RTLD_DEFAULT, "start_api"));
	join_global(modules[START].load);
}

static void run(uint64_t with, int steps, const char *skip)
{
	struct picture before;

	begin();
	check_all();
	before = picture_take();
	for (step = 0; step < steps; step++) {
		if (skip && (size_t)step < strlen(skip) && skip[step] == '1')
			continue;
		seed(with * 100003 + (uint64_t)step);
		do_step();
		check_all();
	}
	if (n_all)
		take_back(n_all);
	check_all();
	check_pristine();
	picture_compare_(&before, true, "the end");
}

/* ------------------------------------------------------------------------- the fewest steps */

/* A process of its own for it. Quiet: what it says is not wanted. */
static bool fails(char **argv, const char *skip, bool quiet)
{
	posix_spawn_file_actions_t actions;
	pid_t child;
	int status;

	setenv("MODEL_SKIP", skip, 1);
	posix_spawn_file_actions_init(&actions);
	if (quiet)
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	check(!posix_spawn(&child, "/proc/self/exe", &actions, NULL, argv, environ), "no process");
	posix_spawn_file_actions_destroy(&actions);
	check(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
	if (!quiet && WIFSIGNALED(status))
		fprintf(stderr, "signal %d\n", WTERMSIG(status));
	return status;
}

/* Leaves out as many as can be, fewer and fewer at once. */
static void shrink(char **argv, char *skip, int steps)
{
	char tried[MOST_STEPS + 1];

	for (int size = steps / 2; size; size /= 2)
		for (int i = 0; i < steps; i += size) {
			strcpy(tried, skip);
			memset(tried + i, '1', (size_t)(i + size > steps ? steps - i : size));
			if (strcmp(tried, skip) && fails(argv, tried, true))
				strcpy(skip, tried);
		}
}

int main(int argc, char **argv)
{
	char skip[MOST_STEPS + 1] = "";
	int steps = argc == 4 ? atoi(argv[3]) : 0;

	check(steps > 0 && steps <= MOST_STEPS && linger_is_here(),
	      "usage: model FOLDER SEED STEPS, with linger");
	folder = argv[1];
	talks = getenv("MODEL_TALKS");
	if (getenv("MODEL_SKIP")) {
		run(strtoull(argv[2], NULL, 0), steps, getenv("MODEL_SKIP"));
		return 0;
	}
	memset(skip, '0', (size_t)steps);
	if (!fails(argv, skip, true))
		return 0;
	shrink(argv, skip, steps);
	shrink(argv, skip, steps);
	setenv("MODEL_TALKS", "1", 1);
	fprintf(stderr, "seed %s, %d steps; the fewest that fail:\n", argv[2], steps);
	fails(argv, skip, false);
	return 1;
}
