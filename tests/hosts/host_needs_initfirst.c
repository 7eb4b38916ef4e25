/*
 * host_needs_initfirst.c - a program with plug_initfirst.so among its libraries: that one's
 * constructor runs before linger's. Afterwards all has to be in order; then it runs its arguments as
 * a command, so that a test can see what a child is given.
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

extern int initfirst_ran;

int main(int argc, char **argv)
{
	struct linger_info info;

	check(initfirst_ran, "the constructor of plug_initfirst.so did not run");
	check_maps();
	if (linger_is_here())
		check(linger_query(&initfirst_ran, &info) == 0 && info.startup,
		      "not there at start");
	puts("main");
	fflush(stdout);
	if (argc > 1)
		execvp(argv[1], argv + 1);
	return argc > 1;
}
