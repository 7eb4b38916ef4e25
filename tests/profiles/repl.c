/*
 * repl.c - runs what it reads: each line is the body of a C function, which is compiled into a library, loaded,
 * deleted, and called for a while. What many interactive systems do with the code that they make.
 *
 * usage: repl SECONDS	(for each line)		environment: CC
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int compile_and_run(int n, const char *body, double seconds)
{
	const char *cc = getenv("CC");
	char command[256], name[64];
	long (*function)(long);
	volatile long sum = 0;
	void *handle;
	FILE *out;
	clock_t end;

	snprintf(name, sizeof(name), "./repl-line-%d.so", n);
	snprintf(command, sizeof(command), "%s -O1 -g -shared -fPIC -x c -o %s -", cc ? cc : "cc",
		 name);
	out = popen(command, "w");
	if (!out)
		return -1;
	fprintf(out,
		"static __attribute__((noinline)) long line_%d(long n) { %s }\nlong call(long n) { "
		"return line_%d(n) + 1; }\n",
		n, body, n);
	if (pclose(out) != 0)
		return -1;
	handle = dlopen(name, RTLD_NOW);
	unlink(name);
	if (!handle)
		return -1;
	*(void **)&function = dlsym(handle, "call");
	end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);
	while (clock() < end)
		sum += function(100000);
	return 0;
}

int main(int argc, char **argv)
{
	char line[1024];

	for (int n = 1; fgets(line, sizeof(line), stdin); n++)
		if (compile_and_run(n, line, argc > 1 ? atof(argv[1]) : 0.1) < 0)
			return 1;
	return 0;
}
