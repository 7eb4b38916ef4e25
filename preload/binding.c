/*
 * binding.c - what an object's references to the interposed functions are bound to. See binding.h.
 *
 * Owns nothing. Called for each new object, as a rule before its constructors.
 * SPDX-License-Identifier: MIT
 */
#include "binding.h"

#include <elf.h>

#include "real.h"
#include "sys.h"
#include "text.h"

/* The exported functions of this library, as objects' GOT slots hold them. */
#define X(name) void name##_(void) __asm__(#name);
LGR_INTERPOSED(X)
X(__gmon_start__)
#undef X

static const struct {
	const char *name;
	uintptr_t ours;
} interposed[] = {
#define X(name) { #name, (uintptr_t)name##_ },
	LGR_INTERPOSED(X)
#undef X
};

struct found {
	const struct lgr_load *load;
	uint32_t flags;
	bool around; /* a slot is bound to libc's own definition */
};

/* Which of the interposed functions the name is; LGR_REAL_COUNT: none. */
static int which(const char *name)
{
	int i = 0;

	if ((name[0] != 'd' || name[1] != 'l') && (name[0] != '_' || name[1] != '_') &&
	    (name[0] != 's' || name[1] != 'i') && (name[0] != 'b' || name[1] != 'a'))
		return LGR_REAL_COUNT; /* most names end here */
	while (i < LGR_REAL_COUNT && !lgr_equal(name, interposed[i].name))
		i++;
	return i;
}

static bool examine(void *arg, const struct lgr_slot *slot)
{
	struct found *found = arg;
	int i = which(slot->name);

	if (i == LGR_REAL_COUNT) {
		if (*slot->at == (uintptr_t)__gmon_start___)
			found->flags |= LGR_FL_NOTICED;
		return true;
	}
	if (*slot->at == (uintptr_t)lgr_real_libc[i])
		found->around = true;
	if (*slot->at == interposed[i].ours && i == LGR_REAL___cxa_finalize)
		found->flags |= LGR_FL_FINISHES;
	return true;
}

/* Is the slot's page one that the loader protected after relocation (elf/dl-reloc.c)? */
static bool is_protected(const struct lgr_load *load, const uintptr_t *at)
{
	uintptr_t lo, hi;

	return lgr_elf_relro(load->elf.load, load->headers, load->header_count, &lo, &hi) &&
	       (uintptr_t)at >= lo && (uintptr_t)at < hi;
}

bool lgr_binding_write(const struct lgr_load *load, uintptr_t *at, uintptr_t value)
{
	void *page = (void *)lgr_page_down(at);
	bool window = is_protected(load, at);

	/* Larger pages than ours refuse this; then the slot stays as it is. */
	if (window && lgr_sys_mprotect(page, LGR_PAGE, PROT_READ | PROT_WRITE) < 0)
		return false;
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
	if (window)
		lgr_sys_mprotect(page, LGR_PAGE, PROT_READ);
	return true;
}

/*
 * Nobody in the base namespace but we and libc defines the name: then a slot that is not bound yet
 * would be bound to one of the two. The walk that brought us here keeps the list as it is.
 */
static bool only_libc_has(const char *name)
{
	for (const struct link_map *map = lgr_libc.head; map; map = map->l_next) {
		struct lgr_elf elf;

		if (map == lgr_libc.self || map == lgr_libc.libc)
			continue;
		lgr_elf_init(&elf, map->l_addr, map->l_ld);
		if (lgr_elf_find(&elf, name))
			return false;
	}
	return true;
}

static bool rewrite(void *arg, const struct lgr_slot *slot)
{
	struct found *found = arg;
	int i = which(slot->name);
	bool unbound;

	if (i == LGR_REAL_COUNT)
		return true;
	/* A slot that waits for its first call leads back into the object's own PLT; as does one
	 * that is bound to a definition of the object's own. */
	unbound = slot->kind == LGR_SLOT_JUMP && *slot->at >= found->load->lo &&
		  *slot->at < found->load->hi && only_libc_has(slot->name);
	if ((unbound || *slot->at == (uintptr_t)lgr_real_libc[i]) &&
	    lgr_binding_write(found->load, slot->at, interposed[i].ours) &&
	    i == LGR_REAL___cxa_finalize)
		found->flags |= LGR_FL_FINISHES;
	return true;
}

/* Nobody else stands between us and libc. */
static bool alone(void)
{
	for (int i = 0; i < LGR_REAL_COUNT; i++)
		if (lgr_real[i] != lgr_real_libc[i])
			return false;
	return true;
}

uint32_t lgr_binding_settle(const struct lgr_load *load)
{
	struct found found = { .load = load };

	lgr_elf_slots(&load->elf, LGR_SLOTS_OF_GOT, examine, &found);
	if (found.around && load->headers && load->namespace == 0 && alone())
		lgr_elf_slots(&load->elf, LGR_SLOTS_OF_GOT, rewrite, &found);
	return found.flags;
}
