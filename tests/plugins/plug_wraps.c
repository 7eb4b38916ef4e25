/*
 * plug_wraps.c - a preload of somebody else: wraps dlopen and dlclose in C, passes the calls on to
 * the next, and says how many there were. (So it becomes the caller of dlopen: tools do that.)
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <stdio.h>

static void *(*next_open)(const char *, int);
static int (*next_close)(void *);
static int opens, closes;

void *dlopen(const char *path, int mode)
{
	if (!next_open)
		next_open = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
	opens++;
	return next_open(path, mode);
}

int dlclose(void *handle)
{
	if (!next_close)
		next_close = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
	closes++;
	return next_close(handle);
}

static __attribute__((destructor)) void end(void)
{
	printf("wrapped: %d opens, %d closes\n", opens, closes);
	fflush(stdout);
}
