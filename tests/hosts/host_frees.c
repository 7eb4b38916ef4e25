/*
 * host_frees.c - frees memory, and looks at what is left in it: directly, and through a plugin.
 *
 * usage: host_frees. Prints "left" or "clear" for each.
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

#define SIZE 200
#define AT 100 /* beyond what malloc itself writes there */

static void look(const char *how, void (*release)(void *))
{
	/* Read after it was freed, which is what this is about: behind the compiler's back. */
	unsigned char *volatile p = malloc(SIZE);
	unsigned char *volatile again;

	check(p, "no memory");
	memset(p, 0x5a, SIZE);
	again = p;
	release(p);
	printf("%s: %s\n", how, ((volatile unsigned char *)again)[AT] ? "left" : "clear");
}

static void release_directly(void *p)
{
	free(p);
}

int main(void)
{
	void *handle;
	void (*release)(void *);

	look("directly", release_directly);
	handle = open_path(plugin("frees"), RTLD_LAZY);
	release = (void (*)(void *))dlsym(handle, "release");
	check(release, "dlsym: %s", dlerror());
	look("in a plugin", release);
	free(NULL);
	close_handle(handle);
	return 0;
}
