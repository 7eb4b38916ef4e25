/*
 * lib_constructs.c - calls t_answer in its constructor.
 * SPDX-License-Identifier: MIT
 */
int t_answer(void);
extern int constructed_early;

int constructed_early;

__attribute__((constructor)) static void construct(void)
{
	constructed_early = t_answer();
}
