/*
 * calls.c - a program whose dl* calls are known by heart, to test the counter and the log with.
 *
 * Compiled three times: as the program; with -DPLUGIN as libplugin.so, libcopy1.so and libcopy2.so,
 * which it finds through its own RUNPATH only; with -DOUTER as libouter.so, which opens libplugin.so in its constructor and
 * closes it in its destructor, so that calls nest. The expected numbers are in
 * the_counter_can_be_trusted.t. Where a process ends without destructors its last call is one that
 * unloads nothing: what the last call of such a process unloads, nobody inside can count.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(PLUGIN)

/* Needs libc, or the new namespace would have none. */
int plugin_answer(void)
{
	return (int)strtol("42", NULL, 10);
}

#elif defined(OUTER)

static void *inner;

__attribute__((constructor)) static void outer_begin(void)
{
	inner = dlopen("libplugin.so", RTLD_NOW);
}

__attribute__((destructor)) static void outer_end(void)
{
	dlclose(inner);
}

#else

extern char **environ;
static void *at_exit, *in_destructor;
enum { ROUNDS = 500 };

static void *must(void *handle)
{
	if (!handle) {
		printf("%s\n", dlerror());
		exit(1);
	}
	return handle;
}

/* dlopen 2 dlclose 1, open 1 unload 1 */
static void short_life(void)
{
	dlclose(must(dlopen("libplugin.so", RTLD_LAZY)));
	dlopen(NULL, RTLD_LAZY);
}

static void wait_for(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	printf("child: %s %d\n", WIFSIGNALED(status) ? "signal" : "exit",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Each thread a file of its own, or how often one is unloaded would be chance. */
static void *open_and_close(void *file)
{
	for (int i = 0; i < ROUNDS; i++)
		dlclose(must(dlopen(file, RTLD_LAZY)));
	return NULL;
}

static void close_at_exit(void)
{
	dlclose(at_exit);
}

/* By then glibc is finishing all objects and unmaps none. */
__attribute__((destructor)) static void close_in_destructor(void)
{
	if (in_destructor)
		dlclose(in_destructor);
}

static void run(const char *self)
{
	char *exec_argv[] = { (char *)self, "exec", NULL };
	struct link_map *libc;
	pthread_t thread[2];
	void *twice;
	int (*answer)(void);
	Dl_info info;
	pid_t pid;

	/* dlopen 2 dlclose 2, open 1 unload 1 */
	twice = must(dlopen("libplugin.so", RTLD_NOW));
	*(void **)&answer = dlsym(dlopen("libplugin.so", RTLD_NOW), "plugin_answer");
	printf("answer: %d\n", answer());
	dlclose(twice);
	dlclose(twice);
	/* Calls that fail: dlopen 1 dlclose 1 */
	printf("%s\n", dlopen("./not_there.so", RTLD_NOW) ? "found" : dlerror());
	dladdr1(stdout, &info, (void **)&libc, RTLD_DL_LINKMAP);
	printf("%s\n", dlclose(libc) == 0 ? "closed" : dlerror());
	/* dlopen 2 dlclose 2, open 2 unload 2 */
	dlclose(must(dlopen("libouter.so", RTLD_NOW)));
	/* dlmopen 1 dlclose 1; the plugin and a second libc: open 2 unload 2 */
	dlclose(must(dlmopen(LM_ID_NEWLM, "libplugin.so", RTLD_NOW)));
	/* dlopen 1000 dlclose 1000, open 1000 unload 1000 */
	pthread_create(&thread[0], NULL, open_and_close, "libcopy1.so");
	pthread_create(&thread[1], NULL, open_and_close, "libcopy2.so");
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);

	fflush(stdout);
	pid = fork(); /* here and below: short_life in the child */
	if (pid == 0) {
		short_life();
		raise(SIGKILL);
	}
	wait_for(pid);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		short_life();
		_exit(3);
	}
	wait_for(pid);
	if (posix_spawn(&pid, self, NULL, NULL, exec_argv, environ) == 0)
		wait_for(pid);

	/* dlopen 3 dlclose 3, open 3 unload 1: what atexit closes goes, destructors are too late */
	at_exit = must(dlopen("libcopy1.so", RTLD_NOW));
	atexit(close_at_exit);
	in_destructor = must(dlopen("libouter.so", RTLD_NOW));
}

int main(int argc, char **argv)
{
	/* A second program in the same process: short_life in each. */
	if (argc > 1 && argv[1][0] == 'e') {
		short_life();
		execl(argv[0], argv[0], "last", (char *)NULL);
	}
	if (argc > 1) {
		short_life();
		return 4;
	}
	run(argv[0]);
	return 0;
}

#endif
