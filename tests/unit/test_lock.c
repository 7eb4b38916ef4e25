/*
 * test_lock.c - core/lock.c and the memory it guards, core/arena.c.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <pthread.h>

#include "arena.h"
#include "lock.h"

static int counter; /* guarded by lgr_lock_registry: TSan says so if the lock is none */

static void *count(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		lgr_lock(&lgr_lock_registry);
		counter++;
		lgr_unlock(&lgr_lock_registry);
	}
	return NULL;
}

static void threads_exclude_each_other(void **state)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(counter, 80000);
}

/* A signal handler that interrupts the holder must be told no, not wait for ever. */
static void the_holder_is_told_no(void **state)
{
	assert_true(lgr_lock(&lgr_lock_registry));
	assert_true(lgr_lock_held(&lgr_lock_registry));
	assert_false(lgr_lock(&lgr_lock_registry));
	lgr_unlock(&lgr_lock_registry);
	assert_false(lgr_lock_held(&lgr_lock_registry));
	assert_true(lgr_lock(&lgr_lock_registry));
	lgr_unlock(&lgr_lock_registry);
}

static void *try(void *arg)
{
	return (void *)(uintptr_t)lgr_lock_held(&lgr_lock_registry);
}

static void another_thread_s_lock_is_not_mine(void **state)
{
	pthread_t thread;
	void *held;

	lgr_lock(&lgr_lock_registry);
	assert_int_equal(pthread_create(&thread, NULL, try, NULL), 0);
	pthread_join(thread, &held);
	assert_null(held);
	lgr_unlock(&lgr_lock_registry);
}

static void memory_is_zeroed_aligned_and_used_again(void **state)
{
	size_t used;
	char *p, *q;

	lgr_lock(&lgr_lock_registry);
	p = lgr_arena_alloc(100);
	assert_non_null(p);
	assert_int_equal((uintptr_t)p % 64, 0);
	memset(p, 0xff, 100);
	lgr_arena_free(p, 100);
	used = lgr_arena_used();
	q = lgr_arena_alloc(128);
	assert_ptr_equal(p, q);
	for (int i = 0; i < 128; i++)
		assert_int_equal(q[i], 0);
	assert_int_equal(lgr_arena_used(), used);
	lgr_arena_free(q, 128);
	lgr_arena_free(NULL, 5);
	assert_null(lgr_arena_alloc(LGR_ARENA_LARGEST + 1));
	lgr_unlock(&lgr_lock_registry);
}

static void blocks_do_not_overlap(void **state)
{
	enum { N = 400 };
	static unsigned char *block[N];
	static size_t size[N];

	lgr_lock(&lgr_lock_registry);
	for (int i = 0; i < N; i++) {
		size[i] = (size_t)1 << (i % 15);
		block[i] = lgr_arena_alloc(size[i]);
		assert_non_null(block[i]);
		memset(block[i], i & 0xff, size[i]);
	}
	for (int i = 0; i < N; i++)
		for (size_t j = 0; j < size[i]; j++)
			assert_int_equal(block[i][j], i & 0xff);
	for (int i = 0; i < N; i++)
		lgr_arena_free(block[i], size[i]);
	lgr_unlock(&lgr_lock_registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_exclude_each_other),
		cmocka_unit_test(the_holder_is_told_no),
		cmocka_unit_test(another_thread_s_lock_is_not_mine),
		cmocka_unit_test(memory_is_zeroed_aligned_and_used_again),
		cmocka_unit_test(blocks_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
