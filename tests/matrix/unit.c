/*
 * unit.c - what nearly every small library of the behaviour matrix is made of.
 *
 * TAG names the library. Its constructor and destructor say so (+TAG, -TAG), straight to file
 * descriptor 1, so that their order among the caller's own words is the order of events.
 * QUIET leaves both out, for cases about searches alone. build.sh appends more code to some.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(70);
}

void who(void);
void count(void);

#ifndef QUIET
__attribute__((constructor)) static void up(void)
{
	say(" +" TAG);
}

__attribute__((destructor)) static void down(void)
{
	say(" -" TAG);
}
#endif

void who(void)
{
	say(" " TAG);
}

/* Statics are fresh in a new instance: the second call in one instance says 2. */
void count(void)
{
	static int calls;
	char text[] = " calls=0";

	text[7] = (char)('0' + ++calls % 10);
	say(text);
}
