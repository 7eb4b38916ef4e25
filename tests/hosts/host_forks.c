/*
 * host_forks.c - forks in many ways while other threads open and close plugins.
 *
 * usage: host_forks HOW COUNT PLUGIN...     HOW: exit | open | vfork | spawn | _fork | clone
 * COUNT children are made; each has to end with status 0. What they do: exit: nothing but exit(3);
 * open: open and close the first plugin, then exit(3); vfork, spawn: exec true(1); _fork, clone (of a
 * process with one thread): as open.
 * Other threads open and close the other plugins all the while, as many threads as there are other
 * plugins. They are held open, so that nothing is ever loaded or unloaded there: else children of
 * plain glibc get stuck or end in an assertion, too (2.36: __exit_funcs_lock, r_state).
 * A child that does not end is killed after 20 s: then a lock was left behind in it.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "host.h"

extern char **environ;
static _Atomic bool over;
static _Atomic unsigned long opened;

static void *work(void *path)
{
	while (!atomic_load(&over)) {
		close_handle(open_path(path, RTLD_NOW));
		atomic_fetch_add(&opened, 1);
	}
	return NULL;
}

static void open_and_close(const char *path)
{
	void *handle = open_path(path, RTLD_NOW);
	const void *anchor = symbol(handle, "anchor");
	uint64_t id = id_at(anchor);

	close_handle(handle);
	check_gone(anchor);
	handle = open_path(path, RTLD_NOW);
	check_life(id_at(symbol(handle, "anchor")), id);
	close_handle(handle);
}

static pid_t make_child(const char *how, const char *path)
{
	static char *command[] = { (char *)"true", NULL };
	pid_t pid = -1;

	if (!strcmp(how, "vfork")) {
		pid = vfork();
		if (pid == 0) {
			execvp("true", command);
			_exit(127);
		}
		return pid;
	}
	if (!strcmp(how, "spawn"))
		return posix_spawnp(&pid, "true", NULL, NULL, command, environ) == 0 ? pid : -1;
	if (!strcmp(how, "_fork"))
		pid = _Fork();
	else if (!strcmp(how, "clone"))
		pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	else
		pid = fork();
	if (pid == 0) {
		alarm(20);
		if (strcmp(how, "exit"))
			open_and_close(path);
		exit(0);
	}
	return pid;
}

int main(int argc, char **argv)
{
	pthread_t threads[16];
	int count, n = argc - 4, bad = 0, status;

	check(argc > 3 && n <= 16, "usage: host_forks HOW COUNT PLUGIN...");
	signal(SIGALRM, SIG_DFL);
	count = atoi(argv[2]);
	for (int i = 0; i < n; i++)
		open_path(argv[4 + i], RTLD_NOW);
	for (int i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, work, argv[4 + i]);
	for (int i = 0; i < count; i++) {
		pid_t pid = make_child(argv[1], argv[3]);

		check(pid > 0, "no child: %s", strerror(errno));
		check(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
		if (status) {
			bad++;
			fprintf(stderr, "child %d ended with status %x\n", i, (unsigned)status);
			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
				break;
		}
	}
	/* The forks were among loads, not before or behind them. */
	while (n && !atomic_load(&opened))
		sched_yield();
	atomic_store(&over, true);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%d of %d children went wrong\n", bad, count);
	return bad != 0;
}
