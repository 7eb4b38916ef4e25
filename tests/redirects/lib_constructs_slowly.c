/*
 * lib_constructs_slowly.c - a constructor that tells the program that it is running, and waits for it.
 * SPDX-License-Identifier: MIT
 */
extern void (*volatile construct_hook)(void);

__attribute__((constructor)) static void construct(void)
{
	construct_hook();
}
