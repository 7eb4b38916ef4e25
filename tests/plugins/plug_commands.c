/*
 * plug_commands.c - what getppid() is redirected to from outside. Its constructor allocates, as many do.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

int replaced_getppid(void);
int replaced_getppid(void)
{
	return 4242;
}

static __attribute__((constructor)) void allocate(void)
{
	for (size_t n = 16; n < 10000000; n *= 3) {
		char *p = malloc(n);

		if (p)
			memset(p, 1, n < 10000 ? n : 10000);
		free(p);
	}
}
