/*
 * host_gives_back.c - has the only address of a library in memory from malloc, gives that memory back or not,
 * and closes the library. What to do with it: see cases, at the end.
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

enum { MANY = 40, WORDS = 12 };

/* Behind the first two words, where free itself writes. */
static void fill(uintptr_t *chunk, uintptr_t address)
{
	for (int i = 0; i < WORDS; i++)
		chunk[i] = 0;
	chunk[WORDS - 1] = address;
}

static uintptr_t *chunks[MANY];
static uintptr_t *large;

/* Nothing of the library stays in a register or in a dead part of the stack that is looked at. */
static __attribute__((noinline)) void make(void *handle)
{
	uintptr_t address = (uintptr_t)symbol(handle, "base_value");

	for (int i = 0; i < MANY; i++) {
		chunks[i] = malloc(WORDS * sizeof(uintptr_t));
		fill(chunks[i], address);
	}
	large = malloc(4096);
	fill(large, address);
	/* Else large would become part of what the heap ends with. */
	free(malloc(64 << 10));
	chunks[0] = realloc(chunks[0], (WORDS + 2) * sizeof(uintptr_t));
}

static __attribute__((noinline)) void wipe(void)
{
	volatile char stack[8192];

	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

static void none(void)
{
}

/* The first seven go to the thread's cache, the others to a fast bin, large to the unsorted bin. */
static void all(void)
{
	for (int i = 0; i < MANY; i++)
		free(chunks[i]);
	free(large);
}

static void all_but_one(void)
{
	for (int i = 0; i < MANY; i++)
		if (i != MANY / 2)
			free(chunks[i]);
	free(large);
}

/* Comes back from where it went, and with what it had. */
static void all_but_one_taken_again(void)
{
	uintptr_t *again[MANY];
	bool found = false;

	all();
	for (int i = 0; i < MANY; i++)
		again[i] = malloc(WORDS * sizeof(uintptr_t));
	for (int i = 0; i < MANY; i++) {
		if (!found && again[i][WORDS - 1]) {
			chunks[0] = again[i];
			found = true;
			continue;
		}
		free(again[i]);
	}
	for (int i = 0; i < MANY; i++)
		again[i] = NULL;
	check(found, "no chunk came back as it was");
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "none", none },
	{ "all", all },
	{ "all-but-one", all_but_one },
	{ "taken-again", all_but_one_taken_again },
};

int main(int argc, char **argv)
{
	void *handle;

	check(argc == 2, "usage: host_gives_back CASE");
	handle = open_path(plugin("base"), RTLD_NOW);
	make(handle);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (!strcmp(cases[i].name, argv[1]))
			cases[i].run();
	wipe();
	close_handle(handle);
	return 0;
}
