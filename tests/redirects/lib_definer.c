/*
 * lib_definer.c - the definitions that get replaced. All names that redirects are about begin with t_.
 * SPDX-License-Identifier: MIT
 */
#ifndef ANSWER
#define ANSWER 1
#endif

int t_answer(void);
int t_other(void);
int t_third(void);
int t_taken(void);
int t_chosen(void);
extern int t_data, t_same_data;
extern __thread int t_thread;

int t_data = 7;
extern int t_same_data __attribute__((alias("t_data")));
__thread int t_thread = 8;

int t_answer(void)
{
	return ANSWER;
}

int t_other(void)
{
	return 10;
}

int t_third(void)
{
	return 30;
}

int t_taken(void)
{
	return 60;
}

static int chosen(void)
{
	return 3;
}

static int (*choose(void))(void)
{
	return chosen;
}

int t_chosen(void) __attribute__((ifunc("choose")));
