/*
 * copied_objects.cc - a program that has never heard of linger: it calls through its own copy of a vtable.
 * SPDX-License-Identifier: MIT
 */
#include <cstdio>

#include "copied.h"

int main()
{
	Copied *volatile object = new Copied;

	std::printf("answer %d\n", object->answer(1));
	return 0;
}
