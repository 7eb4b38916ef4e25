/*
 * plug_frees.c - frees for others.
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

void release(void *p)
{
	free(p);
}
