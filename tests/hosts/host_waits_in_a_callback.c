/*
 * host_waits_in_a_callback.c - a dl_iterate_phdr callback, which runs with the loader's list locked,
 * does what plain glibc allows there: waits for another thread's dl calls, makes its own, forks.
 *
 * usage: host_waits_in_a_callback PLUGIN
 * SPDX-License-Identifier: MIT
 */
#include <link.h>
#include <pthread.h>
#include <sys/wait.h>

#include "host.h"

static const char *path;
static void *held;

/* Calls that load and unload nothing: without linger they do not need the list. */
static void *call(void *arg)
{
	for (int i = 0; i < 100; i++) {
		void *handle = open_path(path, RTLD_NOW);

		id_at(symbol(handle, "anchor"));
		close_handle(handle);
	}
	return arg;
}

static int callback(struct dl_phdr_info *info, size_t size, void *arg)
{
	pthread_t thread;
	int status;
	pid_t pid;

	(void)info;
	(void)size;
	(void)arg;
	pthread_create(&thread, NULL, call, NULL);
	pthread_join(thread, NULL);
	puts("another thread called");
	call(NULL);
	puts("the callback called");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		call(NULL);
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && !status, "the child ended with status %x",
	      (unsigned)status);
	puts("the callback forked");
	return 1;
}

int main(int argc, char **argv)
{
	check(argc == 2, "usage: host_waits_in_a_callback PLUGIN");
	path = argv[1];
	held = open_path(path, RTLD_NOW);
	alarm(30);
	check(dl_iterate_phdr(callback, NULL) == 1, "dl_iterate_phdr");
	close_handle(held);
	held = open_path(path, RTLD_NOW);
	check_maps();
	close_handle(held);
	return 0;
}
