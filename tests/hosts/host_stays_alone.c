/*
 * host_stays_alone.c - a program with one thread, which counts on that: after a few opens and closes
 * it has one task, and unshare(CLONE_NEWUSER), which needs that, works.
 *
 * usage: host_stays_alone PLUGIN
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <sched.h>

#include "host.h"

static int tasks(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int n = 0;

	check(dir, "/proc/self/task: %s", strerror(errno));
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	check(argc == 2, "usage: host_stays_alone PLUGIN");
	printf("%d\n", tasks());
	for (int i = 0; i < 50; i++)
		close_handle(open_path(argv[1], RTLD_NOW));
	printf("%d\n", tasks());
	printf("unshare: %s\n", unshare(CLONE_NEWUSER) ? strerror(errno) : "done");
	close_handle(open_path(argv[1], RTLD_NOW));
	printf("%d\n", tasks());
	return 0;
}
