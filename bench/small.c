/*
 * small.c - a small library to open and close: one function, one variable, nothing needed but libc.
 *
 * bench/run builds it as the compiler's defaults have it, and once more in as few mappings as can
 * be, to be copied 10,000 times. Both have gcc's startup files, by which most libraries announce
 * themselves.
 * SPDX-License-Identifier: MIT
 */
int small_value = 42;
int small_function(void);

int small_function(void)
{
	return small_value;
}
