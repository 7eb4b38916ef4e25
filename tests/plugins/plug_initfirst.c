/*
 * plug_initfirst.c - linked with -z initfirst: as a preload behind linger, or as a library that the
 * program needs, its constructor is the first of all, before linger's (the loader lets only one
 * object have that place, the last that asks for it).
 *
 * It opens the plugin that the environment variable EARLY names, asks linger about it, and closes
 * it. getenv does not work yet; constructors are handed the environment.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "linger.h"

int initfirst_ran;

static void say(const char *s)
{
	if (write(1, s, strlen(s)) < 0)
		_exit(3);
}

static __attribute__((constructor)) void begin(int argc, char **argv, char **envp)
{
	struct linger_info info = { 0, 0, 0 };
	const char *path = NULL;
	void *handle, *anchor;
	int r;

	(void)argc;
	(void)argv;
	for (; *envp; envp++)
		if (!strncmp(*envp, "EARLY=", 6))
			path = *envp + 6;
	if (!path)
		return;
	handle = dlopen(path, RTLD_NOW);
	anchor = handle ? dlsym(handle, "anchor") : NULL;
	if (!anchor) {
		say(dlerror());
		_exit(3);
	}
	r = linger_query(anchor, &info);
	if (r != -ENOSYS && (r || info.state != LINGER_LIVE || !info.id || info.startup)) {
		say("linger does not know what was opened\n");
		_exit(3);
	}
	if (dlclose(handle) || linger_query(anchor, &info) == 0) {
		say("linger still knows what was closed\n");
		_exit(3);
	}
	say("opened before everything\n");
	initfirst_ran = 1;
}
