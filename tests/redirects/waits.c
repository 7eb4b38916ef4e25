/*
 * waits.c - the first redirect of a process, while another thread is inside a dlopen: it waits for its turn.
 *
 * usage: waits FOLDER
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "redirects.h"

extern void (*volatile construct_hook)(void);
void (*volatile construct_hook)(void);

static sem_t constructing;
static atomic_int redirecting; /* the thread that does; -1: it is done */

/* In the constructor: until the other thread sleeps, as it does where it waits for the loader's lock, or is done. */
static void hook(void)
{
	sem_post(&constructing);
	while (!redirecting)
		sched_yield();
	while (redirecting > 0 && state_of_thread(redirecting) != 'S')
		;
}

static void *open_slowly(void *unused)
{
	(void)unused;
	return open_library("slowly.so", RTLD_NOW);
}

int main(int argc, char **argv)
{
	linger_redirect *made;
	function *replacement;
	pthread_t thread;
	void *opened;

	check(argc == 2 && linger_is_here(), "usage: waits FOLDER, with linger");
	folder = argv[1];
	replacement = function_of(open_library("rep.so", RTLD_NOW), "r_answer");
	construct_hook = hook;
	sem_init(&constructing, 0, 0);
	check(pthread_create(&thread, NULL, open_slowly, NULL) == 0, "a thread");
	sem_wait(&constructing);
	redirecting = gettid();
	made = redirect_to("t_answer", replacement);
	redirecting = -1;
	pthread_join(thread, &opened);
	check(opened, "it was opened");
	restore(made);
	puts("done");
	return 0;
}
