/*
 * query.c - which object is an address in: linger_query against glibc's _dl_find_object.
 *
 * usage: query with LIBRARY FOLDER N	reads requests: see bench.h
 *
 * Opens N libraries of FOLDER (0.so, 1.so, ...) and makes, before anything is timed, arrays of
 * addresses in random order. Requests are KIND.ADDRESSES, where the kinds are
 *	ours, glibc, floor	linger_query as a program calls it; _dl_find_object; the same loop
 *				without a call
 *	chain, glibc_chain, floor_chain
 *				the same, but each address depends on the answer before, so that
 *				the CPU cannot work on two calls at once
 * and the addresses
 *	random	code and data of all of the N
 *	same	one address, in one of the N
 *	missing	heap, stack, and in the middle of the libraries, but in none
 * "reopen" opens what is loaded: that announces nothing, so linger must reckon with a load under
 * way until it hears of one; "fresh" lets it hear of one.
 * Both answers are checked for each address first.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

#include <link.h>

#define COUNT 16384u /* addresses of each kind: 128 KiB, read in order */

static uintptr_t at_random[COUNT], at_same[COUNT], at_missing[COUNT];
static const char *library;
static char first[4096]; /* path of the first of the N */
static volatile uintptr_t sink;

/* All kinds return what they were told, so that one loop serves them. */
static inline int ask_ours(uintptr_t address)
{
	struct linger_info info;

	return linger_query((const void *)address, &info);
}
static inline int ask_glibc(uintptr_t address)
{
	struct dl_find_object found;

	return _dl_find_object((void *)address, &found);
}
static inline int ask_floor(uintptr_t address)
{
	__asm__ volatile("" : : "r"(address));
	return 0;
}

/*
 * The answer is added to the next address, and what it will be is taken off again: nothing, but the
 * CPU does not know.
 */
#define LOOPS(kind, addresses, expected, chained)                                                  \
	static BATCH void batch_##kind##_##chained##_##addresses(size_t n)                         \
	{                                                                                          \
		uintptr_t sum = 0, off = 0;                                                        \
                                                                                                   \
		for (size_t i = 0; i < n; i++) {                                                   \
			int r = ask_##kind(at_##addresses[i % COUNT] + off);                       \
                                                                                                   \
			if (chained)                                                               \
				off = (uintptr_t)(r - (expected));                                 \
			else                                                                       \
				sum += (uintptr_t)r;                                               \
			__asm__ volatile("" : "+r"(off), "+r"(sum));                               \
		}                                                                                  \
		sink = sum + off;                                                                  \
	}
LOOPS(ours, random, 0, 0)
LOOPS(ours, same, 0, 0)
LOOPS(ours, missing, -ENOENT, 0)
LOOPS(ours, random, 0, 1)
LOOPS(glibc, random, 0, 0)
LOOPS(glibc, same, 0, 0)
LOOPS(glibc, missing, -1, 0)
LOOPS(glibc, random, 0, 1)
LOOPS(floor, random, 0, 0)
LOOPS(floor, random, 0, 1)

/* What linger leaves behind such a call ends with the next one that loads something. */
static BATCH void batch_reopen(size_t n)
{
	while (n--)
		bench_open(first);
}
static BATCH void batch_fresh(size_t n)
{
	while (n--)
		dlclose(bench_open(library));
}

static void open_all(const char *folder, size_t n)
{
	struct {
		uintptr_t code, data;
	} *of = malloc(n * sizeof(*of));
	char path[4096];

	snprintf(first, sizeof(first), "%s/0.so", folder);
	for (size_t i = 0; i < n; i++) {
		void *handle;

		snprintf(path, sizeof(path), "%s/%zu.so", folder, i);
		handle = bench_open(path);
		of[i].code = (uintptr_t)dlsym(handle, "small_function");
		of[i].data = (uintptr_t)dlsym(handle, "small_value");
		if (!of[i].code || !of[i].data)
			bench_die("%s", dlerror());
	}
	for (size_t i = 0; i < COUNT; i++) {
		uint64_t r = bench_random();

		at_random[i] = r & 1 << 20 ? of[r % n].code : of[r % n].data;
		at_same[i] = of[n / 2].code;
	}
	free(of);
}

static void find_misses(void)
{
	size_t heap = (size_t)1 << 20;
	uintptr_t block = (uintptr_t)malloc(heap / 16), mapped = (uintptr_t)malloc(heap);
	char here;

	for (size_t i = 0; i < COUNT; i++) {
		uint64_t r = bench_random() >> 8;

		switch (bench_random() >> 32 & 3) {
		case 0: at_missing[i] = block + r % (heap / 16); break;
		case 1: at_missing[i] = mapped + r % heap; break;
		case 2: at_missing[i] = (uintptr_t)&here - r % 65536; break;
		default: /* near a library, on a page of none */
			do
				at_missing[i] = (at_random[bench_random() % COUNT] &
						 ~(uintptr_t)0x3ffffff) +
						(bench_random() & 0x3fff000);
			while (ask_glibc(at_missing[i]) == 0);
		}
	}
}

static void check(const uintptr_t *at, int expected_ours, int expected_glibc)
{
	for (size_t i = 0; i < COUNT; i++)
		if (ask_ours(at[i]) != expected_ours || ask_glibc(at[i]) != expected_glibc)
			bench_die("wrong answer for %#zx: linger %d, glibc %d", (size_t)at[i],
				  ask_ours(at[i]), ask_glibc(at[i]));
}

int main(int argc, char **argv)
{
	static const struct bench_word words[] = {
		{ "ours.random", batch_ours_0_random },
		{ "ours.same", batch_ours_0_same },
		{ "ours.missing", batch_ours_0_missing },
		{ "chain.random", batch_ours_1_random },
		{ "glibc.random", batch_glibc_0_random },
		{ "glibc.same", batch_glibc_0_same },
		{ "glibc.missing", batch_glibc_0_missing },
		{ "glibc_chain.random", batch_glibc_1_random },
		{ "floor.random", batch_floor_0_random },
		{ "floor_chain.random", batch_floor_1_random },
		{ "reopen", batch_reopen },
		{ "fresh", batch_fresh },
		{ NULL, NULL },
	};

	if (argc < 5 || atol(argv[4]) < 1)
		bench_die("usage: query with LIBRARY FOLDER N");
	bench_pin();
	bench_assert_side(argv[1]);
	library = bench_path(argv[2]);
	open_all(argv[3], (size_t)atol(argv[4]));
	find_misses();
	check(at_random, 0, 0);
	check(at_same, 0, 0);
	check(at_missing, -ENOENT, -1);
	return bench_serve(words);
}
