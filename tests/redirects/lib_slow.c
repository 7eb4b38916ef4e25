/*
 * lib_slow.c - an IFUNC whose resolver tells the program that it is running, and waits for it; with CALLS
 * the library whose lazy slot leads there.
 * SPDX-License-Identifier: MIT
 */
int t_slow(void);

#ifdef CALLS
static int call(void)
{
	return t_slow() + 0;
}

extern int (*const first_calls[])(void);
int (*const first_calls[])(void) = { call };
#else
extern void (*volatile slow_hook)(void);
void (*volatile slow_hook)(void);

static int chosen(void)
{
	return 1;
}

static int (*resolve(void))(void)
{
	if (slow_hook)
		slow_hook();
	return chosen;
}

int t_slow(void) __attribute__((ifunc("resolve")));
#endif
