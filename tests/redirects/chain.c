/*
 * chain.c - a hundred redirects on one symbol, undone in a random order.
 *
 * usage: chain FOLDER SEED one|many. one: the replacements are in one library; many: each in its own.
 * SPDX-License-Identifier: MIT
 */
#include "picture.h"

#define LINKS 100

static struct {
	linger_redirect *made; /* NULL: undone, or not made yet */
	function *replacement;
	void **previous; /* the replacement calls what it has */
} links[LINKS];
static struct caller *caller[2];
static function *definition;

/* Each replacement adds 1000 + its number to what it replaces. */
static void check_all(const char *what, int which)
{
	function *below = definition;
	int sum = 1;

	for (int i = 0; i < LINKS; i++) {
		if (!links[i].made)
			continue;
		check(previous_of(links[i].made) == below, "%s %d: link %d has the wrong previous",
		      what, which, i);
		check((function *)(uintptr_t)*links[i].previous == below,
		      "%s %d: link %d's pointer is wrong", what, which, i);
		below = links[i].replacement;
		sum += 1000 + i;
	}
	for (int i = 0; i < 2; i++) {
		gives(caller[i]->answer(), sum, "%s %d", what, which);
		gives(caller[i]->by_got(), sum, "%s %d", what, which);
		gives((*caller[i]->word)(), sum, "%s %d", what, which);
	}
	check((function *)(uintptr_t)dlsym(RTLD_DEFAULT, "t_answer") == below, "%s %d: dlsym", what,
	      which);
}

static void load(bool many)
{
	char name[64];

	for (int i = 0; i < LINKS; i++) {
		void *handle;

		snprintf(name, sizeof(name), many ? "link%d.so" : "links.so", i);
		handle = open_library(name, RTLD_LAZY);
		snprintf(name, sizeof(name), "r_link%d", i);
		links[i].replacement = function_of(handle, name);
		snprintf(name, sizeof(name), "r_previous%d", i);
		links[i].previous = symbol(handle, name);
	}
}

static void make(int i)
{
	links[i].made = redirect(
		&(struct linger_change){ .symbol = "t_answer",
					 .replacement = address_of(links[i].replacement),
					 .previous = links[i].previous });
}

int main(int argc, char **argv)
{
	struct picture before;
	int order[LINKS];

	check(argc == 4 && linger_is_here(), "usage: chain FOLDER SEED one|many, with linger");
	folder = argv[1];
	srand((unsigned)atoi(argv[2]));
	caller[0] = caller_of(open_library("call1.so", RTLD_LAZY));
	caller[1] = caller_of(open_library("call2.so", RTLD_NOW));
	definition = (function *)(uintptr_t)dlsym(RTLD_DEFAULT, "t_answer");
	load(!strcmp(argv[3], "many"));
	check_all("before", 0);
	before = picture_take();
	for (int i = 0; i < LINKS; i++) {
		make(i);
		check_all("made", i);
		order[i] = i;
	}
	for (int i = LINKS - 1; i > 0; i--) {
		int j = rand() % (i + 1), swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
	for (int i = 0; i < LINKS; i++) {
		restore(links[order[i]].made);
		links[order[i]].made = NULL;
		check_all("undone", order[i]);
	}
	/* The pointers are of the libraries' own data, not of what is compared. */
	picture_compare(&before, "all undone");
	puts("done");
	return 0;
}
