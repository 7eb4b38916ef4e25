/*
 * ends.c - a library that ends what another one began, for programs that have no words for that themselves: its
 * constructor does what the environment asks for, so that to open it is enough. It says so on standard output.
 *
 * ENDS=signal		SIGUSR1 has its default action again
 * ENDS=keys KEYS_OF=X	names the keys of thread-specific data whose destructor lies in a file with X in its name
 * ENDS=delete KEYS_OF=X	deletes them
 * ENDS=callable		says whether R knows the function that data.table registers for other packages
 * ENDS=forget			registers none in its place
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's own table: nothing else tells whose a key is. An odd seq: in use. */
struct key {
	uintptr_t seq;
	void (*destructor)(void *);
};

static void say(const char *what)
{
	if (write(1, what, strlen(what)) < 0)
		abort();
}

/* glibc knows the library by what it is called; linger may have mapped it from a copy: no dladdr. */
static int lies_in(uintptr_t address, const char *file)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096 + 128];
	unsigned long lo, hi;
	int found = 0;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &lo, &hi) == 2 && address >= lo && address < hi)
			found = strstr(line, file) != NULL;
	if (maps)
		fclose(maps);
	return found;
}

static void keys(const char *file, int delete)
{
	const struct key *all = dlsym(RTLD_DEFAULT, "__pthread_keys");
	int n = 0;

	for (unsigned k = 0; all && k < PTHREAD_KEYS_MAX; k++) {
		if (!(all[k].seq & 1) || !all[k].destructor ||
		    !lies_in((uintptr_t)all[k].destructor, file))
			continue;
		n++;
		if (delete) {
			pthread_setspecific(
				k, NULL); /* deleting leaves each thread's value where it is */
			pthread_key_delete(k);
		}
	}
	say(!n ? "no key\n" : delete ? "its key is deleted\n" : "its key exists\n");
}

static void callable(int forget)
{
	void *(*get)(const char *, const char *) = dlsym(RTLD_DEFAULT, "R_GetCCallable");
	void (*set)(const char *, const char *, void *) = dlsym(RTLD_DEFAULT,
								"R_RegisterCCallable");

	if (!get || !set)
		return;
	if (forget)
		set("data.table", "CsubsetDT", NULL);
	say(get("data.table", "CsubsetDT") ? "its function is registered\n"
					   : "its function is forgotten\n");
}

static void __attribute__((constructor)) do_it(void)
{
	const char *what = getenv("ENDS"), *of = getenv("KEYS_OF");

	if (what && !strcmp(what, "signal") && signal(SIGUSR1, SIG_DFL) != SIG_ERR)
		say("the handler is removed\n");
	if (what && of && (!strcmp(what, "keys") || !strcmp(what, "delete")))
		keys(of, *what == 'd');
	if (what && (!strcmp(what, "callable") || !strcmp(what, "forget")))
		callable(*what == 'f');
}
