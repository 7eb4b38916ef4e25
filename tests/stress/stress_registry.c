/*
 * stress_registry.c - loads and unloads by some threads, lookups by others, for a while.
 *
 * usage: stress_registry [SECONDS [SEED]]
 * Writers give and take random pages, as loading threads would; readers look addresses up without a
 * lock and check what is promised: a page that one writer holds is found, under the writer's id and
 * state; one that it has cleared is not (R3); ids never come back (G1). Under TSan it shows that the
 * lookups are ordered as they claim.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lock.h"
#include "pages.h"
#include "region.h"
#include "registry.h"

enum { WRITERS = 3, READERS = 3, SLOTS = 32, PAGES = 8 };

/* Each writer's objects: the id while it is surely there, 0 while it surely is not. */
static struct {
	_Atomic uint64_t id;
	_Atomic uint64_t era; /* odd: in change */
	uintptr_t lo;
} held[WRITERS][SLOTS];
static unsigned char *image;
static _Atomic int stop, failures;
static _Atomic uint64_t checks, loads;
static unsigned seed = 1;

static void fail(const char *what, uint64_t a, uint64_t b)
{
	if (atomic_fetch_add(&failures, 1) < 10)
		printf("# %s: %llu, %llu\n", what, (unsigned long long)a, (unsigned long long)b);
}

static void toggle(int w, int s)
{
	uint64_t id = atomic_load(&held[w][s].id);
	struct lgr_load load = {
		.map = 4096 + (uintptr_t)(w * SLOTS + s) * 1280,
		.serial = UINT64_MAX,
		.lo = held[w][s].lo,
		.hi = held[w][s].lo + PAGES * 4096,
		.path = "/stress/lib.so",
		.flags = LGR_FL_FINISHES,
	};
	struct lgr_object *object;

	atomic_fetch_add(&held[w][s].era, 1);
	lgr_lock(&lgr_lock_registry);
	if (id) {
		object = lgr_registry_find(load.map, UINT64_MAX);
		if (!object || object->id != id)
			fail("lost", id, object ? object->id : 0);
		else
			lgr_registry_set_state(object, LGR_ST_GONE, LGR_RSN_NONE);
		id = 0;
	} else {
		object = lgr_registry_add(&load);
		id = object ? object->id : 0;
		if (!object || id <= atomic_exchange(&loads, id))
			fail("id came back", id, 0);
	}
	lgr_unlock(&lgr_lock_registry);
	atomic_store(&held[w][s].id, id);
	atomic_fetch_add(&held[w][s].era, 1);
}

static void *write_some(void *arg)
{
	int w = (int)(uintptr_t)arg;
	unsigned r = seed * 31 + (unsigned)w;

	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		toggle(w, rand_r(&r) % SLOTS);
	return NULL;
}

static void check(int w, int s, uintptr_t offset)
{
	uint64_t era = atomic_load(&held[w][s].era), id = atomic_load(&held[w][s].id);
	uint64_t word = lgr_pages_find(held[w][s].lo + offset);
	struct lgr_object *object = lgr_registry_object(word);

	if ((era & 1) || atomic_load(&held[w][s].era) != era)
		return; /* it changed under us: anything may be right */
	if (lgr_word_id(word) != id)
		fail("wrong id", lgr_word_id(word), id);
	if (id && (!object || lgr_word_state(word) != LGR_ST_LIVE || (word & LGR_WORD_CHECK)))
		fail("wrong word", word, id);
	atomic_fetch_add_explicit(&checks, 1, memory_order_relaxed);
}

static void *read_some(void *arg)
{
	unsigned r = seed * 77 + (unsigned)(uintptr_t)arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		check(rand_r(&r) % WRITERS, rand_r(&r) % SLOTS,
		      (uintptr_t)rand_r(&r) % (PAGES * 4096));
	return NULL;
}

int main(int argc, char **argv)
{
	struct timespec t = { .tv_sec = argc > 1 ? atoi(argv[1]) : 2 };
	pthread_t thread[WRITERS + READERS];

	if (argc > 2)
		seed = (unsigned)atoi(argv[2]);
	image = aligned_alloc(4096, WRITERS * SLOTS * PAGES * 4096);
	for (int i = 0; i < WRITERS * SLOTS; i++)
		held[i / SLOTS][i % SLOTS].lo = (uintptr_t)image + (uintptr_t)i * PAGES * 4096;
	for (uintptr_t i = 0; i < WRITERS + READERS; i++)
		pthread_create(&thread[i], NULL, i < WRITERS ? write_some : read_some, (void *)i);
	nanosleep(&t, NULL); /* the length of the run, not a synchronisation */
	atomic_store(&stop, 1);
	for (int i = 0; i < WRITERS + READERS; i++)
		pthread_join(thread[i], NULL);
	printf("# seed %u: %llu loads, %llu lookups checked\n", seed, (unsigned long long)loads,
	       (unsigned long long)checks);
	printf("%s 1 - lookups never disagree with the writers\n",
	       failures || !checks || !loads ? "not ok" : "ok");
	printf("1..1\n");
	return failures != 0;
}
