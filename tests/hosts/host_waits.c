/*
 * host_waits.c - opens and closes what it is told on standard input, and says when it has: so that
 * others can look at it in between.
 *
 * usage: host_waits     Lines: `open PATH`, `global PATH`, `close` (what was opened last). Answers: a line each.
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

int main(void)
{
	static void *handles[64];
	char line[4096];
	int n = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		char *path = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (path)
			*path++ = '\0';
		if (!strcmp(line, "close"))
			close_handle(handles[--n]);
		else
			handles[n++] = open_path(path,
						 *line == 'g' ? RTLD_NOW | RTLD_GLOBAL : RTLD_NOW);
		puts("done");
	}
	return 0;
}
