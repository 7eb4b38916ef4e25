/*
 * exempt.c - words that point into an object, and yet are no reference to it. See exempt.h.
 *
 * Owns: the list, while something is looked for. Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "exempt.h"

#include <link.h>

#include "arena.h"
#include "elf.h"
#include "kernel.h"
#include "loaded.h"
#include "log.h"
#include "names.h"
#include "pages.h"
#include "real.h"
#include "records.h"
#include "region.h"
#include "registry.h"
#include "resident.h"
#include "sys.h"
#include "text.h"
#include "threads.h"

#define SPARE 1024u /* entries besides those for objects and threads */
#define STACKS 4096u

static struct {
	struct lgr_exempt *list;
	size_t n, max;
	bool full, sorted;
} exempt;

/* The blocks of stacks, to find what is dead in them. */
static struct {
	struct {
		uint32_t tid;
		uintptr_t lo, hi;
	} of[STACKS];
	uint32_t n;
	uint32_t process; /* as its main thread is called; the helper is called otherwise */
} stacks LGR_BIG;

static void add(uintptr_t lo, uintptr_t hi, struct lgr_object *owner)
{
	if (lo >= hi)
		return;
	if (exempt.n == exempt.max) {
		exempt.full = true;
		return;
	}
	exempt.list[exempt.n++] = (struct lgr_exempt){ lo, hi, owner };
}

/* ------------------------------------------------------------------------------- what the loader has */

/*
 * The loader's copy of a name, to the end of its last word: what the memory had before, behind the NUL,
 * makes an address of that now and then.
 */
static void add_name(const char *name)
{
	const uintptr_t at = (uintptr_t)name, words = ~(uintptr_t)7;

	if (name)
		add(at & words, (at + lgr_len(name) + 8) & words, NULL);
}

/* A link map is one block, with the first alias behind it (elf/dl-object.c); ld.so's is in its own data. */
static void add_maps(void)
{
	const struct lgr_object *object = NULL;
	uintptr_t size = *(uintptr_t *)lgr_field_at(lgr_libc.self, LGR_FIELD_ALIASES) -
			 (uintptr_t)lgr_libc.self;

	while ((object = lgr_registry_next(object))) {
		if (lgr_map_of(object) != lgr_libc.ld_so)
			add(object->map, object->map + size, NULL);
		add_name(lgr_names_real(object));
	}
}

static void add_versions(const struct lgr_object *object)
{
	uintptr_t at = object->map + lgr_records.versions;

	if (lgr_records.versions && lgr_records_word(at))
		add(lgr_records_word(at),
		    lgr_records_word(at) +
			    (uint32_t)lgr_records_word(at + 8) * sizeof(struct lgr_version),
		    NULL);
}

static void add_tables(void)
{
	struct lgr_found_segment segment;

	lgr_records_find_tables();
	for (int i = 0; i < 2; i++)
		for (uintptr_t at = lgr_records.tables[i] ? lgr_records_word(lgr_records.tables[i])
							  : 0;
		     lgr_records_segment(at, &segment); at = segment.previous)
			add(at + sizeof(segment),
			    at + sizeof(segment) +
				    segment.allocated * sizeof(struct lgr_found_object),
			    NULL);
}

static void add_all(void *arg, uintptr_t lo, uintptr_t hi)
{
	add(lo, hi, NULL);
}

/* ------------------------------------------------------------------------------------ what we have */

static bool add_ours(void *arg, uintptr_t lo, uintptr_t hi)
{
	add(lo, hi, NULL);
	return true;
}

static bool add_linger(void)
{
	const struct lgr_object *self = lgr_registry_find((uintptr_t)lgr_libc.self, UINT64_MAX);

	if (!self)
		return false;
	add(self->lo, self->hi, NULL); /* with the arena's pool */
	lgr_log_each(add_all, NULL);
	return lgr_arena_each(add_ours, NULL);
}

/* ------------------------------------------------------------------ what destructors run or remove */

/*
 * The object looked for that removes such a record when it goes: the record has its __dso_handle, a word
 * that points at itself (gcc's crtstuff.c), which its last destructor hands to __cxa_finalize.
 */
static struct lgr_object *owner_of(uintptr_t dso)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find(dso));

	return object && dso % sizeof(dso) == 0 && lgr_is(object, LGR_FL_PROVEN) &&
			       lgr_is(object, LGR_FL_FINISHES) && lgr_records_word(dso) == dso
		       ? object
		       : NULL;
}

static void add_exit_functions(void)
{
	const struct lgr_exit_list *list;

	if (!lgr_records.exit_functions)
		return;
	for (list = (const void *)lgr_records_word(lgr_records.exit_functions); list;
	     list = list->next)
		for (size_t i = 0; i < LGR_COUNT(list->function); i++) {
			const struct lgr_exit_function *f = &list->function[i];
			struct lgr_object *owner = f->flavor == LGR_EXIT_CXA ? owner_of(f->dso)
									     : NULL;

			if (owner || i >= list->used || f->flavor == LGR_EXIT_FREE)
				add((uintptr_t)f, (uintptr_t)(f + 1), owner);
		}
}

static void add_fork_handlers(void)
{
	const struct lgr_fork_handlers *h =
		(const struct lgr_fork_handlers *)lgr_records.fork_handlers;
	const struct lgr_fork_handler *one = h ? (const struct lgr_fork_handler *)h->array : NULL;

	for (size_t i = 0; h && i < lgr_min(h->allocated, (size_t)LGR_HANDLERS_MOST); i++) {
		struct lgr_object *owner = i < h->used ? owner_of(one[i].dso) : NULL;

		if (owner || i >= h->used)
			add((uintptr_t)&one[i], (uintptr_t)(&one[i] + 1), owner);
	}
}

/* pthread_key_delete leaves the destructor where it is. */
static void add_keys(const struct lgr_words *w)
{
	const struct lgr_key *key = (const struct lgr_key *)lgr_records.keys;

	for (uint32_t i = 0; key && i < LGR_KEYS; i++)
		if (!(key[i].sequence & 1) && key[i].destructor >= w->lo &&
		    key[i].destructor < w->hi)
			add((uintptr_t)&key[i].destructor, (uintptr_t)(&key[i] + 1), NULL);
}

/* Kept from look to look: zeroing it anew would be a sixth of a small look. */
static bool make_room(size_t n)
{
	if (n <= exempt.max)
		return true;
	lgr_arena_free(exempt.list, exempt.max * sizeof(*exempt.list));
	exempt.max = 0;
	exempt.list = lgr_arena_alloc(2 * n * sizeof(*exempt.list));
	if (exempt.list)
		exempt.max = 2 * n;
	return exempt.list;
}

bool lgr_exempt_begin(uint32_t threads)
{
	const struct lgr_object *object = NULL;
	size_t objects = atomic_load_explicit(&lgr_region.objects, memory_order_relaxed);

	exempt.n = 0;
	exempt.full = exempt.sorted = false;
	stacks.n = 0;
	stacks.process = lgr_sys_getpid();
	if (!make_room(objects * 3 + threads * 4 + SPARE))
		return false;
	add_maps();
	while ((object = lgr_registry_next(object)))
		if (lgr_is(object, LGR_FL_PROVEN))
			add_versions(object);
	add_tables();
	/* ld.so's own data: nothing that is not the loader's is ever stored there. */
	lgr_records_each_writable(lgr_libc.ld_so, add_all, NULL);
	return add_linger();
}

/* ------------------------------------------------------------------------------- what threads have */

static void note_stack(const struct lgr_thread *thread)
{
	if (!thread->lo)
		return;
	if (thread->ended) {
		add(thread->lo, thread->hi, NULL);
	} else if (stacks.n < STACKS) {
		stacks.of[stacks.n].tid = thread->tid;
		stacks.of[stacks.n].lo = thread->lo;
		stacks.of[stacks.n++].hi = thread->hi;
	}
}

static size_t storage_size(const struct lgr_object *object)
{
	size_t n = 0;
	const ElfW(Phdr) *h = lgr_loaded_headers(lgr_map_of(object), object->lo, object->hi, &n);

	for (size_t i = 0; i < n; i++)
		if (h[i].p_type == PT_TLS)
			return h[i].p_memsz;
	return 0;
}

/* What a thread that has ended has left of it is dead like its stack, in which static TLS is. */
static void note_storage(const struct lgr_thread *thread, struct lgr_object *object,
			 struct lgr_words *w)
{
	uintptr_t lo, hi, slot;

	if (!lgr_threads_storage(thread, lgr_map_of(object), &lo, &slot))
		return;
	hi = lo + storage_size(object);
	add(slot, slot ? slot + 2 * sizeof(slot) : 0, NULL);
	if (thread->ended && thread->lo <= lo && hi <= thread->hi)
		return;
	add(lo, hi, thread->ended ? NULL : object);
	if (thread->ended)
		return;
	lgr_words_add_storage(w, lo, hi);
}

/* Of linger's own it has who called last. */
static void note_own_storage(const struct lgr_thread *thread)
{
	uintptr_t lo, slot;

	if (!thread->ended && lgr_threads_storage(thread, lgr_libc.self, &lo, &slot))
		add(lo, lo + storage_size(lgr_registry_find((uintptr_t)lgr_libc.self, UINT64_MAX)),
		    NULL);
}

static void note_thread(void *arg, const struct lgr_thread *thread)
{
	struct lgr_object *object = NULL;

	note_stack(thread);
	note_own_storage(thread);
	while ((object = lgr_registry_next(object)))
		if (lgr_is(object, LGR_FL_PROVEN) && lgr_is(object, LGR_FL_TLS))
			note_storage(thread, object, arg);
}

static bool any_storage(void)
{
	const struct lgr_object *object = NULL;

	while ((object = lgr_registry_next(object)))
		if (lgr_is(object, LGR_FL_PROVEN) && lgr_is(object, LGR_FL_TLS))
			return true;
	return false;
}

bool lgr_exempt_threads(struct lgr_words *w)
{
	add_exit_functions();
	add_fork_handlers();
	add_keys(w);
	return lgr_threads_each(note_thread, w) || !any_storage();
}

/*
 * [stack] is the main thread's as long as it has what ld.so has noted as its beginning. Another thread whose
 * stack is an array there has the main thread's own frames below it.
 */
static uintptr_t main_stack(uint32_t tid, uintptr_t sp, uintptr_t *ret_hi)
{
	uintptr_t end = lgr_libc.stack_end ? (uintptr_t)*lgr_libc.stack_end : 0;
	struct lgr_mapping m;

	if (tid != stacks.process || sp >= end || lgr_maps_read(sp, sp + 1, &m, 1) != 1 ||
	    end >= m.hi)
		return 0;
	*ret_hi = m.hi;
	return m.lo;
}

void lgr_exempt_stack(uint32_t tid, uintptr_t sp)
{
	uintptr_t lo = lgr_kernel_altstack_below(tid, sp), hi = 0;

	/* Below an alternate stack that is an array in a frame are the frames of who was interrupted. */
	if (lo) {
		add(lo, sp, NULL);
		return;
	}
	for (uint32_t i = 0; i < stacks.n; i++)
		if (stacks.of[i].tid == tid && sp >= stacks.of[i].lo && sp < stacks.of[i].hi) {
			add(stacks.of[i].lo, sp, NULL);
			return;
		}
	lo = main_stack(tid, sp, &hi);
	if (!lo)
		return;
	add(lo, sp, NULL);
	if (stacks.n < STACKS) {
		stacks.of[stacks.n].tid = tid;
		stacks.of[stacks.n].lo = lo;
		stacks.of[stacks.n++].hi = hi;
	}
}

/* ------------------------------------------------------------------------------------ the list */

static void sift(struct lgr_exempt *list, size_t root, size_t n)
{
	for (size_t child; (child = 2 * root + 1) < n; root = child) {
		struct lgr_exempt swap;

		if (child + 1 < n && list[child].lo < list[child + 1].lo)
			child++;
		if (list[root].lo >= list[child].lo)
			return;
		swap = list[root];
		list[root] = list[child];
		list[child] = swap;
	}
}

/* Heapsort: there may be a list of every thread's and every object's, and no stack to waste. */
bool lgr_exempt_done(void)
{
	struct lgr_exempt *list = exempt.list, swap;

	for (size_t i = exempt.n / 2; i--;)
		sift(list, i, exempt.n);
	for (size_t n = exempt.n; n-- > 1;) {
		swap = list[0];
		list[0] = list[n];
		list[n] = swap;
		sift(list, 0, n);
	}
	exempt.sorted = true;
	return !exempt.full;
}

/* The last one that begins at or below: none is inside another. */
const struct lgr_exempt *lgr_exempt_at(uintptr_t address)
{
	size_t lo = 0, hi = exempt.n;

	while (lo < hi) {
		size_t middle = (lo + hi) / 2;

		if (exempt.list[middle].lo <= address)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo && address < exempt.list[lo - 1].hi ? &exempt.list[lo - 1] : NULL;
}

uint32_t lgr_exempt_thread_of(uintptr_t address)
{
	for (uint32_t i = 0; i < stacks.n; i++)
		if (address >= stacks.of[i].lo && address < stacks.of[i].hi)
			return stacks.of[i].tid;
	return 0;
}

struct lgr_object *lgr_exempt_storage_of(uintptr_t address)
{
	const struct lgr_exempt *e = exempt.sorted ? lgr_exempt_at(address) : NULL;

	/* The registers of the threads are looked at while their stacks are still being gathered. */
	for (size_t i = 0; !exempt.sorted && i < exempt.n && !e; i++)
		if (exempt.list[i].owner && address >= exempt.list[i].lo &&
		    address < exempt.list[i].hi)
			e = &exempt.list[i];
	return e ? e->owner : NULL;
}

const struct lgr_exempt *lgr_exempt_next_of(const struct lgr_object *owner,
					    const struct lgr_exempt *after)
{
	const struct lgr_exempt *e = after ? after + 1 : exempt.list;

	for (; e < exempt.list + exempt.n; e++)
		if (e->owner == owner)
			return e;
	return NULL;
}
