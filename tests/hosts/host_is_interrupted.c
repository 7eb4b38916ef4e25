/*
 * host_is_interrupted.c - opens and closes plugins in one thread, while a timer's handler asks
 * linger, and forks.
 *
 * usage: host_is_interrupted ask|fork|fork2 ROUNDS PLUGIN...
 * ask: the handler asks about a pinned object, the object in the middle of its life, and one closed
 * for ever; fork: it also forks now and then, and the child, back from the handler, has to be able
 * to end; fork2: the program forks all the time, too, so that a fork interrupts a fork.
 * With one thread plain glibc lets a handler fork (posix/fork.c says so).
 * SPDX-License-Identifier: MIT
 */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "host.h"

static bool forks;
static _Atomic unsigned long signals, found[8], unknown, children;
static const void *pinned, *closed;
static uint64_t pinned_id, closed_id;
/* What the program knows of the object in the middle of its life; id 0: not open now. */
static const char *_Atomic current;
static _Atomic uint64_t current_id;

static void ask(void)
{
	struct linger_info info = { 0, 0, 0 };
	uint64_t id = atomic_load(&current_id);
	int r;

	if (linger_query(pinned, &info) == -ENOSYS)
		return;
	r = linger_query(pinned, &info);
	check(r == 0 && info.id == pinned_id && info.state == LINGER_LIVE,
	      "the pinned object is %s, id %llu", word_of(r, &info), (unsigned long long)info.id);
	r = linger_query(closed, &info);
	check(r == -ENOENT || info.id != closed_id || linger_keeps(), "the closed object is %s",
	      word_of(r, &info));
	r = linger_query(atomic_load(&current), &info);
	if (id)
		check(r == 0 && info.id == id && is_open(&info),
		      "the open object %llu is %s, id %llu", (unsigned long long)id,
		      word_of(r, &info), (unsigned long long)info.id);
	if (r == 0)
		atomic_fetch_add(&found[info.state & 7], 1);
	else
		atomic_fetch_add(&unknown, 1);
}

/* The child's own business is one word: that it got here, and could still ask and end. */
static void make_child(void)
{
	pid_t pid = fork();
	int status;

	check(pid >= 0, "fork: %s", strerror(errno));
	if (pid == 0) {
		alarm(20);
		ask();
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0)
		check(errno == EINTR, "waitpid: %s", strerror(errno));
	check(!status, "a child ended with status %x", (unsigned)status);
	atomic_fetch_add(&children, 1);
}

static void on_signal(int signal)
{
	int saved = errno;

	(void)signal;
	ask();
	if (atomic_fetch_add(&signals, 1) % 32 == 0 && forks)
		make_child();
	errno = saved;
}

int main(int argc, char **argv)
{
	struct itimerspec often = { { 0, 70000 }, { 0, 70000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	bool both = !strcmp(argv[1], "fork2");
	int rounds = atoi(argv[2]);
	timer_t timer;
	void *handle;

	check(argc > 4, "usage: host_is_interrupted HOW ROUNDS PLUGIN PLUGIN...");
	forks = strcmp(argv[1], "ask");
	handle = open_path(argv[3], RTLD_NOW);
	closed = symbol(handle, "anchor");
	closed_id = id_at(closed);
	close_handle(handle);
	pinned = symbol(open_path(argv[3], RTLD_NOW), "anchor");
	if (linger_keeps()) /* the same instance, which is live again from the next call on */
		close_handle(open_path(argv[3], RTLD_NOW));
	pinned_id = id_at(pinned);
	sigaction(SIGPROF, &action, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &often, NULL);
	alarm(50); /* a hang is a failure, not a wait */
	for (int i = 0; i < rounds; i++) {
		const char *anchor;

		handle = open_path(argv[4 + i % (argc - 4)], RTLD_NOW);
		anchor = symbol(handle, "anchor");
		atomic_store(&current, anchor);
		atomic_store(&current_id, id_at(anchor));
		if (both)
			make_child();
		atomic_store(&current_id, 0);
		close_handle(handle);
		check_gone(anchor);
	}
	timer_settime(timer, 0, &never, NULL);
	check(signals > 10, "only %lu signals", (unsigned long)signals);
	check(!forks || children, "no forks");
	fprintf(stderr,
		"# %lu signals, %lu children, live %lu, closing %lu, loading %lu, kept %lu, nobody "
		"%lu\n",
		(unsigned long)signals, (unsigned long)children, (unsigned long)found[LINGER_LIVE],
		(unsigned long)found[LINGER_CLOSING], (unsigned long)found[LINGER_LOADING],
		(unsigned long)found[LINGER_KEPT], (unsigned long)unknown);
	puts("done");
	return 0;
}
