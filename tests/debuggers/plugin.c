/*
 * plugin.c - a library with the call chain by which debuggers and profilers are judged: an exported
 * function that calls a static one that calls a static one, which calls back. The exported name alone,
 * which is in .dynsym, rescues no more than one frame of three.
 *
 * Built with -DGEN=name, so that the chain says which library it is: leaf_NAME, mid_NAME, entry, in
 * NAME.c. -DPAD=1 moves everything, as another version of a library does. Without a callback the static
 * function itself is busy for 0.2 s of processor time. With -DTRACED constructor, destructor and
 * hurl() call the host's traced().
 * SPDX-License-Identifier: MIT
 */
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define LEAF JOIN(leaf_, GEN)
#define MID JOIN(mid_, GEN)

#include <stddef.h>
#include <time.h>

typedef void (*callback)(void *arg);

static volatile int calls; /* touched after each call: no call is a jump */
void *global;		   /* what only a library refers to */

#ifdef PAD
int padding(int x);
int padding(int x)
{
	for (int i = 0; i < 100; i++)
		calls += x * i;
	return calls * x;
}
#endif

void entry(callback f, void *arg);

#ifdef TRACED
void traced(const char *place); /* the host's */
__attribute__((constructor)) static void JOIN(begin_, GEN)(void)
{
	traced("constructor of " TEXT(GEN));
}
__attribute__((destructor)) static void JOIN(end_, GEN)(void)
{
	traced("destructor of " TEXT(GEN));
}

void hurl(void);
void hurl(void)
{
	traced("hurled");
	traced("throw");
	calls++;
}
#endif

/* clang-format off */
#line 1 TEXT(GEN.c)
__attribute__((noinline)) static void LEAF(callback f, void *arg)
{
	clock_t end = clock() + CLOCKS_PER_SEC / 5;

	if (f)
		f(arg);
	while (!f && clock() < end)
		for (int i = 0; i < 1000000; i++)
			calls++;
	calls++;
}

__attribute__((noinline)) static void MID(callback f, void *arg)
{
	LEAF(f, arg);
	calls++;
}

__attribute__((noinline)) void entry(callback f, void *arg)
{
	MID(f, arg);
	calls++;
}
