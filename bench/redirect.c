/*
 * redirect.c - what do redirects cost: to make and to restore, and what happens while they stand?
 *
 * usage: redirect with|without CALLED REPLACEMENT FOLDER N SMALL	reads requests: see bench.h
 *
 * Opens N libraries of FOLDER (0.so, 1.so, ...), each of which imports the 200 functions of CALLED and has
 * called them. Requests:
 *	redirect.K, restore.K	K functions, 1 or 100, of which all objects have a slot, to those of
 *				REPLACEMENT and back; the way back, or there, is not measured
 *	floor.K		the same slots are stored to through an array of their addresses; what is
 *				read-only after relocation is made writable before, and read-only again
 *				behind that, once for each object
 *	first, walk	the first redirect of the process; finding the slots of one function in all
 *			objects by reading their relocations. Once a process
 *	active N	from now on N redirects stand
 *	load		opens the next library of FOLDER, which stays
 *	pair, loaded	opens and closes SMALL, which is mapped and unmapped each time; one of the N
 *	dlsym.plain, dlsym.redirected, call.plain, call.redirected	one function; with N active: a
 *			lookup, a call through the PLT
 * What a redirect does is checked first: every slot, there and back.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUNCTIONS 200u
#define FIRST 1000u /* the functions are called f1000 and so on */
#define BATCH_MAX 100u

struct object {
	void *handle;
	uintptr_t *slot[FUNCTIONS];
	void *relro; /* page-aligned; NULL: its slots are writable */
	size_t relro_size;
};

static struct object *objects;
static size_t count; /* of objects that have slots here */
static size_t next;  /* file of FOLDER */
static const char *folder, *small;
static void *called, *replacement;
static uintptr_t original[FUNCTIONS], other[FUNCTIONS];
static ElfW(Addr) *defined[FUNCTIONS]; /* the values of their symbols */
static char names[FUNCTIONS][8];
static struct linger_change changes[FUNCTIONS];
static linger_redirect *redirects[FUNCTIONS];
static size_t active;
static uint64_t walk_ns;

/* ------------------------------------------------------------------------------------- the slots */

static const ElfW(Dyn) *dynamic(const struct link_map *map, ElfW(Sxword) tag)
{
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag)
			return d;
	bench_die("%s: no dynamic entry %ld", map->l_name, (long)tag);
}

/* Visits the PLT's slots. Only those whose function is called name, unless that is NULL. */
static size_t walk(struct object *object, const char *name)
{
	struct link_map *map;
	const ElfW(Rela) *rela;
	const ElfW(Sym) *symbols;
	const char *strings;
	size_t n, found = 0;

	if (dlinfo(object->handle, RTLD_DI_LINKMAP, &map) != 0)
		bench_die("%s", dlerror());
	rela = (const void *)dynamic(map, DT_JMPREL)->d_un.d_ptr;
	n = dynamic(map, DT_PLTRELSZ)->d_un.d_val / sizeof(*rela);
	symbols = (const void *)dynamic(map, DT_SYMTAB)->d_un.d_ptr;
	strings = (const void *)dynamic(map, DT_STRTAB)->d_un.d_ptr;
	for (size_t i = 0; i < n; i++) {
		const char *own = strings + symbols[ELF64_R_SYM(rela[i].r_info)].st_name;

		if (own[0] != 'f' || (name && strcmp(own, name) != 0))
			continue;
		object->slot[(size_t)atoi(own + 1) - FIRST] = (uintptr_t *)(map->l_addr +
									    rela[i].r_offset);
		found++;
	}
	return found;
}

/* As ld.so computes it: whole pages alone. */
static void find_relro(struct object *object)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), slot = (uintptr_t)object->slot[0];
	const ElfW(Ehdr) *head;
	const ElfW(Phdr) *p;
	struct link_map *map;

	dlinfo(object->handle, RTLD_DI_LINKMAP, &map);
	head = (const void *)map->l_addr; /* of a library whose first address is 0 */
	p = (const void *)(map->l_addr + head->e_phoff);
	for (size_t i = 0; i < head->e_phnum; i++, p++) {
		uintptr_t lo = map->l_addr + p->p_vaddr, hi = lo + p->p_memsz;

		if (p->p_type != PT_GNU_RELRO || slot < lo || slot >= hi)
			continue;
		object->relro = (void *)(lo & ~(page - 1));
		object->relro_size = (hi & ~(page - 1)) - (lo & ~(page - 1));
	}
}

static void open_next(struct object *object)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%zu.so", folder, next++);
	object->handle = dlopen(path, RTLD_LAZY);
	if (!object->handle)
		bench_die("%s", dlerror());
}

static void open_all(size_t n)
{
	uint64_t begin;

	objects = calloc(n, sizeof(*objects));
	for (; count < n; count++) {
		int (*touch)(void);

		open_next(&objects[count]);
		touch = (int (*)(void))(uintptr_t)dlsym(objects[count].handle, "touch");
		if (!touch || touch() != FUNCTIONS)
			bench_die("%zu.so does not call", count);
	}
	begin = bench_now();
	for (size_t i = 0; i < n; i++)
		walk(&objects[i], names[0]);
	walk_ns = bench_now() - begin;
	for (size_t i = 0; i < n; i++) {
		if (walk(&objects[i], NULL) != FUNCTIONS)
			bench_die("%zu.so has too few slots", i);
		find_relro(&objects[i]);
	}
}

/* Are all slots of the first k functions as they should be? */
static void check_slots(size_t k, const uintptr_t *wanted)
{
	for (size_t i = 0; i < count; i++)
		for (size_t f = 0; f < k; f++)
			if (*objects[i].slot[f] != wanted[f])
				bench_die("%zu.so: the slot of %s leads elsewhere", i, names[f]);
}

/* ----------------------------------------------------------------------------------- redirecting */

static void redirect(size_t from, size_t n)
{
	char why[256] = "";
	int r = linger_redirect_all(changes + from, n, redirects + from, why, sizeof(why));

	if (r != 0)
		bench_die("%zu redirects: %s (%s)", n, strerror(-r), why);
}

static void restore(size_t from, size_t n)
{
	if (linger_restore_all(redirects + from, n) != 0)
		bench_die("%zu redirects cannot be restored", n);
}

static inline __attribute__((always_inline)) void batch_redirect(size_t n, size_t k)
{
	while (n--) {
		uint64_t begin = bench_now();

		redirect(0, k);
		bench_own += bench_now() - begin;
		restore(0, k);
	}
}

static inline __attribute__((always_inline)) void batch_restore(size_t n, size_t k)
{
	while (n--) {
		uint64_t begin;

		redirect(0, k);
		begin = bench_now();
		restore(0, k);
		bench_own += bench_now() - begin;
	}
}

static void store(size_t k, const uintptr_t *value)
{
	for (size_t i = 0; i < count; i++) {
		struct object *object = &objects[i];

		if (object->relro &&
		    mprotect(object->relro, object->relro_size, PROT_READ | PROT_WRITE) != 0)
			bench_die("mprotect");
		for (size_t f = 0; f < k; f++)
			__atomic_store_n(object->slot[f], value[f], __ATOMIC_RELAXED);
		if (object->relro && mprotect(object->relro, object->relro_size, PROT_READ) != 0)
			bench_die("mprotect");
	}
}

static inline __attribute__((always_inline)) void batch_floor(size_t n, size_t k)
{
	while (n--) {
		uint64_t begin = bench_now();

		store(k, other);
		bench_own += bench_now() - begin;
		store(k, original);
	}
}

/* The symbols' pages are next to each other, and executable in a library that is linked as these are. */
static void define(size_t k)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), lo = UINTPTR_MAX, hi = 0;

	for (size_t f = 0; f < k; f++) {
		uintptr_t at = (uintptr_t)defined[f] & ~(page - 1);

		lo = at < lo ? at : lo;
		hi = at + page > hi ? at + page : hi;
	}
	if (mprotect((void *)lo, hi - lo, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		bench_die("mprotect");
	for (size_t f = 0; f < k; f++)
		__atomic_store_n(defined[f], *defined[f], __ATOMIC_RELAXED);
	if (mprotect((void *)lo, hi - lo, PROT_READ | PROT_EXEC) != 0)
		bench_die("mprotect");
}

static inline __attribute__((always_inline)) void batch_least(size_t n, size_t k)
{
	while (n--) {
		uint64_t begin = bench_now();

		define(k);
		store(k, other);
		bench_own += bench_now() - begin;
		define(k);
		store(k, original);
	}
}

#define BATCHES(k)                                                                                 \
	static BATCH void batch_redirect_##k(size_t n)                                             \
	{                                                                                          \
		batch_redirect(n, k);                                                              \
	}                                                                                          \
	static BATCH void batch_restore_##k(size_t n)                                              \
	{                                                                                          \
		batch_restore(n, k);                                                               \
	}                                                                                          \
	static BATCH void batch_floor_##k(size_t n)                                                \
	{                                                                                          \
		batch_floor(n, k);                                                                 \
	}                                                                                          \
	static BATCH void batch_least_##k(size_t n)                                                \
	{                                                                                          \
		batch_least(n, k);                                                                 \
	}
BATCHES(1)
BATCHES(100)

/* Once a process, before any other redirect; then what it did is checked. */
static BATCH void batch_first(size_t n)
{
	uint64_t begin = bench_now();

	redirect(0, 1);
	bench_own += (bench_now() - begin) * n;
	check_slots(1, other);
	restore(0, 1);
	check_slots(1, original);
	redirect(0, BATCH_MAX);
	check_slots(BATCH_MAX, other);
	restore(0, BATCH_MAX);
	check_slots(BATCH_MAX, original);
}

static BATCH void batch_walk(size_t n)
{
	bench_own += walk_ns * n;
}

/* --------------------------------------------------------------------------- while redirects stand */

static BATCH void batch_active(size_t n)
{
	if (n > active)
		redirect(active, n - active);
	else if (n < active)
		restore(n, active - n);
	active = n;
}

static BATCH void batch_load(size_t n)
{
	struct object object;

	while (n--)
		open_next(&object);
}

static BATCH void batch_pair(size_t n)
{
	while (n--)
		dlclose(bench_open(small));
}

static BATCH void batch_loaded(size_t n)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/0.so", folder);
	while (n--)
		dlclose(dlopen(path, RTLD_LAZY));
}

static void look_up(size_t n, const char *name, uintptr_t wanted)
{
	while (n--)
		if ((uintptr_t)dlsym(called, name) != wanted)
			bench_die("dlsym of %s leads elsewhere", name);
}

static BATCH void batch_dlsym_plain(size_t n)
{
	look_up(n, names[FUNCTIONS - 1], original[FUNCTIONS - 1]);
}

static BATCH void batch_dlsym_redirected(size_t n)
{
	look_up(n, names[0], active ? other[0] : original[0]);
}

static void call(size_t n, const char *loop)
{
	int (*function)(int) = (int (*)(int))(uintptr_t)dlsym(objects[0].handle, loop);

	if (!function || function((int)n) != (int)n)
		bench_die("%s does not count", loop);
}

static BATCH void batch_call_plain(size_t n)
{
	call(n, "loop_plain");
}

static BATCH void batch_call_redirected(size_t n)
{
	call(n, "loop_redirected");
}

static ElfW(Addr) *value_of(const void *function)
{
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;

	if (!dladdr1(function, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol)
		bench_die("a function has no symbol");
	return (ElfW(Addr) *)&symbol->st_value;
}

static void find_functions(void)
{
	for (size_t f = 0; f < FUNCTIONS; f++) {
		char name[8];

		snprintf(names[f], sizeof(names[f]), "f%zu", FIRST + f);
		snprintf(name, sizeof(name), "r%zu", FIRST + f);
		original[f] = (uintptr_t)dlsym(called, names[f]);
		other[f] = (uintptr_t)dlsym(replacement, name);
		if (!original[f] || !other[f])
			bench_die("%s", dlerror());
		defined[f] = value_of((const void *)original[f]);
		changes[f].symbol = names[f];
		changes[f].replacement = (const void *)other[f];
	}
}

int main(int argc, char **argv)
{
	static const struct bench_word words[] = {
		{ "redirect.1", batch_redirect_1 },
		{ "restore.1", batch_restore_1 },
		{ "floor.1", batch_floor_1 },
		{ "least.1", batch_least_1 },
		{ "redirect.100", batch_redirect_100 },
		{ "restore.100", batch_restore_100 },
		{ "floor.100", batch_floor_100 },
		{ "least.100", batch_least_100 },
		{ "first", batch_first },
		{ "walk", batch_walk },
		{ "active", batch_active },
		{ "load", batch_load },
		{ "pair", batch_pair },
		{ "loaded", batch_loaded },
		{ "dlsym.plain", batch_dlsym_plain },
		{ "dlsym.redirected", batch_dlsym_redirected },
		{ "call.plain", batch_call_plain },
		{ "call.redirected", batch_call_redirected },
		{ NULL, NULL },
	};

	if (argc != 7)
		bench_die("usage: redirect with|without CALLED REPLACEMENT FOLDER N SMALL");
	bench_pin();
	bench_assert_side(argv[1]);
	called = dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL);
	replacement = dlopen(argv[3], RTLD_NOW);
	if (!called || !replacement)
		bench_die("%s", dlerror());
	folder = argv[4];
	small = bench_path(argv[6]);
	find_functions();
	open_all((size_t)atol(argv[5]));
	return bench_serve(words);
}
