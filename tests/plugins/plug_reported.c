/*
 * plug_reported.c - a library for hosts: a function, one that blocks, a variable that points into it, and
 * a library that it needs.
 * SPDX-License-Identifier: MIT
 */
#include <unistd.h>

extern const int anchor; /* plug_base.so's */

int answer(void)
{
	return 42 + 0 * anchor;
}

/* Waits for a byte, here. */
int wait_here(int fd)
{
	char byte;

	return (int)read(fd, &byte, 1) + 1;
}

int (*hidden)(void) = answer;
