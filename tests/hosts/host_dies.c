/*
 * host_dies.c - opens plugins and is killed in the middle of it, with the last one just opened.
 *
 * usage: host_dies PLUGIN...
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>

#include "host.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		open_path(argv[i], RTLD_NOW);
	raise(SIGKILL);
	return 0;
}
