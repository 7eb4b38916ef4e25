/*
 * lib_late.c - a library bound to t_second, which somebody may define.
 * SPDX-License-Identifier: MIT
 */
int t_second(void);

static int call(void)
{
	return t_second() + 0;
}

static int by_got(void)
{
	int (*volatile f)(void) = t_second;

	return f();
}

static int (*word)(void) = t_second;

struct late {
	int constructed;
	int (*call)(void), (*by_got)(void), (**word)(void);
};
extern struct late late_api;
struct late late_api = { 0, call, by_got, &word };

__attribute__((constructor)) static void construct(void)
{
	late_api.constructed = t_second();
}
