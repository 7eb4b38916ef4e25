/*
 * host_binds.c - opens plug_provides.so for all and plug_binds.so, which binds one function of it; closes the
 * first, which glibc leaves where it is, and in the global scope, because of the binding; lets the
 * second bind another function; closes that, too.
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

/* Calls nothing that stays behind in a register. */
static __attribute__((noinline)) int call(void *handle, const char *name)
{
	return ((int (*)(void))symbol(handle, name))();
}

/* Not by RTLD_DEFAULT: what the program itself found so, glibc would never unload. */
static __attribute__((noinline)) const char *found(const char *name)
{
	static void *all;

	if (!all)
		all = open_path(NULL, RTLD_NOW);
	return dlsym(all, name) ? "there" : "not there";
}

int main(void)
{
	void *provides, *binds;

	setvbuf(stdout, NULL, _IOLBF, 0);
	provides = open_path(plugin("provides"), RTLD_NOW | RTLD_GLOBAL);
	binds = open_path(plugin("binds"), RTLD_LAZY);
	printf("one: %d\n", call(binds, "binds_one"));
	close_handle(provides);
	printf("closed: provides_two is %s\n", found("provides_two"));
	printf("two: %d\n", call(binds, "binds_two"));
	close_handle(binds);
	printf("both closed: provides_two is %s\n", found("provides_two"));
	return 0;
}
