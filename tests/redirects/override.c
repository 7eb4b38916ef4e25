/*
 * override.c - the newest definition wins, for all that was bound before; when it is closed, the one
 * before takes over again.
 *
 * usage: override FOLDER SEED [late], with LINGER=override:GLOB that matches gen*.so
 * late: what is given back by a dlopen, since linger kept it, counts from the next dl* call on.
 * SPDX-License-Identifier: MIT
 */
#include "picture.h"

#define GENERATIONS 4 /* and two that come together */

/* What caller.so sees of each generation: 10 * its number, or the number of who else defines it. */
struct sees {
	function *call, *by_got, **word, *data, *method, *weak, *inlined;
};

static struct sees *sees;
static void *open_generation[GENERATIONS + 2];
static int order[GENERATIONS]; /* the open ones, oldest first */
static int n_open;
static bool late;

/* The one that is looked up: with override the newest, for weak ones and others the oldest. */
static void check_all(const char *when)
{
	int newest = n_open ? 10 * order[n_open - 1] : 0;

	if (late)
		dlsym(RTLD_DEFAULT, "t_value");
	gives(sees->call(), newest, "a call, %s", when);
	gives(sees->by_got(), newest, "the GOT, %s", when);
	gives((*sees->word)(), newest, "a word, %s", when);
	gives(sees->data(), newest, "data, %s", when);
	gives(sees->method(), newest, "C++, %s", when);
	if (n_open) {
		gives(((function *)(uintptr_t)dlsym(RTLD_DEFAULT, "t_value"))(), newest,
		      "RTLD_DEFAULT, %s", when);
		gives(*(int *)dlsym(RTLD_DEFAULT, "t_number"), newest, "data by RTLD_DEFAULT, %s",
		      when);
	}
}

static void open_one(int i)
{
	char name[32], when[64];

	snprintf(name, sizeof(name), "gen%d.so", i);
	snprintf(when, sizeof(when), "gen%d.so opened", i);
	open_generation[i] = open_library(name, RTLD_LAZY | RTLD_GLOBAL);
	order[n_open++] = i;
	check_all(when);
}

static void close_one(int at)
{
	int i = order[at];
	char when[64];

	snprintf(when, sizeof(when), "gen%d.so closed", i);
	close_handle(open_generation[i]);
	memmove(order + at, order + at + 1, (size_t)(n_open - at - 1) * sizeof(*order));
	n_open--;
	check_all(when);
}

/* Weak symbols, and those that the linker makes, stay with who had them first. */
static void stay(void)
{
	gives(sees->weak(), 0, "a weak symbol is nobody's override");
	gives(sees->inlined(), 0, "an inline function is nobody's override");
}

static void what_is_not_meant(void)
{
	void *end = dlsym(RTLD_DEFAULT, "_end"), *local, *unmatched;

	local = open_library("gen1.so", RTLD_LAZY); /* not global */
	check_all("a local one opened");
	close_handle(local);
	unmatched = open_library("unmatched.so", RTLD_LAZY | RTLD_GLOBAL);
	check_all("one that does not match opened");
	close_handle(unmatched);
	open_one(2);
	check(dlsym(RTLD_DEFAULT, "_end") == end, "_end was overridden");
	stay();
	close_one(0);
}

/* gen5.so needs gen6.so, and both define everything: the loader's order stays between them. */
static void what_comes_together(void)
{
	struct sees *early = sees;
	function *gives_own;
	void *later;

	open_one(5);
	gives_own = function_of(open_generation[5], "together_gives");
	gives(gives_own(), 50, "what nobody else defines");
	later = open_library("sees_too.so", RTLD_LAZY);
	sees = symbol(later, "sees_api");
	check_all("gen5.so is open, bound later");
	sees = early;
	open_one(1);
	gives(gives_own(), 50, "what the next does not define");
	close_one(0);
	close_handle(later);
	check_all("of gen6.so nothing is left");
	close_one(0);
}

int main(int argc, char **argv)
{
	check(argc >= 3 && linger_is_here(), "usage: override FOLDER SEED [late], with linger");
	late = argc > 3;
	folder = argv[1];
	srand((unsigned)atoi(argv[2]));
	open_library("base.so", RTLD_LAZY | RTLD_GLOBAL); /* the first definer, with number 0 */
	sees = symbol(open_library("sees.so", RTLD_LAZY), "sees_api");
	check_all("before");
	stay();
	what_is_not_meant();
	what_comes_together();
	for (int round = 0; round < 50; round++) {
		int i = 1 + rand() % GENERATIONS, at = -1;

		for (int j = 0; j < n_open; j++)
			at = order[j] == i ? j : at;
		if (at >= 0)
			close_one(at);
		else
			open_one(i);
		stay();
	}
	while (n_open)
		close_one(rand() % n_open);
	puts("done");
	return 0;
}
