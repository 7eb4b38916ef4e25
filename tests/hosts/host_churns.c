/*
 * host_churns.c - opens, uses and closes plugins in turns, many times, in one thread.
 *
 * usage: host_churns CYCLES PLUGIN...
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

int main(int argc, char **argv)
{
	unsigned long sum = 0, first = 0, n;

	check(argc > 2, "usage: host_churns CYCLES PLUGIN...");
	for (int i = 0; i < atoi(argv[1]); i++) {
		void *handle = open_path(argv[2 + i % (argc - 2)], RTLD_NOW);
		int (*value)(void) = (int (*)(void))(uintptr_t)dlsym(handle, "base_value");
		const void *anchor = symbol(handle, "anchor");

		n = value ? (unsigned long)value() : 1;
		/* base_value counts its calls, and the statics of what is kept live on. */
		if (i < argc - 2)
			first = n;
		else if (linger_keeps() && n > first)
			n = first;
		sum += n;
		id_at(anchor);
		close_handle(handle);
		check_gone(anchor);
	}
	check_maps();
	printf("%lu\n", sum);
	return 0;
}
