/*
 * plug_forks.c - forks in its constructor and in its destructor: in the middle of a load and of an
 * unload, with the loader's lock held. The children open another plugin, plug_base.so beside this
 * one's copy, and end.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linger.h"

int base_value(void);
char anchor;
static int good;

int base_value(void)
{
	return good;
}

static void make_child(void)
{
	char path[4096];
	Dl_info here;
	int status;
	pid_t pid;

	if (!dladdr(&anchor, &here))
		return;
	snprintf(path, sizeof(path), "%.*s/base1.so",
		 (int)(strrchr(here.dli_fname, '/') - here.dli_fname), here.dli_fname);
	pid = fork();
	if (pid == 0) {
		struct linger_info info = { 0, 0, 0 };
		void *handle;
		int r;

		alarm(20);
		handle = dlopen(path, RTLD_NOW);
		r = handle ? linger_query(dlsym(handle, "anchor"), &info) : -1;
		_exit(handle && (r == -ENOSYS || (r == 0 && info.id)) && !dlclose(handle) ? 0 : 1);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && !status)
		good++;
}

static __attribute__((constructor)) void begin(void)
{
	make_child();
}

static __attribute__((destructor)) void end(void)
{
	make_child();
	if (good != 2 && write(2, "a child went wrong\n", 19) < 0)
		_exit(3);
}
