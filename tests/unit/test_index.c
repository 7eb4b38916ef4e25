/*
 * test_index.c - core/index.c: objects are made up, their images are those of the libraries of this program.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <link.h>

#include "arena.h"
#include "index.h"
#include "lock.h"
#include "registry.h"

#define COPIES 40

static struct lgr_object *made[COPIES];

static struct link_map *map_of(const char *name)
{
	struct link_map *map = _r_debug.r_map;

	while (map && !strstr(map->l_name, name))
		map = map->l_next;
	assert_non_null(map);
	return map;
}

static int setup(void **state)
{
	return lgr_lock(&lgr_lock_registry) ? 0 : -1;
}

static int teardown(void **state)
{
	lgr_unlock(&lgr_lock_registry);
	return 0;
}

/* The nth object with the image of cmocka, which has slots of many libraries' names. */
static struct lgr_object *make(uintptr_t n)
{
	struct link_map *map = map_of("libcmocka");
	struct lgr_load load = { .map = n, .serial = n, .path = "/x" };
	struct lgr_loaded image = { 0 };
	static unsigned char page[4096] __attribute__((aligned(4096)));
	struct lgr_object *object;

	load.lo = (uintptr_t)page;
	load.hi = load.lo + 4096;
	object = lgr_registry_add(&load);
	assert_non_null(object);
	lgr_elf_init(&image.elf, map->l_addr, map->l_ld);
	assert_true(lgr_index_add(object, &image));
	return object;
}

static uint32_t entries_of(const struct lgr_name *name, const struct lgr_object *object)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < name->count; i++)
		n += name->owner[i].slot == object->slot;
	return n;
}

static bool count(void *arg, const struct lgr_slot *slot)
{
	*(uint32_t *)arg += !strcmp(slot->name, "printf") || !strcmp(slot->name, "free");
	return true;
}

static void each_slot_is_found_by_its_name(void **state)
{
	struct lgr_object *object = make(1);
	struct lgr_name *a = lgr_index_find("printf"), *b = lgr_index_find("free");
	const struct lgr_indexed *indexed = lgr_indexed_of(object);
	uint32_t wanted = 0, got = 0;

	lgr_elf_slots(&indexed->elf, LGR_SLOTS_ALL, count, &wanted);
	got += a ? entries_of(a, object) : 0;
	got += b ? entries_of(b, object) : 0;
	assert_true(wanted > 0);
	assert_int_equal(got, wanted);
	assert_true(lgr_index_check(object));
	lgr_index_remove(object);
	assert_null(lgr_index_find("free"));
	lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
}

/* Taken out in another order than taken in: what takes a place is found there. */
static void any_object_may_leave(void **state)
{
	struct lgr_name *name = lgr_index_name("free");
	uint32_t each;

	for (uintptr_t i = 0; i < COPIES; i++)
		made[i] = make(i + 1);
	each = entries_of(name, made[0]);
	assert_int_equal(name->count, COPIES * each);
	for (uintptr_t i = 0; i < COPIES; i++) {
		uintptr_t at = (i * 17) % COPIES;

		lgr_index_remove(made[at]);
		lgr_registry_set_state(made[at], LGR_ST_GONE, LGR_RSN_NONE);
		made[at] = NULL;
		assert_int_equal(name->count, (COPIES - 1 - i) * each);
		for (uintptr_t k = 0; k < COPIES; k++)
			assert_true(!made[k] || lgr_index_check(made[k]));
	}
	lgr_index_drop(name);
	assert_null(lgr_index_find("free"));
}

static void a_name_stays_while_somebody_uses_it(void **state)
{
	struct lgr_name *name = lgr_index_name("nobody_binds_this");

	assert_int_equal(name->count, 0);
	assert_ptr_equal(lgr_index_name("nobody_binds_this"), name);
	lgr_index_drop(name);
	assert_ptr_equal(lgr_index_find("nobody_binds_this"), name);
	lgr_index_drop(name);
	assert_null(lgr_index_find("nobody_binds_this"));
}

/* More names than the first table has room for. */
static void thousands_of_names_are_told_apart(void **state)
{
	static struct lgr_name *names[5000];
	char text[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "name_%d", i);
		names[i] = lgr_index_name(text);
		assert_string_equal(names[i]->text, text);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "name_%d", i);
		assert_ptr_equal(lgr_index_find(text), names[i]);
		lgr_index_drop(names[i]);
		assert_null(lgr_index_find(text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_slot_is_found_by_its_name, setup, teardown),
		cmocka_unit_test_setup_teardown(any_object_may_leave, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_stays_while_somebody_uses_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(thousands_of_names_are_told_apart, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
