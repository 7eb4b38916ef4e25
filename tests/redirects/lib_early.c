/*
 * lib_early.c - an IFUNC whose resolver calls t_answer: before any constructor of what is bound to it.
 * SPDX-License-Identifier: MIT
 */
int t_answer(void);
int t_early(void);
extern int early_saw;

int early_saw;

static int early(void)
{
	return early_saw;
}

static int (*resolve(void))(void)
{
	early_saw = t_answer();
	return early;
}

int t_early(void) __attribute__((ifunc("resolve")));
