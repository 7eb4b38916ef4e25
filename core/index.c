/*
 * index.c - which slots of which objects are bound by which name. See index.h.
 *
 * Owns: the names and their slots. Guard: lgr_lock_registry.
 *
 * A slot's owner says where it is in its object's list, and that list where in the name's: so one is taken
 * out in constant time, by putting the name's last one in its place.
 * SPDX-License-Identifier: MIT
 */
#include "index.h"

#include "arena.h"
#include "lock.h"
#include "registry.h"
#include "text.h"

#define BUCKETS_FIRST 1024u
#define BUCKETS_MOST (LGR_ARENA_LARGEST / sizeof(struct lgr_name *))

static struct {
	struct lgr_name **bucket;
	uint32_t buckets, names;
} all;

/* ---------------------------------------------------------------------------------------- names */

static struct lgr_name **bucket_of(uint32_t hash)
{
	return &all.bucket[hash & (all.buckets - 1)];
}

/* Makes room for one more. Where there is no memory the lists get longer, and that is all. */
static bool grow(void)
{
	struct lgr_name **was = all.bucket, *name;
	uint32_t n = all.buckets;

	if (was && (all.names < n || n >= BUCKETS_MOST))
		return true;
	all.buckets = was ? 2 * n : BUCKETS_FIRST;
	all.bucket = lgr_arena_alloc(all.buckets * sizeof(*was));
	if (!all.bucket) {
		all.bucket = was;
		all.buckets = n;
		return was;
	}
	for (uint32_t i = 0; was && i < n; i++)
		while ((name = was[i])) {
			was[i] = name->next;
			name->next = *bucket_of(name->hash);
			*bucket_of(name->hash) = name;
		}
	lgr_arena_free(was, n * sizeof(*was));
	return true;
}

static struct lgr_name *make_name(const char *text, uint32_t hash)
{
	size_t len = lgr_len(text) + 1, size = sizeof(struct lgr_name) + len;
	struct lgr_name *name = grow() ? lgr_arena_alloc(size) : NULL;

	if (!name)
		return NULL;
	name->hash = hash;
	name->size = (uint32_t)size;
	lgr_copy(name->text, text, len);
	name->next = *bucket_of(hash);
	*bucket_of(hash) = name;
	all.names++;
	return name;
}

static struct lgr_name *find_name(const char *text, uint32_t hash)
{
	struct lgr_name *name = all.bucket ? *bucket_of(hash) : NULL;

	while (name && (name->hash != hash || !lgr_equal(name->text, text)))
		name = name->next;
	return name;
}

struct lgr_name *lgr_index_find(const char *text)
{
	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	return find_name(text, lgr_elf_hash(text));
}

static struct lgr_name *find_or_make(const char *text)
{
	uint32_t hash = lgr_elf_hash(text);
	struct lgr_name *name = find_name(text, hash);

	return name ? name : make_name(text, hash);
}

static void free_if_unused(struct lgr_name *name)
{
	struct lgr_name **at = bucket_of(name->hash);

	if (name->count || name->users)
		return;
	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
	all.names--;
	lgr_arena_free(name->at, name->room * sizeof(*name->at));
	lgr_arena_free(name->owner, name->room * sizeof(*name->owner));
	lgr_arena_free(name, name->size);
}

struct lgr_name *lgr_index_name(const char *text)
{
	struct lgr_name *name = find_or_make(text);

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (name)
		name->users++;
	return name;
}

void lgr_index_drop(struct lgr_name *name)
{
	name->users--;
	free_if_unused(name);
}

/* ------------------------------------------------------------------------------------ their slots */

static void *grow_array(void *was, uint32_t count, uint32_t room, size_t each)
{
	void *more = lgr_arena_alloc(room * each);

	if (more && count)
		lgr_copy(more, was, count * each);
	return more;
}

static bool make_room(struct lgr_name *name)
{
	uint32_t n = name->count, room = name->room ? 2 * name->room : 2;
	struct lgr_owner *owner;
	uint64_t *at;

	if (n < name->room)
		return true;
	at = grow_array(name->at, n, room, sizeof(*at));
	owner = at ? grow_array(name->owner, n, room, sizeof(*owner)) : NULL;
	if (!owner) {
		lgr_arena_free(at, room * sizeof(*at));
		return false;
	}
	lgr_arena_free(name->at, name->room * sizeof(*at));
	lgr_arena_free(name->owner, name->room * sizeof(*owner));
	name->at = at;
	name->owner = owner;
	name->room = room;
	return true;
}

static void take_out(struct lgr_name *name, uint32_t at)
{
	uint32_t last = --name->count;

	name->copies -= name->owner[at].kind == LGR_SLOT_COPY;
	if (at != last) {
		const struct lgr_owner *owner = &name->owner[last];

		lgr_indexed_of(lgr_registry_at(owner->slot))->slot[owner->nth].at = at;
		name->at[at] = name->at[last];
		name->owner[at] = *owner;
	}
	free_if_unused(name);
}

/* ---------------------------------------------------------------------------------------- objects */

struct adding {
	struct lgr_indexed *indexed;
	const struct lgr_loaded *image;
	uint32_t owner;
	bool failed;
};

/* A word that is not aligned cannot be written at once; and none is ever bound at such a place. */
static bool counts(const struct lgr_slot *slot)
{
	return !((uintptr_t)slot->at % sizeof(uintptr_t)) &&
	       !(slot->kind == LGR_SLOT_DATA && slot->addend);
}

static bool count_one(void *arg, const struct lgr_slot *slot)
{
	*(uint32_t *)arg += counts(slot);
	return true;
}

/* What is to be known of a slot before it is written. */
static enum lgr_mark mark_of(const struct adding *a, const struct lgr_slot *slot)
{
	const struct lgr_loaded *image = a->image;
	uintptr_t at = (uintptr_t)slot->at;

	if (slot->kind == LGR_SLOT_COPY || slot->kind == LGR_SLOT_TLS)
		return LGR_MARK_FIXED;
	if (at >= a->indexed->relro_lo && at < a->indexed->relro_hi)
		return LGR_MARK_RELRO;
	for (size_t i = 0; i < image->header_count; i++) {
		const ElfW(Phdr) *h = &image->headers[i];

		if (h->p_type == PT_LOAD && at - image->elf.load - h->p_vaddr < h->p_memsz)
			return h->p_flags & PF_W ? LGR_MARK_NONE : LGR_MARK_CODE;
	}
	return LGR_MARK_NONE;
}

static bool add_one(void *arg, const struct lgr_slot *slot)
{
	struct adding *a = arg;
	struct lgr_name *name;

	if (!counts(slot))
		return true;
	name = find_or_make(slot->name);
	if (!name || !make_room(name)) {
		a->failed = true;
		return false;
	}
	name->at[name->count] = (uintptr_t)slot->at;
	name->owner[name->count] = (struct lgr_owner){ .slot = a->owner,
						       .nth = a->indexed->n & 0xfffffff,
						       .kind = slot->kind };
	lgr_slot_mark(name, name->count, mark_of(a, slot), true);
	name->copies += slot->kind == LGR_SLOT_COPY;
	a->indexed->slot[a->indexed->n].name = name;
	a->indexed->slot[a->indexed->n].symbol = slot->symbol;
	a->indexed->slot[a->indexed->n++].at = name->count++;
	return true;
}

static void each_slot(const struct lgr_loaded *image, lgr_slot_visit *visit, void *arg)
{
	if (image->untouchable || image->no_slots)
		return;
	lgr_elf_slots(&image->elf, LGR_SLOTS_ALL, visit, arg);
	for (uint32_t i = 0; i < image->copies; i++)
		if (!visit(arg, &image->copied[i]))
			return;
}

static size_t size_of_indexed(uint32_t n)
{
	return sizeof(struct lgr_indexed) + n * sizeof(((struct lgr_indexed *)NULL)->slot[0]);
}

bool lgr_index_add(struct lgr_object *object, const struct lgr_loaded *image)
{
	struct adding a = { .image = image, .owner = object->slot };
	uint32_t n = 0;

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (object->slots)
		return true;
	each_slot(image, count_one, &n);
	a.indexed = lgr_arena_alloc(size_of_indexed(n));
	if (!a.indexed)
		return false;
	a.indexed->room = n;
	a.indexed->elf = image->elf;
	a.indexed->untouchable = image->untouchable;
	lgr_elf_relro(image->elf.load, image->headers, image->header_count, &a.indexed->relro_lo,
		      &a.indexed->relro_hi);
	object->slots = (uint64_t)(uintptr_t)a.indexed;
	each_slot(image, add_one, &a);
	if (a.failed)
		lgr_index_remove(object);
	return !a.failed;
}

void lgr_index_remove(struct lgr_object *object)
{
	struct lgr_indexed *indexed = lgr_indexed_of(object);

	lgr_debug_assert(lgr_lock_held(&lgr_lock_registry));
	if (!indexed)
		return;
	for (uint32_t i = 0; i < indexed->n; i++)
		take_out(indexed->slot[i].name, indexed->slot[i].at);
	object->slots = 0;
	lgr_arena_free(indexed, size_of_indexed(indexed->room));
}

void lgr_index_mark(const struct lgr_object *object, enum lgr_mark mark, bool on)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);

	for (uint32_t i = 0; indexed && i < indexed->n; i++)
		lgr_slot_mark(indexed->slot[i].name, indexed->slot[i].at, mark, on);
}

bool lgr_index_check(const struct lgr_object *object)
{
	const struct lgr_indexed *indexed = lgr_indexed_of(object);

	for (uint32_t i = 0; indexed && i < indexed->n; i++) {
		const struct lgr_name *name = indexed->slot[i].name;
		uint32_t at = indexed->slot[i].at;

		if (at >= name->count || name->owner[at].slot != object->slot ||
		    name->owner[at].nth != i)
			return false;
	}
	return true;
}
