/*
 * records.c - where glibc keeps records that lead into objects. See records.h.
 *
 * Owns: the addresses, found once. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "records.h"

#include "elf.h"
#include "filter.h"
#include "heap.h"
#include "lock.h"
#include "log.h"
#include "pages.h"
#include "probe.h"
#include "real.h"
#include "registry.h"
#include "resident.h"
#include "settings.h"
#include "start.h"
#include "text.h"
#include "valgrind.h"
#include "words.h"

struct lgr_records lgr_records;

/* Each writable segment of an object. */
void lgr_records_each_writable(const struct link_map *map,
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

	lgr_records_each_writable(map, count_hits, &h);
#ifdef LGR_FORGET
	if (lgr_equal(LGR_FORGET, name))
		h.n = 0;
#endif
	if (h.n == 1)
		return h.at;
	lgr_log_error(LGR_RSN_E_FIELDS, name);
	return 0;
}

static void at_exit(void *arg)
{
}

/* Is this word the head of the list in whose first block our own record stands? */
static bool is_exit_list(uintptr_t at, const void *mark)
{
	uintptr_t block = lgr_records_word(at);
	struct lgr_exit_list list;

	if (!peek(block, &list, sizeof(list)) || list.used > LGR_COUNT(list.function))
		return false;
	for (size_t i = 0; i < list.used; i++) {
		struct lgr_exit_function *f = &list.function[i];

		if (f->flavor != LGR_EXIT_CXA || f->arg != (uintptr_t)mark ||
		    f->dso != (uintptr_t)mark)
			continue;
		/* It has served: no call at exit. */
		((struct lgr_exit_list *)block)->function[i].flavor = LGR_EXIT_FREE;
		return true;
	}
	return false;
}

static void find_keys(void)
{
	const ElfW(Sym) *symbol;
	struct lgr_elf elf;

	lgr_elf_init(&elf, lgr_libc.libc->l_addr, lgr_libc.libc->l_ld);
	symbol = lgr_elf_find(&elf, "__pthread_keys");
	if (symbol && symbol->st_size == LGR_KEYS * sizeof(struct lgr_key))
		lgr_records.keys = lgr_libc.libc->l_addr + symbol->st_value;
	else
		lgr_log_error(LGR_RSN_E_FIELDS, "__pthread_keys");
}

static bool is_fork_handlers(uintptr_t at, const void *before)
{
	const struct lgr_fork_handlers *h = (const struct lgr_fork_handlers *)at;
	struct lgr_fork_handler one;

	if (!h->used || h->used > h->allocated || h->allocated > LGR_HANDLERS_MOST)
		return false;
	for (size_t i = 0; i < h->used; i++) {
		if (!peek(h->array + i * sizeof(one), &one, sizeof(one)))
			return false;
		if (one.before == (uintptr_t)before)
			return true;
	}
	return false;
}

/* A version that libc defines is in its table of them, by its index. */
static bool is_versions(uint32_t offset, const void *definition)
{
	const struct link_map *map = lgr_libc.libc;
	const ElfW(Verdef) *d = definition;
	const ElfW(Verdaux) *name = (const void *)((const char *)d + d->vd_aux);
	uintptr_t list = lgr_records_word((uintptr_t)map + offset);
	struct lgr_version version;
	struct lgr_elf elf;

	if ((uint32_t)lgr_records_word((uintptr_t)map + offset + 8) <= d->vd_ndx ||
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
			lgr_records.versions = lgr_fields_only(
				is_versions, second_version(map->l_addr + d->d_un.d_ptr));
	if (!lgr_records.versions)
		lgr_log_error(LGR_RSN_E_FIELDS, "l_versions");
}

#define SEGMENT_SMALLEST 63u
#define SEGMENT_LARGEST 1000000u

bool lgr_records_segment(uintptr_t at, struct lgr_found_segment *segment)
{
	return peek(at, segment, sizeof(*segment)) && segment->used <= segment->allocated &&
	       segment->allocated >= SEGMENT_SMALLEST && segment->allocated < SEGMENT_LARGEST;
}

/*
 * Its objects are in the order of their addresses, and each is one that we know, or has gone: in the
 * table in use. In the other one, which is of before the last change, may be some that went since.
 */
static bool has_objects(uintptr_t at, const struct lgr_found_segment *segment, bool in_use)
{
	struct lgr_found_object one, last = { 0 };
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
	struct lgr_found_segment segment;

	return lgr_records_segment(lgr_records_word(at), &segment) &&
	       has_objects(lgr_records_word(at), &segment, true);
}

static bool is_table(uintptr_t at)
{
	struct lgr_found_segment segment;

	return lgr_records_segment(lgr_records_word(at), &segment) &&
	       has_objects(lgr_records_word(at), &segment, false);
}

/* Two words of ld.so's side by side, one for each table; the second one is made late. */
void lgr_records_find_tables(void)
{
	struct hits h = { .fits = is_table_in_use };
	uintptr_t one, before, behind;

	if (lgr_records.tables[0] && lgr_records.tables[1])
		return;
	lgr_records_each_writable(lgr_libc.ld_so, count_hits, &h);
	one = h.at;
	if (h.n == 2 && is_table_in_use(h.at - sizeof(h.at), NULL))
		h.n = 1; /* just made, and alike */
	if (h.n != 1) {
		lgr_records.tables[0] = 0;
		return;
	}
	before = one - sizeof(one);
	behind = one + sizeof(one);
	lgr_records.tables[0] = one;
	lgr_records.tables[1] = is_table(before) ? before : is_table(behind) ? behind : 0;
}

static void find_all(const char *mark)
{
	lgr_records_each_writable(lgr_libc.libc, note_data, NULL);
	lgr_records_each_writable(lgr_libc.ld_so, note_data, NULL);
	if (mark)
		lgr_records.exit_functions = only_word(lgr_libc.libc, is_exit_list, mark,
						       "__exit_funcs");
	lgr_records.fork_handlers = only_word(lgr_libc.libc, is_fork_handlers,
					      (const void *)lgr_fork_before, "fork_handlers");
	find_versions();
	find_keys();
}

void lgr_records_libc_data(uintptr_t *ret_lo, uintptr_t *ret_hi)
{
	*ret_lo = data[0].lo; /* libc's come first, and it has one */
	*ret_hi = data[0].hi;
}

void lgr_records_find(void)
{
	static _Atomic bool begun;
	static char mark;
	bool registered, valgrind;

	if (lgr_likely(atomic_load_explicit(&begun, memory_order_relaxed)) ||
	    atomic_exchange(&begun, true))
		return;
	if (!lgr_lock(&lgr_lock_registry))
		return;
	valgrind = lgr_in_valgrind();
	lgr_unlock(&lgr_lock_registry);
	/* It reads what it has freed: an error of the program's, memcheck would say. */
	if (!valgrind)
		lgr_heap_try();
	registered = lgr_libc.atexit(at_exit, &mark, &mark) == 0;
	if (!lgr_lock(&lgr_lock_registry))
		return;
	if (lgr_filter_allows())
		find_all(registered ? &mark : NULL);
	lgr_unlock(&lgr_lock_registry);
}
