/*
 * test_registry.c - core/registry.c. G1 to G4 are registry.h's.
 *
 * Objects are made up, but for their ELF image, which is this program's own.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <link.h>

#include "arena.h"
#include "lock.h"
#include "pages.h"
#include "region.h"
#include "registry.h"

/* An object of size bytes at lo whose link map would be at map. Its headers cannot be read there, so
 * it is one segment. */
static struct lgr_load load_at(uintptr_t map, uintptr_t lo, uintptr_t size)
{
	return (struct lgr_load){
		.map = map,
		.serial = map,
		.lo = lo,
		.hi = lo + size,
		.path = "/x/liba.so",
	};
}

/* lgr_elf_headers reads at lo: give it a page that is mapped and is no ELF header. */
static unsigned char *arena_of_pages;

static int setup(void **state)
{
	arena_of_pages = aligned_alloc(4096, 64 * 4096);
	memset(arena_of_pages, 0, 64 * 4096);
	return lgr_lock(&lgr_lock_registry) ? 0 : -1;
}

static int teardown(void **state)
{
	lgr_unlock(&lgr_lock_registry);
	free(arena_of_pages);
	return 0;
}

static uintptr_t page(int n)
{
	return (uintptr_t)arena_of_pages + (uintptr_t)n * 4096;
}

static void g1_a_reused_map_and_range_get_a_new_id(void **state)
{
	struct lgr_load load = load_at(0x1000, page(0), 8192);
	struct lgr_object *object = lgr_registry_add(&load);
	uint64_t first = object->id, word = lgr_pages_find(page(1));

	assert_ptr_equal(lgr_registry_object(word), object);
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
	assert_int_equal(lgr_pages_find(page(1)), 0);
	assert_null(lgr_registry_object(word));
	load.serial++;
	object = lgr_registry_add(&load);
	assert_true(object->id > first);
	assert_null(lgr_registry_object(word));
	assert_ptr_equal(lgr_registry_find(0x1000, load.serial), object);
	assert_null(lgr_registry_find(0x1000, load.serial - 1));
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
}

static void g2_the_newest_object_has_the_page(void **state)
{
	struct lgr_load a = load_at(0x1000, page(0), 8192), b = load_at(0x2000, page(1), 8192);
	struct lgr_object *old = lgr_registry_add(&a), *new = lgr_registry_add(&b);

	assert_ptr_equal(lgr_registry_object(lgr_pages_find(page(0))), old);
	assert_ptr_equal(lgr_registry_object(lgr_pages_find(page(1))), new);
	lgr_registry_set_state(old, LGR_ST_GONE, LGR_RSN_NONE);
	assert_int_equal(lgr_pages_find(page(0)), 0);
	assert_ptr_equal(lgr_registry_object(lgr_pages_find(page(1))), new);
	lgr_registry_set_state(new, LGR_ST_GONE, LGR_RSN_NONE);
}

static void g3_what_a_sweep_does_not_mark_is_gone(void **state)
{
	struct lgr_load load;
	struct lgr_object *kept, *lost;
	uint64_t before = lgr_region.objects;

	load = load_at(0x1000, page(0), 4096);
	kept = lgr_registry_add(&load);
	load = load_at(0x2000, page(1), 4096);
	lost = lgr_registry_add(&load);
	assert_int_equal(lgr_region.objects, before + 2);
	lgr_registry_sweep_begin();
	lgr_registry_mark(kept);
	lgr_registry_sweep_end();
	assert_int_equal(lgr_region.objects, before + 1);
	assert_null(lgr_registry_find(0x2000, UINT64_MAX));
	assert_int_equal(lost->id, 0);
	assert_int_equal(lgr_pages_find(page(1)), 0);
	assert_ptr_equal(lgr_registry_find(0x1000, UINT64_MAX), kept);
	lgr_registry_set_state(kept, LGR_ST_GONE, LGR_RSN_NONE);
}

static void an_object_added_in_a_sweep_survives_it(void **state)
{
	struct lgr_load load = load_at(0x1000, page(0), 4096);
	struct lgr_object *object;

	lgr_registry_sweep_begin();
	object = lgr_registry_add(&load);
	lgr_registry_sweep_end();
	assert_ptr_equal(lgr_registry_find(0x1000, UINT64_MAX), object);
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
}

static void g4_states_show_in_the_page_words(void **state)
{
	struct lgr_load load = load_at(0x1000, page(0), 4096);
	struct lgr_object *object = lgr_registry_add(&load);

	assert_int_equal(lgr_word_state(lgr_pages_find(page(0))), LGR_ST_LIVE);
	assert_true(lgr_pages_find(page(0)) & LGR_WORD_CHECK); /* it announces no end */
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
	load.flags = LGR_FL_FINISHES;
	object = lgr_registry_add(&load);
	assert_false(lgr_pages_find(page(0)) & LGR_WORD_CHECK);
	lgr_registry_set_state(object, LGR_ST_CLOSING, LGR_RSN_NONE);
	assert_int_equal(lgr_word_state(lgr_pages_find(page(0))), LGR_ST_CLOSING);
	assert_true(lgr_pages_find(page(0)) & LGR_WORD_CHECK);
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
	load.flags = LGR_FL_STARTUP;
	object = lgr_registry_add(&load);
	assert_true(lgr_pages_find(page(0)) & LGR_WORD_STARTUP);
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
}

/* Counters are compared with what they were: the tests run in one process. */
static uint64_t counted[LGR_N_COUNT];

static void count_from_here(void)
{
	for (int i = 0; i < LGR_N_COUNT; i++)
		counted[i] = lgr_region.counter[i];
}

static uint64_t since(enum lgr_counter which)
{
	return lgr_region.counter[which] - counted[which];
}

/* An object of two pages at the n-th pair of pages. */
static struct lgr_object *object_number(int n)
{
	struct lgr_load load = load_at(0x10000 + (uintptr_t)n * 0x1000, page(2 * n), 8192);

	return lgr_registry_add(&load);
}

static void g4_kept_and_opened_again(void **state)
{
	struct lgr_object *object = object_number(0);

	assert_int_equal(lgr_region.kept, 0);
	count_from_here();
	lgr_registry_set_state(object, LGR_ST_KEPT, LGR_RSN_POLICY);
	assert_int_equal(lgr_word_state(lgr_pages_find(page(1))), LGR_ST_KEPT);
	assert_int_equal(lgr_region.kept, 1);
	assert_int_equal(lgr_region.kept_bytes, 8192);
	assert_ptr_equal(lgr_registry_next_kept(NULL), object);
	lgr_registry_set_state(object, LGR_ST_KEPT,
			       LGR_RSN_POLICY); /* no change, and not counted */
	assert_int_equal(lgr_region.kept, 1);
	lgr_registry_set_state(object, LGR_ST_LIVE, LGR_RSN_NONE);
	assert_int_equal(lgr_word_state(lgr_pages_find(page(1))), LGR_ST_LIVE);
	assert_int_equal(lgr_region.kept, 0);
	assert_int_equal(lgr_region.kept_bytes, 0);
	assert_null(lgr_registry_next_kept(NULL));
	assert_int_equal(since(LGR_N_KEEPS), 1);
	assert_int_equal(since(LGR_N_REOPENS), 1);
	assert_int_equal(since(LGR_N_CLOSES), 0);
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
}

static void g4_condemned_and_closed_or_saved(void **state)
{
	struct lgr_object *closed = object_number(0), *saved = object_number(1);

	count_from_here();
	lgr_registry_set_state(closed, LGR_ST_KEPT, LGR_RSN_POLICY);
	lgr_registry_set_state(saved, LGR_ST_KEPT, LGR_RSN_POLICY);
	lgr_registry_set_state(closed, LGR_ST_CONDEMNED, LGR_RSN_NONE);
	lgr_registry_set_state(saved, LGR_ST_CONDEMNED, LGR_RSN_NONE);
	assert_int_equal(lgr_word_state(lgr_pages_find(page(0))), LGR_ST_CONDEMNED);
	assert_int_equal(lgr_region.kept, 0);
	assert_null(lgr_registry_next_kept(NULL));
	lgr_registry_set_state(closed, LGR_ST_CLOSING, LGR_RSN_NONE);
	assert_true(lgr_pages_find(page(0)) & LGR_WORD_CHECK);
	lgr_registry_set_state(closed, LGR_ST_GONE, LGR_RSN_NONE);
	lgr_registry_set_state(saved, LGR_ST_KEPT, LGR_RSN_POLICY); /* a destructor's doing */
	assert_int_equal(lgr_region.kept, 1);
	assert_ptr_equal(lgr_registry_next_kept(NULL), saved);
	lgr_registry_set_state(saved, LGR_ST_CONDEMNED, LGR_RSN_NONE);
	lgr_registry_set_state(saved, LGR_ST_LIVE, LGR_RSN_NONE);
	assert_int_equal(since(LGR_N_KEEPS), 3);
	assert_int_equal(since(LGR_N_CLOSES), 3);
	assert_int_equal(since(LGR_N_UNLOADS), 1);
	assert_int_equal(since(LGR_N_REOPENS), 1);
	lgr_registry_set_state(saved, LGR_ST_GONE, LGR_RSN_NONE);
}

/* The loader does as it likes with what is not held. */
static void g4_what_is_kept_may_go_from_one_moment_to_the_next(void **state)
{
	struct lgr_object *object = object_number(0);

	lgr_registry_set_state(object, LGR_ST_KEPT, LGR_RSN_POLICY);
	lgr_registry_sweep_begin();
	lgr_registry_sweep_end();
	assert_int_equal(lgr_region.kept, 0);
	assert_int_equal(lgr_region.kept_bytes, 0);
	assert_null(lgr_registry_next_kept(NULL));
	object = object_number(0); /* in the same slot */
	assert_int_equal(lgr_state_of(object), LGR_ST_LIVE);
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
}

static void the_last_one_kept_comes_first_and_any_may_leave(void **state)
{
	struct lgr_object *o[4], *at;

	for (int i = 0; i < 4; i++) {
		o[i] = object_number(i);
		lgr_registry_set_state(o[i], LGR_ST_KEPT, LGR_RSN_POLICY);
	}
	assert_int_equal(lgr_region.kept, 4);
	assert_int_equal(lgr_region.kept_bytes, 4 * 8192);
	at = lgr_registry_next_kept(NULL);
	for (int i = 3; i >= 0; i--, at = lgr_registry_next_kept(at))
		assert_ptr_equal(at, o[i]);
	assert_null(at);
	lgr_registry_set_state(o[2], LGR_ST_LIVE, LGR_RSN_NONE); /* from the middle */
	assert_ptr_equal(lgr_registry_next_kept(o[3]), o[1]);
	lgr_registry_set_state(o[3], LGR_ST_LIVE, LGR_RSN_NONE); /* the first */
	assert_ptr_equal(lgr_registry_next_kept(NULL), o[1]);
	lgr_registry_set_state(o[0], LGR_ST_LIVE, LGR_RSN_NONE); /* the last */
	assert_null(lgr_registry_next_kept(o[1]));
	lgr_registry_set_state(o[2], LGR_ST_KEPT, LGR_RSN_POLICY); /* and back */
	assert_ptr_equal(lgr_registry_next_kept(NULL), o[2]);
	assert_ptr_equal(lgr_registry_next_kept(o[2]), o[1]);
	for (int i = 0; i < 4; i++)
		lgr_registry_set_state(o[i], LGR_ST_GONE, LGR_RSN_NONE);
	assert_int_equal(lgr_region.kept, 0);
	assert_int_equal(lgr_region.kept_bytes, 0);
}

static void flags_that_matter_show_in_the_page_words(void **state)
{
	struct lgr_object *object = object_number(0);
	uint64_t word = lgr_pages_find(page(0));

	assert_true(word & LGR_WORD_CHECK);
	assert_false(word & LGR_WORD_SETTLED);
	lgr_registry_set_flags(object, LGR_FL_HELD, 0); /* does not go without us */
	assert_true(lgr_is(object, LGR_FL_HELD));
	for (int i = 0; i < 2; i++) {
		assert_false(lgr_pages_find(page(i)) & LGR_WORD_CHECK);
		assert_true(lgr_pages_find(page(i)) & LGR_WORD_SETTLED);
	}
	word = lgr_pages_find(page(0));
	lgr_registry_set_flags(object, LGR_FL_UNNAMED | LGR_FL_HIDDEN | LGR_FL_DETACHED, 0);
	assert_true(lgr_is(object, LGR_FL_HELD));
	assert_true(lgr_is(object, LGR_FL_UNNAMED) && lgr_is(object, LGR_FL_HIDDEN));
	assert_int_equal(lgr_pages_find(page(0)), word); /* of no interest to a query */
	lgr_registry_set_flags(object, 0, LGR_FL_UNNAMED | LGR_FL_HIDDEN);
	assert_false(lgr_is(object, LGR_FL_UNNAMED | LGR_FL_HIDDEN));
	assert_true(lgr_is(object, LGR_FL_DETACHED));
	lgr_registry_set_flags(object, LGR_FL_LIBC, LGR_FL_HELD); /* libc's own may go any time */
	assert_true(lgr_pages_find(page(1)) & LGR_WORD_CHECK);
	assert_true(lgr_pages_find(page(1)) & LGR_WORD_SETTLED);
	assert_int_equal(lgr_word_state(lgr_pages_find(page(1))), LGR_ST_LIVE);
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
}

static void a_refusal_is_said_once_for_each_object_and_reason(void **state)
{
	struct lgr_object *a = object_number(0), *b = object_number(1);
	uint64_t unique = lgr_region.errors[LGR_RSN_UNIQUE];
	uint64_t last = lgr_region.errors[LGR_RSN_COUNT - 1]; /* the bits are enough for all */

	for (int i = 0; i < 3; i++) {
		lgr_registry_refuse(a, LGR_RSN_UNIQUE);
		lgr_registry_refuse(a, LGR_RSN_COUNT - 1);
	}
	assert_int_equal(lgr_region.errors[LGR_RSN_UNIQUE], unique + 1);
	assert_int_equal(lgr_region.errors[LGR_RSN_COUNT - 1], last + 1);
	lgr_registry_refuse(b, LGR_RSN_UNIQUE);
	assert_int_equal(lgr_region.errors[LGR_RSN_UNIQUE], unique + 2);
	lgr_registry_set_state(b, LGR_ST_GONE, LGR_RSN_NONE);
	b = object_number(1); /* another one, in the slot of the first */
	lgr_registry_refuse(b, LGR_RSN_UNIQUE);
	assert_int_equal(lgr_region.errors[LGR_RSN_UNIQUE], unique + 3);
	lgr_registry_set_state(a, LGR_ST_GONE, LGR_RSN_NONE);
	lgr_registry_set_state(b, LGR_ST_GONE, LGR_RSN_NONE);
}

static void next_meets_every_object_once(void **state)
{
	struct lgr_object *o[5], *at = NULL;
	int met[5] = { 0 }, all = 0;

	for (int i = 0; i < 5; i++)
		o[i] = object_number(i);
	lgr_registry_set_state(o[0], LGR_ST_GONE, LGR_RSN_NONE); /* free slots are passed over */
	lgr_registry_set_state(o[3], LGR_ST_GONE, LGR_RSN_NONE);
	while ((at = lgr_registry_next(at))) {
		all++;
		for (int i = 0; i < 5; i++)
			met[i] += at == o[i];
	}
	assert_int_equal(all, lgr_region.objects);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(met[i], i != 0 && i != 3);
		if (met[i])
			lgr_registry_set_state(o[i], LGR_ST_GONE, LGR_RSN_NONE);
	}
	assert_null(lgr_registry_next(NULL));
}

static uint64_t told_id;
static const char *told_path;

static void tell(struct lgr_object *object)
{
	told_id = object->id;
	told_path = (const char *)(uintptr_t)object->path;
	assert_string_equal(told_path, "/x/liba.so");
}

static void what_goes_is_told_of_while_it_is_whole(void **state)
{
	struct lgr_object *object = object_number(0);
	uint64_t id = object->id;

	lgr_registry_gone = tell;
	lgr_registry_set_state(object, LGR_ST_KEPT, LGR_RSN_POLICY);
	assert_int_equal(told_id, 0);
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
	lgr_registry_gone = NULL;
	assert_int_equal(told_id, id);
}

static void segments_come_from_the_program_headers(void **state)
{
	struct lgr_load load = load_at(0x3000, 0, 0);
	struct dl_find_object found;
	struct lgr_object *object;

	assert_int_equal(_dl_find_object((void *)_r_debug.r_map->l_ld, &found), 0);
	load.lo = (uintptr_t)found.dlfo_map_start;
	load.hi = (uintptr_t)found.dlfo_map_end;
	load.headers = lgr_elf_headers(load.lo, load.hi, &load.header_count);
	lgr_elf_init(&load.elf, _r_debug.r_map->l_addr, _r_debug.r_map->l_ld);
	object = lgr_registry_add(&load);
	assert_true(object->segments >= 1);
	assert_int_equal(object->segment[0].lo, load.lo);
	assert_true(object->build_id_len >= 8);
	assert_ptr_equal(lgr_registry_object(lgr_pages_find((uintptr_t)&lgr_region)), object);
	assert_ptr_equal(lgr_registry_object(lgr_pages_find((uintptr_t)setup)), object);
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
}

/* Slots, strings and buckets are used again: a program that loads for ever needs no more memory. */
static void ten_thousand_loads_need_no_more_memory_than_a_hundred(void **state)
{
	size_t used = 0;
	uint64_t slots = 0;

	for (int i = 0; i < 10000; i++) {
		struct lgr_load load = load_at(0x1000 + 64 * (uintptr_t)(i % 7), page(i % 5), 4096);
		struct lgr_object *object = lgr_registry_add(&load);

		assert_non_null(object);
		lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
		if (i == 100) {
			used = lgr_arena_used();
			slots = lgr_region.slots_used;
		}
	}
	assert_int_equal(lgr_arena_used(), used);
	assert_int_equal(lgr_region.slots_used, slots);
}

static void many_objects_are_all_found(void **state)
{
	enum { N = 5000 };
	static struct lgr_object *objects[N];
	struct lgr_load load;

	for (uintptr_t i = 0; i < N; i++) {
		load = load_at(0x100000 + i * 1280, page(0), 4096);
		/* Readable memory stands in for the image; the pages are where the object claims. */
		load.hi = load.lo; /* no segment at all */
		objects[i] = lgr_registry_add(&load);
		assert_non_null(objects[i]);
	}
	for (uintptr_t i = 0; i < N; i++)
		assert_ptr_equal(lgr_registry_find(0x100000 + i * 1280, UINT64_MAX), objects[i]);
	for (uintptr_t i = 0; i < N; i++)
		lgr_registry_set_state(objects[i], LGR_ST_GONE, LGR_RSN_NONE);
	for (uintptr_t i = 0; i < N; i++)
		assert_null(lgr_registry_find(0x100000 + i * 1280, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g1_a_reused_map_and_range_get_a_new_id),
		cmocka_unit_test(g2_the_newest_object_has_the_page),
		cmocka_unit_test(g3_what_a_sweep_does_not_mark_is_gone),
		cmocka_unit_test(an_object_added_in_a_sweep_survives_it),
		cmocka_unit_test(g4_states_show_in_the_page_words),
		cmocka_unit_test(g4_kept_and_opened_again),
		cmocka_unit_test(g4_condemned_and_closed_or_saved),
		cmocka_unit_test(g4_what_is_kept_may_go_from_one_moment_to_the_next),
		cmocka_unit_test(the_last_one_kept_comes_first_and_any_may_leave),
		cmocka_unit_test(flags_that_matter_show_in_the_page_words),
		cmocka_unit_test(a_refusal_is_said_once_for_each_object_and_reason),
		cmocka_unit_test(next_meets_every_object_once),
		cmocka_unit_test(what_goes_is_told_of_while_it_is_whole),
		cmocka_unit_test(segments_come_from_the_program_headers),
		cmocka_unit_test(ten_thousand_loads_need_no_more_memory_than_a_hundred),
		cmocka_unit_test(many_objects_are_all_found),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
