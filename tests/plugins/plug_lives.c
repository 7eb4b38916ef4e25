/*
 * plug_lives.c - says when its constructor and its destructor run, and does there what it is told in
 * CTOR and DTOR: open, close, self, fork, jump, stay (see below).
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const int anchor = 1;

/* The host's: what to open or close, and where to jump. */
extern const char *lives_path, *lives_self;
extern void *lives_handle;
extern sigjmp_buf lives_out;
extern int lives_stay;

static int lives;

int lives_count(void)
{
	return ++lives;
}

static void fork_and_use_the_loader(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		void *handle = dlopen(lives_path, RTLD_NOW);

		_exit(handle && dlclose(handle) == 0 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	printf(" child:%d", status);
}

static void act(const char *what)
{
	void *handle;

	if (!what)
		return;
	if (!strcmp(what, "open")) {
		handle = dlopen(lives_path, RTLD_NOW);
		printf(" opened:%s", handle ? "yes" : dlerror());
	} else if (!strcmp(what, "close")) {
		printf(" closed:%d", lives_handle ? dlclose(lives_handle) : -1);
		lives_handle = NULL;
	} else if (!strcmp(what, "self")) {
		handle = dlopen(lives_self, RTLD_NOW);
		printf(" self:%s", handle ? "found" : "none");
		if (handle)
			dlclose(handle);
	} else if (!strcmp(what, "fork")) {
		fork_and_use_the_loader();
	} else if (!strcmp(what, "jump")) {
		siglongjmp(lives_out, 1);
	} else if (!strcmp(what, "stay")) {
		lives_stay = 1;
		for (;;)
			pause();
	}
}

static __attribute__((constructor)) void begin(void)
{
	printf(" (ctor");
	act(getenv("CTOR"));
	printf(")");
}

static __attribute__((destructor)) void end(void)
{
	printf(" (dtor");
	act(getenv("DTOR"));
	printf(")");
	fflush(stdout);
}
