/*
 * churn_host.c - eight threads redirect, restore, open and close for some seconds; at the end every
 * slot and protection is as found.
 *
 * usage: churn_host FOLDER SECONDS SEED
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <time.h>

#include "picture.h"

#define THREADS 8
#define STANDING 6 /* redirects of a thread at most */
#define CALLERS 8  /* files that come and go */

static function *replacements[4];
static const int values[4] = { 100, 200, 1001, 2001 };
static atomic_bool over;
static atomic_ulong redirects, restores, opens;

struct worker {
	pthread_t thread;
	unsigned random;
	struct {
		linger_redirect *made;
		void *previous;
	} standing[STANDING];
};

/* Whatever stands at the moment. */
static void allowed(int got, int original, const char *what)
{
	for (int i = 0; i < 4; i++)
		if (got == values[i])
			return;
	check(got == original, "%s gave %d", what, got);
}

static void use(struct caller *c)
{
	allowed(c->answer(), 1, "a call");
	allowed(c->by_got(), 1, "a call through the GOT");
	allowed((*c->word)(), 1, "a word");
	allowed(c->chosen(), 3, "an IFUNC");
	gives(c->other(), 10, "not redirected by anybody");
}

static void open_and_close(struct worker *w)
{
	char name[32];
	void *handle;

	snprintf(name, sizeof(name), "churned%d.so", rand_r(&w->random) % CALLERS);
	handle = open_library(name, rand_r(&w->random) % 2 ? RTLD_LAZY : RTLD_NOW);
	allowed(caller_of(handle)->constructed, 1, "a constructor's call");
	use(caller_of(handle));
	close_handle(handle);
	opens++;
}

/* The name that a thread redirects, in one of four ways. */
static void make(struct worker *w, int i)
{
	int how = rand_r(&w->random) % 8;
	struct linger_change change = {
		.symbol = how & 1 ? "t_answer" : "t_chosen",
		.replacement = address_of(replacements[rand_r(&w->random) % 4]),
		.previous = &w->standing[i].previous,
		.callers = how == 4 ? "*/churned[0-3].so" : NULL,
		.flags = how == 5 ? LINGER_LATER : 0,
	};

	w->standing[i].made = redirect(&change);
	allowed(previous_of(w->standing[i].made)(), how & 1 ? 1 : 3, "the previous");
	redirects++;
}

static void take_back(struct worker *w, int i)
{
	restore(w->standing[i].made);
	w->standing[i].made = NULL;
	restores++;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(&over)) {
		int i = rand_r(&w->random) % STANDING;

		if (rand_r(&w->random) % 3 == 0)
			open_and_close(w);
		else if (w->standing[i].made)
			take_back(w, i);
		else
			make(w, i);
	}
	for (int i = 0; i < STANDING; i++)
		if (w->standing[i].made)
			take_back(w, i);
	return NULL;
}

static struct caller *always[2];

int main(int argc, char **argv)
{
	static struct worker workers[THREADS];
	static const char *const names[] = { "r_answer", "r_second", "r_by_name", "r_by_word" };
	void *rep;
	struct picture before;

	check(argc == 4 && linger_is_here(), "usage: churn_host FOLDER SECONDS SEED, with linger");
	folder = argv[1];
	rep = open_library("rep.so", RTLD_NOW);
	for (int i = 0; i < 4; i++)
		replacements[i] = function_of(rep, names[i]);
	always[0] = caller_of(open_library("call1.so", RTLD_LAZY));
	always[1] = caller_of(open_library("call2.so", RTLD_NOW));
	for (int i = 0; i < 2; i++)
		use(always[i]);
	before = picture_take();
	for (int i = 0; i < THREADS; i++) {
		workers[i].random = (unsigned)(atoi(argv[3]) * 101 + i);
		check(!pthread_create(&workers[i].thread, NULL, work, &workers[i]), "no thread");
	}
	for (time_t end = time(NULL) + atoi(argv[2]); time(NULL) < end; usleep(1000))
		for (int i = 0; i < 2; i++)
			use(always[i]);
	atomic_store(&over, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	gives(always[0]->answer() + always[1]->chosen(), 4, "all restored");
	picture_compare_(&before, true, "all restored"); /* what came since may be kept still */
	printf("# %lu redirects, %lu restores, %lu opens\n", redirects, restores, opens);
	check(redirects == restores && redirects > 50 && opens > 50, "too little was done");
	puts("done");
	return 0;
}
