/*
 * plug_allocates.c - allocates in its constructor, frees some of it in its destructor, and prints a
 * sum of what was in there.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

int base_value(void);
char anchor;
static char *blocks[64];

int base_value(void)
{
	int sum = 0;

	for (int i = 0; i < 64; i++)
		sum += blocks[i] ? blocks[i][i] : 1000;
	return sum;
}

static __attribute__((constructor)) void begin(void)
{
	for (int i = 0; i < 64; i++) {
		blocks[i] = malloc((size_t)64 << i % 8);
		if (blocks[i])
			memset(blocks[i], i, 64);
		free(malloc(100000));
	}
}

static __attribute__((destructor)) void end(void)
{
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
}
