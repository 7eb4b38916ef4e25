/*
 * rcu_library.c - what rcu_host.c calls and replaces. Tests make copies of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>

static uintptr_t generation;

void library_begin(uintptr_t number)
{
	generation = number;
}

/* Calls back in its middle: then the caller is inside. */
uintptr_t library_answer(uintptr_t number, void (*inside)(void))
{
	if (inside)
		inside();
	return number + generation;
}
