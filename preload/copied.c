/*
 * copied.c - words of the program that are bound because it has copied them. See copied.h.
 *
 * Owns nothing.
 * SPDX-License-Identifier: MIT
 */
#include "copied.h"

#include "arena.h"
#include "real.h"
#include "scope.h"

#define ROOM_FIRST 64u

struct finding {
	struct lgr_loaded *program;
	uintptr_t from, to, size; /* the copy that is looked at */
	bool failed;
};

static bool make_room(struct lgr_loaded *p)
{
	uint32_t room = p->copied_room ? 2 * p->copied_room : ROOM_FIRST;
	struct lgr_slot *more;

	if (p->copies < p->copied_room)
		return true;
	more = lgr_arena_grow(p->copied, p->copied_room * sizeof(*more), p->copies * sizeof(*more),
			      room * sizeof(*more));
	if (!more)
		return false;
	p->copied = more;
	p->copied_room = room;
	return true;
}

static bool add(void *arg, const struct lgr_slot *slot)
{
	struct finding *f = arg;
	struct lgr_loaded *p = f->program;
	uintptr_t offset = (uintptr_t)slot->at - f->from;

	if (offset >= f->size)
		return true;
	if (!make_room(p)) {
		f->failed = true;
		return false;
	}
	p->copied[p->copies] = *slot;
	p->copied[p->copies].at = (uintptr_t *)(f->to + offset);
	p->copied[p->copies++].symbol = 0; /* the library's number: the program has none */
	return true;
}

/* From the first one behind the program that defines it (elf/dl-lookup.c, ELF_RTYPE_CLASS_COPY). */
static bool look_at(void *arg, const struct lgr_slot *copy)
{
	struct finding *f = arg;
	const struct lgr_elf *elf = &f->program->elf;
	const struct lgr_wanted wanted = { .name = copy->name,
					   .version = lgr_elf_version(elf, copy->symbol),
					   .hash = lgr_elf_hash(copy->name),
					   .reference = true };
	const ElfW(Sym) *original;
	struct lgr_found found;

	if (!lgr_scope_search(lgr_scope_global(), NULL, lgr_libc.head, &wanted, &found))
		return true;
	original = &found.elf.symbols[found.symbol];
	f->from = lgr_elf_address(&found.elf, original);
	f->to = (uintptr_t)copy->at;
	f->size = lgr_min(original->st_size, elf->symbols[copy->symbol].st_size);
	lgr_elf_slots(&found.elf, 1u << LGR_SLOT_DATA, add, f);
	return !f->failed;
}

bool lgr_copied_find(struct lgr_loaded *program)
{
	struct finding f = { .program = program };

	if (lgr_scope_global())
		lgr_elf_slots(&program->elf, 1u << LGR_SLOT_COPY, look_at, &f);
	return !f.failed;
}

void lgr_copied_done(struct lgr_loaded *program)
{
	lgr_arena_free(program->copied, program->copied_room * sizeof(*program->copied));
}
