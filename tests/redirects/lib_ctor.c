/*
 * lib_ctor.c - redirects in its constructor, and restores in its destructor: inside dlopen and dlclose.
 * SPDX-License-Identifier: MIT
 */
#include "redirects.h"

extern linger_redirect *constructor_made;
linger_redirect *constructor_made;

__attribute__((constructor)) static void construct(void)
{
	constructor_made = redirect_to("t_answer", function_of(RTLD_DEFAULT, "r_answer"));
}

__attribute__((destructor)) static void destruct(void)
{
	restore(constructor_made);
}
