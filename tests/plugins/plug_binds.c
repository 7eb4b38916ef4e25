/*
 * plug_binds.c - binds two functions of the global scope, each when it is first called.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

int provides_one(void);
int provides_two(void);
int binds_one(void);
int binds_two(void);

int binds_one(void)
{
	return provides_one();
}

int binds_two(void)
{
	return provides_two();
}

static __attribute__((destructor)) void end(void)
{
	puts("destructor: binds");
}
