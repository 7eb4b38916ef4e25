/*
 * lib_second.c - a definition in a library that comes and goes.
 * SPDX-License-Identifier: MIT
 */
#ifndef SECOND
#define SECOND 2
#endif

int t_second(void);

int t_second(void)
{
	return SECOND;
}
