/*
 * lib_uses_early.c - bound to an IFUNC of lib_early.c by a word, which no linker leaves for later.
 * SPDX-License-Identifier: MIT
 */
int t_early(void);
extern int (*volatile uses_early)(void);

int (*volatile uses_early)(void) = t_early;
