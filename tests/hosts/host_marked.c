/*
 * host_marked.c - marks the beginning of main with a system call that nobody else makes, opens and
 * closes a plugin twice, says so.
 *
 * usage: host_marked PLUGIN
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	void *plugin = NULL;

	syscall(SYS_getpgid, 4711); /* the mark */
	for (int i = 0; i < 2; i++) {
		plugin = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
		printf("opened: %s\n", plugin ? "yes" : dlerror());
		printf("closed: %d\n", plugin ? dlclose(plugin) : -1);
	}
	return plugin ? 0 : 1;
}
