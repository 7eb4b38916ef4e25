/*
 * plug_provides.c - two functions for plug_binds.so, which does not name it in DT_NEEDED.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

int provides_one(void);
int provides_two(void);

int provides_one(void)
{
	return 1;
}

int provides_two(void)
{
	return 2;
}

static __attribute__((destructor)) void end(void)
{
	puts("destructor: provides");
}
