/*
 * marks_library.c - two pages of data and a function. Tests make copies of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>

char library_data[8192] = { 1 };

uintptr_t library_answer(uintptr_t number)
{
	return number + (uintptr_t)library_data[0];
}
