/*
 * scrub.c - what the program frees is cleared first. See scrub.h.
 *
 * Owns: the two functions behind ours, found once under lgr_lock_registry before any slot leads here.
 * SPDX-License-Identifier: MIT
 */
#include "scrub.h"

#include "binding.h"
#include "environment.h"
#include "log.h"
#include "real.h"
#include "settings.h"
#include "text.h"

static void (*real_free)(void *);
static size_t (*usable_size)(void *);

static void clear_and_free(void *p)
{
	if (p)
		lgr_zero(p, usable_size(p));
	real_free(p);
}

/* The first definitions in search order, which go together: an allocator has both, or neither. */
static bool find(void)
{
	struct link_map *map = lgr_libc.head;

	for (; map && !real_free; map = map->l_next) {
		struct lgr_elf elf;

		lgr_elf_init(&elf, map->l_addr, map->l_ld);
		real_free = (void (*)(void *))lgr_elf_symbol(&elf, "free");
		usable_size = (size_t(*)(void *))lgr_elf_symbol(&elf, "malloc_usable_size");
	}
	if (real_free && !usable_size)
		lgr_log_error(LGR_RSN_E_SETTING, "scrub");
	return real_free && usable_size;
}

/* A slot that waits for its first call leads back into the object's own PLT. */
static bool settle(void *arg, const struct lgr_slot *slot)
{
	const struct lgr_load *load = arg;
	bool unbound = slot->kind == LGR_SLOT_JUMP && *slot->at >= load->lo &&
		       *slot->at < load->hi && !lgr_elf_find(&load->elf, "free");

	if (lgr_equal(slot->name, "free") && (unbound || *slot->at == (uintptr_t)real_free))
		lgr_binding_write(load, slot->at, (uintptr_t)clear_and_free);
	return true;
}

void lgr_scrub_settle(const struct lgr_load *load)
{
	static enum { UNKNOWN, GOOD, BAD } state;

	if (!lgr_settings.of[LGR_SET_SCRUB].number || load->namespace)
		return;
	if (state == UNKNOWN)
		state = find() ? GOOD : BAD;
	if (state == GOOD && load->map != (uintptr_t)lgr_libc.self && load->headers)
		lgr_elf_slots(&load->elf, LGR_SLOTS_OF_GOT, settle, (void *)load);
}
