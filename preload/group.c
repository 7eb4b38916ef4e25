/*
 * group.c - which objects glibc would unload together. See group.h.
 *
 * Owns: the number of the last marking. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "group.h"

#include "arena.h"
#include "fields.h"
#include "log.h"
#include "pages.h"
#include "real.h"
#include "registry.h"

/* glibc's struct link_map_reldeps (include/link.h). */
struct needs_by_relocation {
	uint32_t count;
	struct link_map *list[];
};

/* What an object was bound to before the loader gave it another list. */
struct bound {
	uint32_t count;
	struct {
		struct lgr_object *object;
		uint64_t id;
	} to[];
};

static uint32_t marking;
static bool broken; /* a field is not what it was taken for: said once, and never tried again */

/* Objects marked, whose needs are not. */
struct stack {
	struct lgr_object **at;
	uint32_t depth;
};

bool lgr_group_known(void)
{
	return lgr_field_known(LGR_FIELD_NEEDS) && lgr_field_known(LGR_FIELD_BOUND);
}

bool lgr_group_uses(const struct lgr_object *object)
{
	return object->used == marking;
}

static bool push(struct lgr_object *object, void *arg)
{
	struct stack *stack = arg;

	if (object->used != marking) {
		object->used = marking;
		stack->at[stack->depth++] = object;
	}
	return true;
}

/* More pending destructors than we pretend there are. */
static bool has_destructors(const struct lgr_object *object, const struct link_map *map)
{
	uint64_t ours = lgr_is(object, LGR_FL_HELD) ? 1 : 0;

	/* pairs with the release in glibc's __call_tls_dtors, as the loader's own look does */
	return __atomic_load_n((uint64_t *)lgr_field_at(map, LGR_FIELD_HOLDS), __ATOMIC_ACQUIRE) >
	       ours;
}

static bool in_use(const struct lgr_object *object, const struct lgr_object *closing)
{
	const struct link_map *map = lgr_map_of(object);

	return lgr_is(object, LGR_FL_STARTUP) ||
	       lgr_field_handles(map) > (object == closing ? 1 : 0) || lgr_field_nodelete(map) ||
	       has_destructors(object, map);
}

/* ld.so stands in every namespace under a map of its own, which is no object of ours. */
static struct lgr_object *object_of(const struct link_map *map)
{
	return lgr_registry_find((uintptr_t)map, UINT64_MAX);
}

static size_t size_of_bound(uint32_t count)
{
	return sizeof(struct bound) + count * sizeof(((struct bound *)NULL)->to[0]);
}

void lgr_group_remember(struct lgr_object *object)
{
	struct link_map *map = lgr_map_of(object);
	struct link_map **list;
	struct bound *bound;
	uint32_t n = 0;

	if (object->bound || !lgr_field_known(LGR_FIELD_NEEDS) ||
	    ((struct lgr_scope *)lgr_field_at(map, LGR_FIELD_SCOPE))->list)
		return;
	list = *(struct link_map ***)lgr_field_at(map, LGR_FIELD_NEEDS);
	while (list && list[n])
		n++;
	bound = n > 1 ? lgr_arena_alloc(size_of_bound(n)) : NULL;
	if (!bound)
		return;
	bound->count = n;
	for (uint32_t i = 1; i < n; i++) {
		bound->to[i].object = object_of(list[i]);
		if (bound->to[i].object)
			bound->to[i].id = bound->to[i].object->id;
	}
	object->bound = (uint64_t)(uintptr_t)bound;
}

void lgr_group_forget(struct lgr_object *object)
{
	struct bound *bound = (struct bound *)(uintptr_t)object->bound;

	if (bound)
		lgr_arena_free(bound, size_of_bound(bound->count));
	object->bound = 0;
}

static bool visit_bound(const struct bound *bound,
			bool (*visit)(struct lgr_object *needed, void *arg), void *arg)
{
	for (uint32_t i = 1; bound && i < bound->count; i++)
		if (bound->to[i].object && bound->to[i].object->id == bound->to[i].id &&
		    !visit(bound->to[i].object, arg))
			return false;
	return true;
}

bool lgr_group_needs(const struct lgr_object *object,
		     bool (*visit)(struct lgr_object *needed, void *arg), void *arg)
{
	const struct link_map *map = lgr_map_of(object);
	struct link_map **list = *(struct link_map ***)lgr_field_at(map, LGR_FIELD_NEEDS);
	/* Lazy binding makes it longer, under the lock that we have (elf/dl-lookup.c). */
	const struct needs_by_relocation *more = *(struct needs_by_relocation **)lgr_field_at(
		map, LGR_FIELD_BOUND);
	struct lgr_object *needed;

	if (!lgr_group_known())
		return false;
	/* The first is the object itself; and nothing is bound to more objects than there are. That
	 * tells that the fields are what they are taken for. */
	if ((list && (uintptr_t)list[0] != object->map) || (more && more->count > LGR_SLOT_MAX)) {
		broken = true;
		lgr_log_error(LGR_RSN_E_FIELDS, "l_reldeps");
		return false;
	}
	for (size_t i = 1; list && list[i]; i++) {
		needed = object_of(list[i]);
		if (needed && !visit(needed, arg))
			return false;
	}
	for (uint32_t i = 0; more && i < more->count; i++) {
		needed = object_of(more->list[i]);
		/* One that we do not know is ld.so in another namespace, or being loaded: not now. */
		if (!needed && more->list[i]->l_ld == lgr_libc.ld_so->l_ld)
			continue;
		if (!needed || !visit(needed, arg))
			return false;
	}
	return visit_bound((const struct bound *)(uintptr_t)object->bound, visit, arg);
}

static bool mark_all(struct stack *stack, const struct lgr_object *closing,
		     const struct lgr_object *replaced)
{
	struct lgr_object *object = NULL;

	while ((object = lgr_registry_next(object)))
		if (object != replaced && in_use(object, closing))
			push(object, stack);
	while (stack->depth)
		if (!lgr_group_needs(stack->at[--stack->depth], push, stack))
			return false;
	return true;
}

bool lgr_group_mark(const struct lgr_object *closing, const struct lgr_object *replaced)
{
	size_t size = atomic_load_explicit(&lgr_region.objects, memory_order_relaxed) *
		      sizeof(struct lgr_object *);
	struct stack stack = { 0 };
	bool done;

	if (broken || !lgr_group_known() || !lgr_field_known(LGR_FIELD_NODELETE) ||
	    !lgr_region.holding)
		return false;
	stack.at = lgr_arena_alloc(size);
	if (!stack.at)
		return false;
	marking++;
	done = mark_all(&stack, closing, replaced);
	lgr_arena_free(stack.at, size);
	return done;
}
