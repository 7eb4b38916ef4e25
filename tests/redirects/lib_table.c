/*
 * lib_table.c - a table of functions that a program copies.
 * SPDX-License-Identifier: MIT
 */
#include "copied.h"

int t_answer(void)
{
	return 1;
}

int t_other(void)
{
	return 10;
}

const struct table t_table = { 7, t_answer, t_other };
