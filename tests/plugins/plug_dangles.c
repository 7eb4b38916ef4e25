/*
 * plug_dangles.c - leaves something of its own with the C library or the kernel, which none of them takes back
 * when it is closed.
 * SPDX-License-Identifier: MIT
 */
#include <printf.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What the host lends: it outlives the plugin. */
struct lent {
	atomic_int calls; /* of the plugin's code */
	atomic_int enough;
	pthread_t thread;
	pthread_key_t key;
	timer_t timer;
};

int hold_on_exit(struct lent *lent);
int hold_signal(struct lent *lent);
int hold_key(struct lent *lent);
int hold_thread(struct lent *lent);
int hold_timer(struct lent *lent);
int hold_printf(struct lent *lent);
int hold_putenv(struct lent *lent);
int hold_setvbuf(struct lent *lent);

/* Also from a signal handler and behind main. */
static void say(const char *what)
{
	if (write(1, what, strlen(what)) < 0)
		_exit(3);
}

static void at_exit(int status, void *arg)
{
	(void)arg;
	say(status ? "the plugin, another status\n" : "the plugin, at exit\n");
}

int hold_on_exit(struct lent *lent)
{
	(void)lent;
	return on_exit(at_exit, NULL);
}

static void handle(int sig)
{
	(void)sig;
	say("the plugin, in a handler\n");
}

int hold_signal(struct lent *lent)
{
	(void)lent;
	return signal(SIGUSR1, handle) == SIG_ERR;
}

static void destroy(void *value)
{
	(void)value;
	say("the plugin, at a thread's end\n");
}

/* Called in a thread that outlives the plugin. */
int hold_key(struct lent *lent)
{
	return pthread_key_create(&lent->key, destroy) || pthread_setspecific(lent->key, lent);
}

static void *run(void *arg)
{
	struct lent *lent = arg;

	while (!atomic_load(&lent->enough)) {
		atomic_fetch_add(&lent->calls, 1);
		usleep(1000);
	}
	return NULL;
}

int hold_thread(struct lent *lent)
{
	return pthread_create(&lent->thread, NULL, run, lent);
}

static void expire(union sigval value)
{
	atomic_fetch_add(&((struct lent *)value.sival_ptr)->calls, 1);
}

int hold_timer(struct lent *lent)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD,
				  .sigev_notify_function = expire,
				  .sigev_value.sival_ptr = lent };
	struct itimerspec spec = { { 0, 2000000 }, { 0, 2000000 } };

	return timer_create(CLOCK_MONOTONIC, &event, &lent->timer) ||
	       timer_settime(lent->timer, 0, &spec, NULL);
}

static int print(FILE *stream, const struct printf_info *info, const void *const *args)
{
	(void)info;
	return fprintf(stream, "the plugin, with %d", **(const int *const *)args);
}

static int arguments(const struct printf_info *info, size_t n, int *types, int *size)
{
	(void)info;
	(void)size;
	if (n)
		types[0] = PA_INT;
	return 1;
}

int hold_printf(struct lent *lent)
{
	(void)lent;
	return register_printf_specifier('Y', print, arguments);
}

int hold_putenv(struct lent *lent)
{
	static char text[] = "DANGLES=the plugin's text";

	(void)lent;
	return putenv(text);
}

int hold_setvbuf(struct lent *lent)
{
	static char buffer[4096];

	(void)lent;
	return setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
}
