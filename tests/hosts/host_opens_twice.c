/*
 * host_opens_twice.c - opens an object, asks about it, closes it; opens it again in a namespace.
 *
 * usage: host_opens_twice OBJECT SYMBOL
 * Lines that begin with "linger" are about linger; the others are the same with and without it.
 * SPDX-License-Identifier: MIT
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "linger.h"

static const char *known(const void *address)
{
	struct linger_info info;

	return linger_query(address, &info) == 0 && info.id ? "known" : "unknown";
}

static void *find(void *handle, const char *symbol)
{
	void *found = handle ? dlsym(handle, symbol) : NULL;

	if (!found) {
		printf("not found: %s\n", dlerror());
		exit(1);
	}
	return found;
}

int main(int argc, char **argv)
{
	const char *loaded, *closed, *inner;
	struct linger_info info;
	void *handle, *symbol;

	if (argc != 3)
		return 2;
	handle = dlopen(argv[1], RTLD_NOW);
	symbol = find(handle, argv[2]);
	loaded = known(symbol);
	printf("closed: %d\n", dlclose(handle));
	closed = known(symbol);
	handle = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
	inner = known(find(handle, argv[2]));
	printf("closed: %d\n", dlclose(handle));
	if (linger_query(main, &info) == -ENOSYS)
		puts("linger: absent");
	else
		printf("linger: main %s, loaded %s, closed %s, namespace %s\n", known(main), loaded,
		       closed, inner);
	return 0;
}
