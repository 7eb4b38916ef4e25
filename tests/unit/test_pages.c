/*
 * test_pages.c - core/pages.c: from an address to a word. R1 to R3 are pages.h's.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include "lock.h"
#include "pages.h"

#define MIB ((uintptr_t)1 << 20)

static int lock(void **state)
{
	return lgr_lock(&lgr_lock_registry) ? 0 : -1;
}

static int unlock(void **state)
{
	lgr_unlock(&lgr_lock_registry);
	return 0;
}

static void a_word_keeps_its_parts(void **state)
{
	uint64_t w = lgr_word(LGR_ID_MAX, LGR_SLOT_MAX, 5, LGR_WORD_CHECK);

	assert_true(lgr_word_id(w) == LGR_ID_MAX && lgr_word_slot(w) == LGR_SLOT_MAX);
	assert_true(lgr_word_state(w) == 5 && (w & LGR_WORD_CHECK) && !(w & LGR_WORD_STARTUP));
	w = lgr_word(1, 0, 2, LGR_WORD_STARTUP);
	assert_true(lgr_word_id(w) == 1 && lgr_word_slot(w) == 0 && lgr_word_state(w) == 2);
}

static void r2_the_end_of_a_range_is_exclusive(void **state)
{
	uintptr_t lo = 0x7f0000400000, hi = lo + 3 * LGR_PAGE;

	assert_true(lgr_pages_set(lo, hi, lgr_word(1, 1, 2, 0)));
	assert_int_equal(lgr_pages_find(lo - 1), 0);
	assert_int_equal(lgr_word_id(lgr_pages_find(lo)), 1);
	assert_int_equal(lgr_word_id(lgr_pages_find(hi - 1)), 1);
	assert_int_equal(lgr_pages_find(hi), 0);
	lgr_pages_clear(lo, hi, 1);
	assert_int_equal(lgr_pages_find(lo), 0);
	assert_int_equal(lgr_pages_find(hi - 1), 0);
}

static void a_range_may_cross_regions(void **state)
{
	uintptr_t lo = ((uintptr_t)5 << LGR_REGION_BITS) - LGR_PAGE;
	uintptr_t hi = ((uintptr_t)7 << LGR_REGION_BITS) + LGR_PAGE;

	assert_true(lgr_pages_set(lo, hi, lgr_word(2, 1, 2, 0)));
	for (uintptr_t a = lo; a < hi; a += 16 * MIB)
		assert_int_equal(lgr_word_id(lgr_pages_find(a)), 2);
	lgr_pages_clear(lo, hi, 2);
	for (uintptr_t a = lo; a < hi; a += 16 * MIB)
		assert_int_equal(lgr_pages_find(a), 0);
}

static void clearing_leaves_a_newer_object_alone(void **state)
{
	uintptr_t lo = 0x10000, hi = lo + 2 * LGR_PAGE;

	assert_true(lgr_pages_set(lo, hi, lgr_word(3, 1, 2, 0)));
	assert_true(lgr_pages_set(lo, lo + LGR_PAGE, lgr_word(4, 2, 2, 0)));
	lgr_pages_clear(lo, hi, 3);
	assert_int_equal(lgr_word_id(lgr_pages_find(lo)), 4);
	assert_int_equal(lgr_pages_find(lo + LGR_PAGE), 0);
	lgr_pages_clear(lo, hi, 4);
}

static void the_whole_address_space_may_be_asked(void **state)
{
	assert_int_equal(lgr_pages_find(0), 0);
	assert_int_equal(lgr_pages_find(UINTPTR_MAX), 0);
	assert_int_equal(lgr_pages_find((uintptr_t)1 << 63), 0);
}

/* Last: it uses the table up. Past three quarters it must refuse, and lookups must still end. */
static void a_full_table_refuses_and_changes_nothing(void **state)
{
	uintptr_t region = 1000;

	while (lgr_pages_set(region << LGR_REGION_BITS, (region << LGR_REGION_BITS) + LGR_PAGE,
			     lgr_word(region, 1, 2, 0)))
		region++;
	assert_in_range(region - 1000, LGR_REGION_SLOTS / 4 * 3 - 50, LGR_REGION_SLOTS);
	assert_int_equal(lgr_pages_find(region << LGR_REGION_BITS), 0);
	for (uintptr_t r = 1000; r < region; r++)
		assert_int_equal(lgr_word_id(lgr_pages_find(r << LGR_REGION_BITS)), r);
	assert_int_equal(lgr_pages_find(UINTPTR_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_keeps_its_parts),
		cmocka_unit_test(r2_the_end_of_a_range_is_exclusive),
		cmocka_unit_test(a_range_may_cross_regions),
		cmocka_unit_test(clearing_leaves_a_newer_object_alone),
		cmocka_unit_test(the_whole_address_space_may_be_asked),
		cmocka_unit_test(a_full_table_refuses_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, lock, unlock);
}
