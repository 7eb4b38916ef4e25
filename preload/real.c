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

static uintptr_t symbol_in(const struct link_map *map, const char *name)
{
	struct lgr_elf elf;

	lgr_elf_init(&elf, map->l_addr, map->l_ld);
	return lgr_elf_symbol(&elf, name);
}

/* The first definition in the list from map on, and the object that has it. */
static uintptr_t find_symbol(struct link_map *map, const char *name, struct link_map **ret_in)
{
	uintptr_t found = 0;

	for (; map && !found; map = map->l_next) {
		found = symbol_in(map, name);
		if (found)
			*ret_in = map;
	}
	return found;
}

/* _r_debug may be a program's own copy (a COPY relocation), but its r_map is right all the same. */
static struct link_map *find_self(void)
{
	struct link_map *map = &_r_debug ? _r_debug.r_map : NULL;

	while (map && map->l_ld != _DYNAMIC)
		map = map->l_next;
	return map;
}

static int find_libc(struct link_map *self)
{
	struct link_map *libc = NULL, *in;
	struct lgr_libc found = { .self = self, .head = _r_debug.r_map };

	/* Names that nobody interposes; sanitizers have a __tls_get_addr of their own, for one. */
	if (!find_symbol(found.head, "gnu_get_libc_version", &libc) ||
	    !find_symbol(found.head, "_rtld_global", &found.ld_so))
		return LGR_RSN_E_NO_NEXT;
	found.environ = (char ***)find_symbol(found.head, "environ", &in);
	found.debug = (struct r_debug *)symbol_in(found.ld_so, "_r_debug");
#define X(member, name) found.member = (void *)symbol_in(libc, name);
	LGR_LIBC(X)
#undef X
	for (int i = 0; i < LGR_REAL_COUNT; i++)
		lgr_real_libc[i] = (void *)symbol_in(libc, names[i]);
	lgr_libc = found;
	if (!found.find_object)
		return LGR_RSN_E_GLIBC;
#define X(member, name) !found.member ||
	return LGR_LIBC(X) !found.debug ? LGR_RSN_E_NO_NEXT : LGR_RSN_NONE;
#undef X
}

int lgr_real_resolve(void)
{
	struct link_map *self = find_self(), *in;
	int reason = self ? find_libc(self) : LGR_RSN_E_NO_NEXT;

	for (int i = 0; i < LGR_REAL_COUNT; i++) {
		uintptr_t found = self ? find_symbol(self->l_next, names[i], &in) : 0;

		if (!found && !reason)
			reason = LGR_RSN_E_NO_NEXT;
		lgr_real[i] = found ? (void *)found : (void *)nothing;
	}
	return reason;
}
