/*
 * lib_inside.c - a function that is called three times from inside its own library, and once from
 * another: built with -Bsymbolic, with PROTECTED, or with HIDDEN_ALIAS the linker binds the three. PROTECTED
 * gives it a second name, too. A fourth call, in a static function that nobody calls but another static one, is bound, too, with STATIC.
 * SPDX-License-Identifier: MIT
 */
#ifdef PROTECTED
#define HOW __attribute__((noinline, visibility("protected")))
#else
#define HOW __attribute__((noinline))
#endif

int t_inside(void);
int call_inside(void);

unsigned char t_fill[64] = { [0 ... 31] = 0x90 }; /* data that looks like nops */

HOW int t_inside(void)
{
	static volatile int value = 5; /* no pure function: each call is made */

	return value;
}

#ifdef PROTECTED
int t_second_name(void) __attribute__((alias("t_inside"), visibility("protected")));
#endif
#ifdef HIDDEN_ALIAS
int hidden_inside(void) __attribute__((alias("t_inside"), visibility("hidden")));
#define t_inside hidden_inside
#endif

__attribute__((noinline)) static int twice(void)
{
	return t_inside() + t_inside();
}

int call_inside(void)
{
	return twice() + t_inside();
}
