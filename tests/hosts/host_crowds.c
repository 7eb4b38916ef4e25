/*
 * host_crowds.c - makes as many mappings as it is told, then opens and closes each library once.
 *
 * usage: host_crowds MAPPINGS LIBRARY...
 * SPDX-License-Identifier: MIT
 */
#include <sys/mman.h>

#include "host.h"

int main(int argc, char **argv)
{
	size_t mappings = argc > 1 ? (size_t)atol(argv[1]) : 0;
	char *pages = mmap(NULL, (mappings + 1) * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0);

	check(argc > 2 && pages != MAP_FAILED, "usage: host_crowds MAPPINGS LIBRARY...");
	/* Neighbours of the same protection would be one mapping. */
	for (size_t i = 0; i < mappings; i += 2)
		check(mprotect(pages + i * 4096, 4096, PROT_NONE) == 0, "mprotect: %s",
		      strerror(errno));
	for (int i = 2; i < argc; i++)
		close_handle(open_path(argv[i], RTLD_NOW));
	puts("done");
	return 0;
}
