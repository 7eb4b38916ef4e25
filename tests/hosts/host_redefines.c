/*
 * host_redefines.c - a REPL that emits C: each definition is compiled to a library and opened with
 * RTLD_GLOBAL; then everybody who calls the function is asked which definition he gets.
 *
 * usage: host_redefines stack|turns FOLDER N [global:LIBRARY | local:LIBRARY]... -- COMPILER [FLAG]...
 *
 * First generation 0 is made, then the libraries are opened; those that define ask and pointer are asked, too.
 *	stack	N generations are opened, and all stay; then the newer half is closed, the newest first, and
 *		the older half in an order without order
 *	turns	N generations, each of which replaces the one before, which is closed
 * Prints after how many steps all got the newest definition that is open, and of turns how many mappings
 * there were: at most, and on the average.
 * SPDX-License-Identifier: MIT
 */
#include <spawn.h>
#include <sys/wait.h>

#include "host.h"

#define GENERATIONS_MAX 2048

struct caller {
	void *handle; /* NULL: closed */
	int (*ask)(void);
	int (**pointer)(void); /* a word of its data, filled in by the loader */
};

static struct caller generations[GENERATIONS_MAX], others[16];
static size_t made, other_count;
static const char *folder;
static char **compiler;
extern char **environ;

/* As the loader would find it, but in the one object: newer definitions are not asked for. */
static bool find(void *handle, const char *ask, const char *pointer, struct caller *ret)
{
	ret->handle = handle;
	ret->ask = (int (*)(void))(uintptr_t)dlsym(handle, ask);
	ret->pointer = (int (**)(void))dlsym(handle, pointer);
	return ret->ask && ret->pointer;
}

/* ---------------------------------------------------------------------------------- generations */

static void compile(const char *source, const char *library)
{
	char *argv[64];
	size_t n = 0;
	int status;
	pid_t pid;

	for (; compiler[n] && n < 56; n++)
		argv[n] = compiler[n];
	argv[n++] = (char[]){ "-shared" };
	argv[n++] = (char[]){ "-fPIC" };
	argv[n++] = (char[]){ "-o" };
	argv[n++] = strdup(library);
	argv[n++] = strdup(source);
	argv[n] = NULL;
	check(posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0, "no %s", argv[0]);
	check(waitpid(pid, &status, 0) == pid && status == 0, "%s fails", argv[0]);
	free(argv[n - 1]);
	free(argv[n - 2]);
}

/* Generation 0 is what the program begins with, and stays. */
static void define_next(void)
{
	char source[4096], library[4096], ask[32], pointer[32];
	size_t g = made++;
	FILE *to;

	check(g < GENERATIONS_MAX, "too many generations");
	snprintf(source, sizeof(source), "%s/generation%zu.c", folder, g);
	snprintf(library, sizeof(library), "%s/generation%zu.so", folder, g);
	snprintf(ask, sizeof(ask), "ask_%zu", g);
	snprintf(pointer, sizeof(pointer), "pointer_%zu", g);
	to = fopen(source, "w");
	check(to, "%s: %s", source, strerror(errno));
	fprintf(to,
		"int answer(void) { return %zu; }\n"
		"int %s(void) { return answer(); }\n"
		"int (*%s)(void) = answer;\n",
		g, ask, pointer);
	check(fclose(to) == 0, "%s: %s", source, strerror(errno));
	compile(source, library);
	check(find(open_path(library, RTLD_NOW | RTLD_GLOBAL), ask, pointer, &generations[g]),
	      "%s defines too little", library);
	unlink(source);
	unlink(library);
}

/* Nothing here leads into it any more. */
static void undefine(size_t g)
{
	void *handle = generations[g].handle;

	memset(&generations[g], 0, sizeof(generations[g]));
	check(dlclose(handle) == 0, "dlclose: %s", dlerror());
}

static size_t newest(void)
{
	size_t g = made;

	while (!generations[--g].handle) {
	}
	return g;
}

static bool agrees(const struct caller *c, int wanted)
{
	return c->ask() == wanted && (*c->pointer)() == wanted;
}

/* Does everybody get the newest definition? */
static bool all_agree(void)
{
	int wanted = (int)newest();
	int (*found)(void) = (int (*)(void))(uintptr_t)dlsym(RTLD_DEFAULT, "answer");

	for (size_t i = 0; i < made; i++)
		if (generations[i].handle && !agrees(&generations[i], wanted))
			return false;
	for (size_t i = 0; i < other_count; i++)
		if (!agrees(&others[i], wanted))
			return false;
	return found && found() == wanted;
}

/* --------------------------------------------------------------------------------------- phases */

static void open_others(char **argv)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++) {
		bool global = strncmp(*argv, "global:", 7) == 0;
		const char *path = strchr(*argv, ':');

		check(path && other_count < 16, "%s: what?", *argv);
		if (find(open_path(path + 1, RTLD_LAZY | (global ? RTLD_GLOBAL : RTLD_LOCAL)),
			 "ask", "pointer", &others[other_count]))
			other_count++;
	}
}

static void open_all(size_t n)
{
	size_t right = 0;

	for (size_t i = 0; i < n; i++) {
		define_next();
		right += all_agree();
	}
	printf("opened: %zu of %zu\n", right, n);
}

static void close_all(size_t n)
{
	size_t right = 0, closed = 0, g = n;

	for (; closed < n / 2; closed++) {
		undefine(newest());
		right += all_agree();
	}
	for (; closed < n; closed++) {
		g = g * 7 + 5;
		while (!generations[g % n + 1].handle)
			g++;
		undefine(g % n + 1);
		right += all_agree();
	}
	printf("closed: %zu of %zu\n", right, n);
}

static long mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	long n = 0;
	int c;

	check(maps, "no maps");
	while ((c = getc(maps)) != EOF)
		n += c == '\n';
	fclose(maps);
	return n;
}

static void take_turns(size_t n)
{
	long most = 0, all = 0;
	size_t right = 0;

	for (size_t i = 0; i < n; i++) {
		size_t before = newest();
		long now;

		define_next();
		if (before)
			undefine(before);
		right += all_agree();
		now = mappings();
		most = now > most ? now : most;
		all += now;
	}
	undefine(newest());
	printf("turns: %zu of %zu\nback: %d\n", right, n, all_agree());
	printf("most=%ld maps=%ld\n", most, all / (long)n);
}

int main(int argc, char **argv)
{
	size_t n = argc > 3 ? (size_t)atol(argv[3]) : 0;

	check(argc > 5 && n > 0,
	      "usage: host_redefines stack|turns FOLDER N FILES... -- COMPILER...");
	folder = argv[2];
	for (compiler = argv + 4; *compiler && strcmp(*compiler, "--") != 0;)
		compiler++;
	check(*compiler++ && *compiler, "no compiler");
	define_next();
	open_others(argv + 4);
	printf("%zu others\n", other_count);
	if (strcmp(argv[1], "turns") == 0) {
		take_turns(n);
	} else {
		open_all(n);
		close_all(n);
	}
	return 0;
}
