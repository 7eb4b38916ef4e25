/*
 * host_is_quiet.c - opens, uses and closes plugins and says how it went in its status alone, so that
 * it can run where there is nothing to read, to write to, or to stand on. Ends with status 42, or 43
 * when linger is in there and switched on.
 *
 * usage: host_is_quiet CYCLES PLUGIN...
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

int main(int argc, char **argv)
{
	for (int i = 0; i < atoi(argv[1]); i++) {
		void *handle = dlopen(argv[2 + i % (argc - 2)], RTLD_NOW);
		const void *anchor = handle ? dlsym(handle, "anchor") : NULL;

		if (!anchor)
			return 1;
		id_at(anchor);
		if (dlclose(handle))
			return 2;
		check_gone(anchor);
	}
	return linger_is_here() ? 43 : 42;
}
