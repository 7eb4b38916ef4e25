/*
 * host_shows.c - opens plugins and holds still, so that a test can look at it from outside.
 *
 * usage: host_shows [N*]PLUGIN...     N: how many handles of it to hold, one unless given
 * Prints "ready" when all are open, and ends when standard input does.
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

int main(int argc, char **argv)
{
	char byte;

	for (int i = 1; i < argc; i++) {
		int n = argv[i][0] >= '1' && argv[i][0] <= '9' ? argv[i][0] - '0' : 0;

		for (int k = 0; k < (n ? n : 1); k++)
			open_path(argv[i] + (n ? 2 : 0), RTLD_LAZY);
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
