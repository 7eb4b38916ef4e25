/*
 * host_generations.c - opens and closes one plugin again and again, and watches what is used again:
 * the addresses, but never the id; and what grows: nothing.
 *
 * usage: host_generations CYCLES PLUGIN
 * SPDX-License-Identifier: MIT
 */
#include <link.h>

#include "host.h"

/* Private, written memory of the process in KiB; the log's pages are shared. */
static long private_kib(void)
{
	char line[256];
	long kib = -1;
	FILE *status = fopen("/proc/self/status", "r");

	check(status, "/proc/self/status: %s", strerror(errno));
	while (fgets(line, sizeof(line), status))
		sscanf(line, "RssAnon: %ld", &kib);
	fclose(status);
	check(kib >= 0, "no RssAnon");
	return kib;
}

int main(int argc, char **argv)
{
	int cycles = argc == 3 ? atoi(argv[1]) : 0, same_map = 0, same_range = 0;
	const void *last_map = NULL, *last_anchor = NULL;
	uint64_t last_id = 0;
	long early = 0, late;

	check(cycles > 100, "usage: host_generations CYCLES PLUGIN");
	for (int i = 0; i < cycles; i++) {
		void *handle = open_path(argv[2], RTLD_NOW);
		const void *anchor = symbol(handle, "anchor");
		uint64_t id = id_at(anchor);

		same_map += handle == last_map;
		same_range += anchor == last_anchor;
		check_life(id, last_id);
		last_map = handle;
		last_anchor = anchor;
		last_id = id;
		close_handle(handle);
		check_gone(anchor);
		if (i == 100)
			early = private_kib();
	}
	late = private_kib();
	/* Otherwise this shows nothing. */
	check(same_map && same_range, "link map reused %d times, range %d times", same_map,
	      same_range);
	check(late - early <= 64, "%ld KiB after 100 cycles, %ld KiB after %d", early, late,
	      cycles);
	puts("done");
	return 0;
}
