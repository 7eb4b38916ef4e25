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

struct copy {
	uintptr_t from, to, size;
};

struct finding {
	struct lgr_loaded *program;
	struct copy copy; /* that is looked at */
	bool failed;
};

struct asking {
	const struct lgr_elf *program;
	uintptr_t at; /* the word in the program; once its copy is found, in the library */
	struct lgr_found *found;
	bool done;
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
	uintptr_t offset = (uintptr_t)slot->at - f->copy.from;

	if (offset >= f->copy.size)
		return true;
	if (!make_room(p)) {
		f->failed = true;
		return false;
	}
	p->copied[p->copies] = *slot;
	p->copied[p->copies].at = (uintptr_t *)(f->copy.to + offset);
	p->copied[p->copies++].symbol = 0; /* the library's number: the program has none */
	return true;
}

/* From the first one behind the program that defines it (elf/dl-lookup.c, ELF_RTYPE_CLASS_COPY). */
static bool find_original(const struct lgr_elf *program, const struct lgr_slot *slot,
			  struct lgr_found *ret, struct copy *ret_copy)
{
	const struct lgr_wanted wanted = { .name = slot->name,
					   .version = lgr_elf_version(program, slot->symbol),
					   .hash = lgr_elf_hash(slot->name),
					   .reference = true };
	const ElfW(Sym) *original;

	if (!lgr_scope_search(lgr_scope_global(), NULL, lgr_libc.head, &wanted, ret))
		return false;
	original = &ret->elf.symbols[ret->symbol];
	ret_copy->from = lgr_elf_address(&ret->elf, original);
	ret_copy->to = (uintptr_t)slot->at;
	ret_copy->size = lgr_min(original->st_size, program->symbols[slot->symbol].st_size);
	return true;
}

static bool look_at(void *arg, const struct lgr_slot *slot)
{
	struct finding *f = arg;
	struct lgr_found found;

	if (find_original(&f->program->elf, slot, &found, &f->copy))
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

/* ------------------------------------------------------------------------------- whose word it is */

static bool is_reference(void *arg, const struct lgr_slot *slot)
{
	struct asking *a = arg;

	a->done = (uintptr_t)slot->at == a->at;
	if (a->done)
		a->found->symbol = slot->symbol;
	return !a->done;
}

static bool ask(void *arg, const struct lgr_slot *slot)
{
	struct asking *a = arg;
	struct copy copy;

	if (!find_original(a->program, slot, a->found, &copy) || a->at - copy.to >= copy.size)
		return true;
	a->at += copy.from - copy.to;
	lgr_elf_slots(&a->found->elf, 1u << LGR_SLOT_DATA, is_reference, a);
	return false;
}

bool lgr_copied_from(const struct lgr_elf *program, uintptr_t at, struct lgr_found *ret)
{
	struct asking a = { .program = program, .at = at, .found = ret };

	if (lgr_scope_global())
		lgr_elf_slots(program, 1u << LGR_SLOT_COPY, ask, &a);
	return a.done;
}
