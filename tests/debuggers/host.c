/*
 * host.c - does what its arguments say, one after the other. Sees the public header alone, if any.
 *
 *	open FILE	dlopen: FILE is the library that what follows is about
 *	namespace FILE	the same with dlmopen, in a namespace of its own
 *	enter		a thread calls entry() of it, and stays in the callback for ever
 *	call WHAT	calls entry() here, with a callback of this name
 *	close		dlclose
 *	delete FILE, replace FILE BY (rename), rewrite FILE BY (the same file, other bytes)
 *	wait		says "ready", and waits for a line of input; one that says "poke" makes it call
 *			the function with the probe, and wait for another
 *	use-after-free	of what the callback `allocate` got
 *	abort
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*callback)(void *arg);
typedef void (*entry)(callback f, void *arg);

static void *library;
static sem_t inside;

static void fail(const char *what)
{
	const char *error = dlerror();

	fprintf(stderr, "host: %s: %s\n", what, error ? error : strerror(errno));
	exit(2);
}

/* --------------------------------------------------------------- callbacks */

static void stay(void *arg)
{
	sem_post(arg);
	for (;;)
		pause();
}

/* Several: one may be left in a register or on the stack, where it is found and is no leak. */
static void leak(void *arg)
{
	for (int i = 0; i < 8; i++) {
		char *block = malloc(777);

		memset(block, i, 777);
		__asm__ volatile("" : : "r"(block) : "memory");
	}
	(void)arg;
}

/* A block that nothing refers to but a variable of the library. */
static void store(void *arg)
{
	void **global = dlsym(library, "global");

	*global = malloc(777);
	(void)arg;
}

static void *block;
static void allocate(void *arg)
{
	block = malloc(777);
	(void)arg;
}

/* What a tracer puts a probe on: before its frame is there, by which that of who calls it is left out. */
__attribute__((noinline)) void probed(void);
void probed(void)
{
	__asm__ volatile("" : : : "memory");
}

static volatile int calls;
static void trace(void *arg)
{
	probed();
	calls++;
	(void)arg;
}

static callback named(const char *name)
{
	static const struct {
		const char *name;
		callback f;
	} callbacks[] = {
		{ "leak", leak },   { "store", store }, { "allocate", allocate },
		{ "trace", trace }, { "spin", NULL }, /* that is entry()'s own */
	};

	for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
		if (!strcmp(name, callbacks[i].name))
			return callbacks[i].f;
	fail(name);
	return NULL;
}

/* ----------------------------------------------------------------- actions */

static void open_library(char **arg)
{
	library = dlopen(arg[1], RTLD_NOW);
	if (!library)
		fail(arg[1]);
}

static void open_in_namespace(char **arg)
{
	library = dlmopen(LM_ID_NEWLM, arg[1], RTLD_NOW);
	if (!library)
		fail(arg[1]);
}

static void close_library(char **arg)
{
	if (dlclose(library))
		fail(arg[0]);
}

static entry find_entry(void)
{
	entry f = (entry)dlsym(library, "entry");

	if (!f)
		fail("entry");
	return f;
}

static void *run(void *f)
{
	((entry)f)(stay, &inside);
	return NULL;
}

static void enter(char **arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, (void *)find_entry()))
		fail(arg[0]);
	sem_wait(&inside);
}

/* What was left on the stack by what came before. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char room[65536];

	memset((void *)room, 0, sizeof(room));
}

static void call(char **arg)
{
	find_entry()(named(arg[1]), NULL);
	wipe();
}

static void delete_file(char **arg)
{
	if (unlink(arg[1]))
		fail(arg[1]);
}

static void replace_file(char **arg)
{
	if (rename(arg[2], arg[1]))
		fail(arg[1]);
}

static void rewrite_file(char **arg)
{
	static char bytes[1 << 20];
	int from = open(arg[2], O_RDONLY), to = open(arg[1], O_WRONLY | O_TRUNC);
	ssize_t n = read(from, bytes, sizeof(bytes));

	if (n <= 0 || write(to, bytes, (size_t)n) != n)
		fail(arg[1]);
	close(from);
	close(to);
}

static void wait_for_input(char **arg)
{
	char line[16];

	puts("ready");
	fflush(stdout);
	do {
		if (!fgets(line, sizeof(line), stdin))
			exit(3);
		if (!strcmp(line, "poke\n"))
			probed();
	} while (!strcmp(line, "poke\n"));
	(void)arg;
}

static void use_after_free(char **arg)
{
	volatile char *stale = block;

	free(block);
	exit(stale[sizeof(arg)] == 42);
}

static void die(char **arg)
{
	(void)arg;
	abort();
}

static const struct {
	const char *name;
	int args; /* with the name itself */
	void (*act)(char **arg);
} actions[] = {
	{ "open", 2, open_library },
	{ "namespace", 2, open_in_namespace },
	{ "enter", 1, enter },
	{ "call", 2, call },
	{ "close", 1, close_library },
	{ "delete", 2, delete_file },
	{ "replace", 3, replace_file },
	{ "rewrite", 3, rewrite_file },
	{ "wait", 1, wait_for_input },
	{ "use-after-free", 1, use_after_free },
	{ "abort", 1, die },
};

static int act(char **arg, int left)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(*arg, actions[i].name) || actions[i].args > left)
			continue;
		actions[i].act(arg);
		return actions[i].args;
	}
	fail(*arg);
	return 0;
}

int main(int argc, char **argv)
{
	sem_init(&inside, 0, 0);
	for (int i = 1; i < argc;)
		i += act(argv + i, argc - i);
	return 0;
}
