/*
 * lib_replacer.c - replacements, some of which call what they replace: by its name, or by the pointer
 * that linger keeps up to date.
 * SPDX-License-Identifier: MIT
 */
#include "redirects.h"

int t_answer(void);
int t_chosen(void);

int r_answer(void);
int r_chosen(void);
int r_second(void);
int r_by_name(void);
int r_by_word(void);
int r_chosen_by_name(void);
void *r_find(void *handle, const char *name, const char *version);

int r_answer(void)
{
	return 100;
}

int r_chosen(void)
{
	return 300;
}

int r_second(void)
{
	return 200;
}

/* Its own bindings stay: it must not call itself. */
int r_by_name(void)
{
	return t_answer() + 1000;
}

static function *volatile word = t_answer;

int r_by_word(void)
{
	return word() + 2000;
}

int r_chosen_by_name(void)
{
	return t_chosen() + 3000;
}

void *r_find(void *handle, const char *name, const char *version)
{
	void *found = version ? dlvsym(handle, name, version) : dlsym(handle, name);

	__asm__ volatile("" ::: "memory");
	return found;
}

/* A chain's members: each adds its own power of ten to what it replaces. */
extern void *r_previous[10];
void *r_previous[10];
#define MEMBER(n)                                                                                  \
	int r_member##n(void);                                                                     \
	int r_member##n(void)                                                                      \
	{                                                                                          \
		return 1 << (n + 4) | ((function *)(uintptr_t)r_previous[n])();                    \
	}
MEMBER(0)
MEMBER(1)
MEMBER(2)
MEMBER(3)
MEMBER(4)
MEMBER(5)
MEMBER(6)
MEMBER(7)
MEMBER(8)
MEMBER(9)
