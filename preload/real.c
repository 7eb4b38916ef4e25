/*
 * real.c - the functions behind the shim. See real.h.
 *
 * Owns: lgr_real and lgr_libc, written once. Callable before the shim's own constructor.
 *
 * Walks the loader's list without a lock, but only over objects that were there at start: they never
 * leave it, and libc, where every search ends at the latest, is among them.
 * SPDX-License-Identifier: MIT
 */
#include "real.h"

#include "elf.h"
#include "text.h"
#include "wire.h"

/* Weak, so that the linker does not list ld.so beside libc in DT_NEEDED; it is always there. */
#pragma weak _r_debug

void *lgr_real[LGR_REAL_COUNT], *lgr_real_libc[LGR_REAL_COUNT];
struct lgr_libc lgr_libc;
_Atomic bool lgr_real_known;

static const char *const names[] = {
#define X(name) #name,
	LGR_INTERPOSED(X)
#undef X
};

/* Stands in for a function that nobody defines: NULL, or 0, is what each of them may return. */
static void *nothing(void)
{
	return NULL;
}

/* _r_debug may be a program's own copy (a COPY relocation), but its r_map is right all the same. */
static struct link_map *find_self(void)
{
	struct link_map *map = &_r_debug ? _r_debug.r_map : NULL;

	while (map && map->l_ld != _DYNAMIC)
		map = map->l_next;
	return map;
}

/*
 * TSan does not see the loader's lock, and takes for a race what different threads free under it: what
 * is a few bytes stays unfreed there.
 */
static void no_free(void *p)
{
}

static void (*find_free(const struct lgr_elf *elf))(void *)
{
	if (lgr_elf_find(elf, "__tsan_init"))
		return no_free;
	return (void (*)(void *))lgr_elf_symbol(elf, "free");
}

/* What one object of the list has to offer; each is parsed once. */
static void survey(struct link_map *map, bool behind, struct lgr_libc *found)
{
	const ElfW(Sym) *global;
	struct lgr_elf elf;
	bool is_libc;

	lgr_elf_init(&elf, map->l_addr, map->l_ld);
	/* Names that nobody interposes; sanitizers have a __tls_get_addr of their own, for one. */
	is_libc = !found->version && lgr_elf_symbol(&elf, "gnu_get_libc_version");
	global = found->ld_so ? NULL : lgr_elf_find(&elf, "_rtld_global");
	if (global) {
		found->ld_so = map;
		found->rtld_global = map->l_addr + global->st_value;
		found->rtld_global_size = global->st_size;
		found->debug = (struct r_debug *)lgr_elf_symbol(&elf, "_r_debug");
		found->pointer_guard = (const void *)lgr_elf_symbol(&elf, "__pointer_chk_guard");
		found->stack_end = (void *const *)lgr_elf_symbol(&elf, "__libc_stack_end");
	}
	if (!found->free)
		found->free = find_free(&elf);
	if (!found->allocate)
		found->allocate = (void *(*)(size_t))lgr_elf_symbol(&elf, "malloc");
	if (!found->single_threaded)
		found->single_threaded = (const char *)lgr_elf_symbol(&elf,
								      "__libc_single_threaded");
	if (!found->environ)
		found->environ = (char ***)lgr_elf_symbol(&elf, "environ");
	for (int i = 0; i < LGR_REAL_COUNT && (behind || is_libc); i++) {
		void *symbol = (void *)lgr_elf_symbol(&elf, names[i]);

		if (behind && !lgr_real[i])
			lgr_real[i] = symbol;
		if (is_libc)
			lgr_real_libc[i] = symbol;
	}
	if (!is_libc)
		return;
	found->libc = map;
#define X(member, name) found->member = (void *)lgr_elf_symbol(&elf, name);
	LGR_LIBC(X)
#undef X
}

bool lgr_real_is_needed(const char *name)
{
	static const char *const needed[] = { "__gmon_start__", "__cxa_finalize", "sigaltstack" };

	for (size_t i = 0; i < LGR_COUNT(needed); i++)
		if (lgr_equal(name, needed[i]))
			return true;
	return lgr_after(name, "linger_");
}

/* NONE, or what is missing. */
static int judge(const struct lgr_libc *found)
{
	if (!found->self || !found->version || !found->debug || !found->single_threaded)
		return LGR_RSN_E_NO_NEXT;
	if (!found->find_object)
		return LGR_RSN_E_GLIBC;
	for (int i = 0; i < LGR_REAL_COUNT; i++)
		if (!lgr_real[i])
			return LGR_RSN_E_NO_NEXT;
#define X(member, name) !found->member ||
	return LGR_LIBC(X) !found->ld_so ? LGR_RSN_E_NO_NEXT : LGR_RSN_NONE;
#undef X
}

int lgr_real_resolve(void)
{
	struct lgr_libc found = { .self = find_self(), .head = &_r_debug ? _r_debug.r_map : NULL };
	bool behind = false;
	int reason;

	for (struct link_map *map = found.head; map; map = map->l_next) {
		survey(map, behind, &found);
		behind |= map == found.self;
	}
	reason = judge(&found);
	lgr_libc = found;
	for (int i = 0; i < LGR_REAL_COUNT; i++)
		if (!lgr_real[i])
			lgr_real[i] = (void *)nothing;
	/* pairs with the acquire in lgr_ready */
	atomic_store_explicit(&lgr_real_known, true, memory_order_release);
	return reason;
}
