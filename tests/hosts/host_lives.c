/*
 * host_lives.c - opens and closes a library from every place of a program's life, and says in one line
 * what happened.
 *
 * usage: host_lives CASE [relax]; relax: what is kept is closed before the last step.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/wait.h>

#include "../stress/region.h"
#include "host.h"

/* The plugin's: see plug_lives.c. */
const char *lives_path, *lives_self;
void *lives_handle;
sigjmp_buf lives_out;
int lives_stay;

static char base[4096], lives[4096];
static bool relaxed;
static void *handle;

/* From policy:never to policy:off, as a debugger might: no setting does that while a program runs. */
static void relax(void)
{
	struct lgr_region *region = region_find();

	check(!linger_is_here() || region, "linger's region is not found");
	if (region)
		region->policy = 3; /* enum lgr_policy */
}

/* The next dl* call of the program, at which closes that are proven are done. */
static void step(void)
{
	if (relaxed)
		relax();
	close_handle(open_path(base, RTLD_NOW));
}

static void open_and_close(void)
{
	void *h = open_path(lives, RTLD_NOW);

	printf(" count:%d", ((int (*)(void))symbol(h, "lives_count"))());
	printf(" close:%d", dlclose(h));
}

/* ---------------------------------------------------------------------------------------- the cases */

static void plain(void)
{
	open_and_close();
	step();
	printf(" |");
	open_and_close();
	step();
}

static void close_in_atexit(void)
{
	printf(" atexit-close:%d", dlclose(handle));
	step();
}

static void atexit_case(void)
{
	handle = open_path(lives, RTLD_NOW);
	atexit(close_in_atexit);
}

static void *thread(void *arg)
{
	pthread_setspecific(*(pthread_key_t *)arg, open_path(lives, RTLD_NOW));
	return NULL;
}

static void close_in_thread(void *h)
{
	printf(" thread-exit-close:%d", dlclose(h));
	step();
}

static void thread_exit_case(void)
{
	pthread_key_t key;
	pthread_t t;

	pthread_key_create(&key, close_in_thread);
	pthread_create(&t, NULL, thread, &key);
	pthread_join(t, NULL);
}

static void *close_one(void *h)
{
	return (void *)(intptr_t)dlclose(h);
}

static void several_threads(void)
{
	pthread_t t[8];
	void *result;
	int failed = 0;

	for (int i = 0; i < 8; i++)
		handle = open_path(lives, RTLD_NOW);
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, close_one, handle);
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], &result);
		failed += result != NULL;
	}
	printf(" failed:%d", failed);
	step();
}

static void jump_out(void)
{
	if (sigsetjmp(lives_out, 1) == 0) {
		open_and_close();
		step();
		printf(" no-jump");
	} else {
		/* The loader's lock stays with this thread, as without linger. */
		printf(" out close:%d", dlclose(open_path(base, RTLD_NOW)));
	}
}

static void fork_after_close(void)
{
	int status = -1;

	open_and_close();
	fflush(stdout);
	if (fork() == 0) {
		open_and_close();
		step();
		printf(" child");
		exit(0);
	}
	wait(&status);
	step();
	printf(" status:%d", status);
}

static void vfork_after_close(void)
{
	int status = -1;

	open_and_close();
	if (vfork() == 0)
		_exit(7);
	wait(&status);
	step();
	printf(" status:%d", WEXITSTATUS(status));
}

static void *stay(void *arg)
{
	(void)arg;
	open_and_close();
	step();
	return NULL;
}

/* A destructor that never returns has the loader for ever; the rest of the program goes on. */
static void never_returns(void)
{
	pthread_t t;

	pthread_create(&t, NULL, stay, NULL);
	while (!__atomic_load_n(&lives_stay, __ATOMIC_ACQUIRE) && relaxed)
		sched_yield();
	printf(" on");
	fflush(stdout);
	_exit(0);
}

static void in_constructor(void)
{
	lives_handle = open_path(base, RTLD_NOW);
	plain();
}

static const struct {
	const char *name;
	void (*run)(void);
	void (*leave)(int);
} cases[] = {
	{ "plain", plain, exit },
	{ "ctor-closes", in_constructor, exit },
	{ "atexit", atexit_case, exit },
	{ "quick_exit", plain, quick_exit },
	{ "_exit", plain, _exit },
	{ "thread-exit", thread_exit_case, exit },
	{ "threads", several_threads, exit },
	{ "jump", jump_out, _exit },
	{ "stay", never_returns, _exit },
	{ "fork", fork_after_close, exit },
	{ "vfork", vfork_after_close, exit },
};

int main(int argc, char **argv)
{
	check(argc > 1, "usage: host_lives CASE [relax]");
	relaxed = argc > 2;
	strcpy(base, plugin("base"));
	strcpy(lives, plugin("lives"));
	lives_path = base;
	lives_self = lives;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (strcmp(cases[i].name, argv[1]))
			continue;
		printf("%s:", argv[1]);
		cases[i].run();
		printf(" end");
		fflush(stdout);
		cases[i].leave(0);
	}
	fail("no such case");
}
