/*
 * exempt.c - words that point into an object, and yet are no reference to it. See exempt.h.
 *
 * Owns: the list, while something is looked for; where glibc keeps what is found once. Guard:
 * lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "exempt.h"

#include <link.h>

#include "arena.h"
#include "elf.h"
#include "filter.h"
#include "heap.h"
#include "kernel.h"
#include "lock.h"
#include "log.h"
#include "names.h"
#include "pages.h"
#include "probe.h"
#include "real.h"
#include "region.h"
#include "registry.h"
#include "resident.h"
#include "start.h"
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
	uint32_t
		process; /* its main thread's number; the helper that stops threads has another one */
} stacks LGR_BIG;

/* Where glibc keeps things; 0: not found. */
static struct {
	uintptr_t exit_functions; /* __exit_funcs: head of a list */
	uintptr_t fork_handlers;  /* the header of an array */
	uintptr_t keys;		  /* __pthread_keys: an array */
	uintptr_t versions;	  /* l_versions in a link map; l_nversions is the next word */
	uintptr_t tables[2];	  /* _dlfo_loaded_mappings, in any order */
} place;

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

/* ------------------------------------------------------------------------- where glibc keeps things */

/* Each writable segment of an object. */
static void each_writable(const struct link_map *map,
			  void (*visit)(void *arg, uintptr_t lo, uintptr_t hi), void *arg)
{
	const struct lgr_object *object = lgr_registry_find((uintptr_t)map, UINT64_MAX);
	const ElfW(Phdr) *h;
	size_t n = 0;

	h = object ? lgr_elf_headers(object->lo, object->hi, &n) : NULL;
	for (size_t i = 0; i < n; i++) {
		uintptr_t lo = map->l_addr + h[i].p_vaddr, hi = lo + h[i].p_memsz;

		if (h[i].p_type == PT_LOAD && (h[i].p_flags & PF_W))
			visit(arg, (lo + 7) & ~(uintptr_t)7, hi);
	}
}

/* The writable pages of libc and of ld.so, which stay: the minimal malloc's first blocks are there, too. */
static struct {
	uintptr_t lo, hi;
} data[8];
static uint32_t datas;

static void note_data(void *arg, uintptr_t lo, uintptr_t hi)
{
	if (datas == LGR_COUNT(data))
		return;
	data[datas].lo = lgr_page_down(lo);
	data[datas++].hi = lgr_page_up(hi);
}

/*
 * Reads what a word of glibc's may point at, if anything. Only what is in no object costs a system
 * call: of libc's words some 1,400 look like addresses, and nearly all are.
 */
static bool peek(uintptr_t at, void *to, size_t n)
{
	if (at < LGR_PAGE || at >> LGR_ADDRESS_BITS || at % sizeof(at))
		return false;
	for (uint32_t i = 0; i < datas; i++)
		if (at >= data[i].lo && at + n <= data[i].hi) {
			lgr_copy(to, (const void *)at, n);
			return true;
		}
	return !lgr_pages_find(at) && lgr_peek(at, to, n);
}

static uintptr_t word_at(uintptr_t at)
{
	return *(const volatile uintptr_t *)at;
}

/* The only place that fits; 0: none, or several. */
struct hits {
	bool (*fits)(uintptr_t at, const void *arg);
	const void *arg;
	uintptr_t at;
	uint32_t n;
};

#define MARGIN (4 * sizeof(uintptr_t)) /* what fits may look at */

static void count_hits(void *arg, uintptr_t lo, uintptr_t hi)
{
	struct hits *h = arg;

	for (; lo + MARGIN <= hi; lo += sizeof(lo))
		if (h->fits(lo, h->arg)) {
			h->at = lo;
			h->n++;
		}
}

static uintptr_t only_word(const struct link_map *map, bool (*fits)(uintptr_t at, const void *arg),
			   const void *arg, const char *name)
{
	struct hits h = { .fits = fits, .arg = arg };

	each_writable(map, count_hits, &h);
#ifdef LGR_FORGET
	if (lgr_equal(LGR_FORGET, name))
		h.n = 0;
#endif
	if (h.n == 1)
		return h.at;
	lgr_log_error(LGR_RSN_E_FIELDS, name);
	return 0;
}

/* glibc's struct exit_function and struct exit_function_list (stdlib/exit.h). */
struct exit_function {
	long flavor;
	uintptr_t function, arg, dso;
};
struct exit_list {
	const struct exit_list *next;
	size_t used;
	struct exit_function function[32];
};
enum { EXIT_FREE = 0, EXIT_CXA = 4 };

static void at_exit(void *arg)
{
}

/* Is this word the head of the list in whose first block our own record stands? */
static bool is_exit_list(uintptr_t at, const void *mark)
{
	uintptr_t block = word_at(at);
	struct exit_list list;

	if (!peek(block, &list, sizeof(list)) || list.used > LGR_COUNT(list.function))
		return false;
	for (size_t i = 0; i < list.used; i++) {
		struct exit_function *f = &list.function[i];

		if (f->flavor != EXIT_CXA || f->arg != (uintptr_t)mark || f->dso != (uintptr_t)mark)
			continue;
		/* It has served: no call at exit. */
		((struct exit_list *)block)->function[i].flavor = EXIT_FREE;
		return true;
	}
	return false;
}

/* glibc's struct pthread_key_struct (sysdeps/nptl/internaltypes.h). */
struct key {
	uintptr_t sequence; /* odd: in use */
	uintptr_t destructor;
};
#define KEYS 1024u /* PTHREAD_KEYS_MAX */

static void find_keys(void)
{
	const ElfW(Sym) *symbol;
	struct lgr_elf elf;

	lgr_elf_init(&elf, lgr_libc.libc->l_addr, lgr_libc.libc->l_ld);
	symbol = lgr_elf_find(&elf, "__pthread_keys");
	if (symbol && symbol->st_size == KEYS * sizeof(struct key))
		place.keys = lgr_libc.libc->l_addr + symbol->st_value;
	else
		lgr_log_error(LGR_RSN_E_FIELDS, "__pthread_keys");
}

/* glibc's struct fork_handler (include/register-atfork.h), and a dynarray of them. */
struct fork_handler {
	uintptr_t before, after, in_child, dso;
	uint64_t id;
};
struct fork_handlers {
	size_t used, allocated;
	uintptr_t array;
};
#define HANDLERS_MOST 65536u

static bool is_fork_handlers(uintptr_t at, const void *before)
{
	const struct fork_handlers *h = (const struct fork_handlers *)at;
	struct fork_handler one;

	if (!h->used || h->used > h->allocated || h->allocated > HANDLERS_MOST)
		return false;
	for (size_t i = 0; i < h->used; i++) {
		if (!peek(h->array + i * sizeof(one), &one, sizeof(one)))
			return false;
		if (one.before == (uintptr_t)before)
			return true;
	}
	return false;
}

/* glibc's struct r_found_version (sysdeps/generic/ldsodefs.h). */
struct version {
	const char *name;
	uint32_t hash, hidden;
	const char *file;
};

/* A version that libc defines is in its table of them, by its index. */
static bool is_versions(uint32_t offset, const void *definition)
{
	const struct link_map *map = lgr_libc.libc;
	const ElfW(Verdef) *d = definition;
	const ElfW(Verdaux) *name = (const void *)((const char *)d + d->vd_aux);
	uintptr_t list = word_at((uintptr_t)map + offset);
	struct version version;
	struct lgr_elf elf;

	if ((uint32_t)word_at((uintptr_t)map + offset + 8) <= d->vd_ndx ||
	    !peek(list + d->vd_ndx * sizeof(version), &version, sizeof(version)))
		return false;
	lgr_elf_init(&elf, map->l_addr, map->l_ld);
	return version.name == elf.strings + name->vda_name && version.hash == d->vd_hash;
}

/* The first one is the file's own name, and in no table (elf/dl-version.c). */
static const void *second_version(uintptr_t first)
{
	return (const void *)(first + ((const ElfW(Verdef) *)first)->vd_next);
}

/* The loader leaves this address as it is in the file (elf/get-dynamic-info.h). */
static void find_versions(void)
{
	const struct link_map *map = lgr_libc.libc;

	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_VERDEF)
			place.versions = lgr_fields_only(
				is_versions, second_version(map->l_addr + d->d_un.d_ptr));
	if (!place.versions)
		lgr_log_error(LGR_RSN_E_FIELDS, "l_versions");
}

/* glibc's struct dlfo_mappings_segment (elf/dl-find_object.c). */
struct found_object {
	uintptr_t lo, hi, map, frames;
};
struct found_segment {
	uintptr_t previous, to_free;
	size_t used, allocated;
};
#define SEGMENT_SMALLEST 63u
#define SEGMENT_LARGEST 1000000u

static bool is_segment(uintptr_t at, struct found_segment *segment)
{
	return peek(at, segment, sizeof(*segment)) && segment->used <= segment->allocated &&
	       segment->allocated >= SEGMENT_SMALLEST && segment->allocated < SEGMENT_LARGEST;
}

/*
 * Its objects are in the order of their addresses, and each is one that we know, or has gone: in the
 * table in use. In the other one, which is of before the last change, may be some that went since.
 */
static bool has_objects(uintptr_t at, const struct found_segment *segment, bool in_use)
{
	struct found_object one, last = { 0 };
	uint32_t known = 0;

	for (size_t i = 0; i < segment->used; i++, last = one) {
		const struct lgr_object *object;

		if (!peek(at + sizeof(*segment) + i * sizeof(one), &one, sizeof(one)) ||
		    one.lo % LGR_PAGE || one.lo < last.lo || one.hi < one.lo)
			return false;
		object = one.map ? lgr_registry_find(one.map, UINT64_MAX) : NULL;
		if (object && one.lo == object->lo)
			known++;
		else if (in_use && one.map)
			return false;
	}
	return known || !in_use;
}

static bool is_table_in_use(uintptr_t at, const void *arg)
{
	struct found_segment segment;

	return is_segment(word_at(at), &segment) && has_objects(word_at(at), &segment, true);
}

static bool is_table(uintptr_t at)
{
	struct found_segment segment;

	return is_segment(word_at(at), &segment) && has_objects(word_at(at), &segment, false);
}

/* Two words of ld.so's side by side, one for each table; the second one is made late. */
static void find_tables(void)
{
	struct hits h = { .fits = is_table_in_use };
	uintptr_t one, before, behind;

	if (place.tables[0] && place.tables[1])
		return;
	each_writable(lgr_libc.ld_so, count_hits, &h);
	one = h.at;
	if (h.n == 2 && is_table_in_use(h.at - sizeof(h.at), NULL))
		h.n = 1; /* just made, and alike */
	if (h.n != 1) {
		place.tables[0] = 0;
		return;
	}
	before = one - sizeof(one);
	behind = one + sizeof(one);
	place.tables[0] = one;
	place.tables[1] = is_table(before) ? before : is_table(behind) ? behind : 0;
}

static void find_all(const char *mark)
{
	each_writable(lgr_libc.libc, note_data, NULL);
	each_writable(lgr_libc.ld_so, note_data, NULL);
	if (mark)
		place.exit_functions = only_word(lgr_libc.libc, is_exit_list, mark, "__exit_funcs");
	place.fork_handlers = only_word(lgr_libc.libc, is_fork_handlers,
					(const void *)lgr_fork_before, "fork_handlers");
	find_versions();
	find_keys();
}

void lgr_exempt_libc_data(uintptr_t *ret_lo, uintptr_t *ret_hi)
{
	*ret_lo = data[0].lo; /* libc's come first, and it has one */
	*ret_hi = data[0].hi;
}

void lgr_exempt_find(void)
{
	static _Atomic bool begun;
	static char mark;
	bool registered;

	if (lgr_likely(atomic_load_explicit(&begun, memory_order_relaxed)) ||
	    atomic_exchange(&begun, true))
		return;
	lgr_heap_try();
	registered = lgr_libc.atexit(at_exit, &mark, &mark) == 0;
	if (!lgr_lock(&lgr_lock_registry))
		return;
	if (lgr_filter_allows())
		find_all(registered ? &mark : NULL);
	lgr_unlock(&lgr_lock_registry);
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
	uintptr_t at = object->map + place.versions;

	if (place.versions && word_at(at))
		add(word_at(at), word_at(at) + (uint32_t)word_at(at + 8) * sizeof(struct version),
		    NULL);
}

static void add_tables(void)
{
	struct found_segment segment;

	find_tables();
	for (int i = 0; i < 2; i++)
		for (uintptr_t at = place.tables[i] ? word_at(place.tables[i]) : 0;
		     is_segment(at, &segment); at = segment.previous)
			add(at + sizeof(segment),
			    at + sizeof(segment) + segment.allocated * sizeof(struct found_object),
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
			       lgr_is(object, LGR_FL_FINISHES) && word_at(dso) == dso
		       ? object
		       : NULL;
}

static void add_exit_functions(void)
{
	const struct exit_list *list;

	if (!place.exit_functions)
		return;
	for (list = (const void *)word_at(place.exit_functions); list; list = list->next)
		for (size_t i = 0; i < LGR_COUNT(list->function); i++) {
			const struct exit_function *f = &list->function[i];
			struct lgr_object *owner = f->flavor == EXIT_CXA ? owner_of(f->dso) : NULL;

			if (owner || i >= list->used || f->flavor == EXIT_FREE)
				add((uintptr_t)f, (uintptr_t)(f + 1), owner);
		}
}

static void add_fork_handlers(void)
{
	const struct fork_handlers *h = (const struct fork_handlers *)place.fork_handlers;
	const struct fork_handler *one = h ? (const struct fork_handler *)h->array : NULL;

	for (size_t i = 0; h && i < lgr_min(h->allocated, (size_t)HANDLERS_MOST); i++) {
		struct lgr_object *owner = i < h->used ? owner_of(one[i].dso) : NULL;

		if (owner || i >= h->used)
			add((uintptr_t)&one[i], (uintptr_t)(&one[i] + 1), owner);
	}
}

/* pthread_key_delete leaves the destructor where it is. */
static void add_keys(const struct lgr_words *w)
{
	const struct key *key = (const struct key *)place.keys;

	for (uint32_t i = 0; key && i < KEYS; i++)
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
	each_writable(lgr_libc.ld_so, add_all, NULL);
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
	const ElfW(Phdr) *h = lgr_elf_headers(object->lo, object->hi, &n);

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
