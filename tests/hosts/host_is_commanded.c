/*
 * host_is_commanded.c - a program that somebody redirects from outside: getppid(), to the plugin's.
 *
 * usage: host_is_commanded HOW. Ends once it was redirected and restored, and says so. HOW:
 *	waits		in poll, without a limit
 *	opens		makes no system call; opens a library now and then
 *	computes	neither, for ever
 *	forks		a child, which waits; and waits for the child
 *	handles		has a handler of its own for SIGURG; waits, and opens
 *	forgets		closes every descriptor, and all actions are the default; waits, and opens
 *	allocates	with two threads, all the time; the first one waits for a moment, too
 * SPDX-License-Identifier: MIT
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "host.h"

#define REPLACED 4242

static volatile sig_atomic_t handled;
static atomic_bool over;

static void on_signal(int signal)
{
	handled = signal;
}

static void wait_in_poll(void)
{
	poll(NULL, 0, -1);
}

static void wait_and_open(void)
{
	poll(NULL, 0, 10);
	close_handle(open_path("libm.so.6", RTLD_LAZY));
}

static void spin(void)
{
	static volatile unsigned long n;

	for (int i = 0; i < 1000000; i++)
		n++;
}

static void open_now_and_then(void)
{
	spin();
	close_handle(open_path("libm.so.6", RTLD_LAZY));
}

/* Of sizes that glibc keeps in bins, under the lock of an arena: most of the time is spent with it. */
static void *allocate(void *for_a_while)
{
	enum { CHUNKS = 500, A_WHILE = 10000 };
	char *chunk[CHUNKS] = { NULL };
	unsigned random = 1;

	for (int i = 0; !over && !(for_a_while && i == A_WHILE); i++) {
		char **p = &chunk[(random >> 16) % CHUNKS];

		random = random * 1103515245u + 12345u;
		free(*p);
		*p = malloc(1100 + (random >> 16) % 20000);
		check(*p, "malloc");
	}
	for (int i = 0; i < CHUNKS; i++)
		free(chunk[i]);
	return NULL;
}

static void allocate_and_wait(void)
{
	allocate(&over);
	poll(NULL, 0, 1);
}

static void until_restored(void (*go_on)(void))
{
	puts("begins");
	while (getppid() != REPLACED)
		go_on();
	puts("redirected");
	while (getppid() == REPLACED)
		go_on();
	puts("restored");
}

static void forks(void)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0) {
		printf("child %d\n", (int)getpid());
		until_restored(wait_in_poll);
		exit(0);
	}
	check(waitpid(child, &status, 0) == child && status == 0, "the child ended with %#x",
	      (unsigned)status);
}

static void allocates(void)
{
	pthread_t thread[2];

	for (int i = 0; i < 2; i++)
		check(pthread_create(&thread[i], NULL, allocate, NULL) == 0, "a thread");
	for (int i = 0; i < 20; i++)
		until_restored(allocate_and_wait);
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

static void forgets(void)
{
	for (int fd = 3; fd < 5000; fd++)
		close(fd);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	until_restored(wait_and_open);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IONBF, 0);
	if (!strcmp(how, "waits"))
		until_restored(wait_in_poll);
	else if (!strcmp(how, "opens"))
		until_restored(open_now_and_then);
	else if (!strcmp(how, "computes"))
		until_restored(spin);
	else if (!strcmp(how, "forks"))
		forks();
	else if (!strcmp(how, "forgets"))
		forgets();
	else if (!strcmp(how, "allocates"))
		allocates();
	else if (!strcmp(how, "handles")) {
		signal(SIGURG, on_signal);
		until_restored(wait_and_open);
		check(handled == SIGURG, "its handler was not called");
	} else
		fail("usage: host_is_commanded HOW");
	return 0;
}
