/*
 * lib_table.c - a table of functions that a program copies. ELSEWHERE: the first is another library's.
 * SPDX-License-Identifier: MIT
 */
#include "copied.h"

#ifdef ELSEWHERE
int t_apart(void);
#define t_answer t_apart
#else
int t_answer(void)
{
	return 1;
}
#endif

int t_other(void)
{
	return 10;
}

const struct table t_table = { 7, t_answer, t_other };
