/*
 * lib_copied.cc - a class whose vtable a program copies; REPLACES: what its function is redirected to.
 * SPDX-License-Identifier: MIT
 */
#include "copied.h"

#ifdef REPLACES
extern "C" int r_answer(Copied *, int n)
{
	return 100 + n;
}
#else
int Copied::answer(int n)
{
	return n;
}
#endif
