/*
 * host_dangles.c - opens plug_dangles.so, has it leave something behind with the C library or the kernel, closes
 * it, and does what then reaches into it. Plain that is a crash.
 *
 * usage: host_dangles KIND [end]	KIND: see below. end: what was left behind is then taken back, and an
 *					unrelated library ($OTHER) is opened and closed until the plugin is gone,
 *					for $PATIENCE seconds at most
 * SPDX-License-Identifier: MIT
 */
#include <link.h>
#include <printf.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>

#include "host.h"

/* As plug_dangles.c has it. */
static struct lent {
	atomic_int calls;
	atomic_int enough;
	pthread_t thread;
	pthread_key_t key;
	timer_t timer;
} lent;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* No address in the plugin stays in a frame of main: its handle is not one. */
static __attribute__((noinline)) void leave(void *handle, const char *kind)
{
	char name[64];

	snprintf(name, sizeof(name), "hold_%s", kind);
	check(((int (*)(struct lent *))(uintptr_t)symbol(handle, name))(&lent) == 0, "%s fails",
	      name);
}

/* ------------------------------------------------------------ what reaches into it, and what ends that */

static void use_signal(void)
{
	raise(SIGUSR1);
}
static void end_signal(void)
{
	signal(SIGUSR1, SIG_DFL);
}

/* A thread that has such data lives on beyond the close. */
static sem_t ready, closed;
static pthread_t owner;

static void *own(void *handle)
{
	leave(handle, "key");
	sem_post(&ready);
	sem_wait(&closed);
	return NULL;
}
static void begin_key(void *handle)
{
	sem_init(&ready, 0, 0);
	sem_init(&closed, 0, 0);
	pthread_create(&owner, NULL, own, handle);
	sem_wait(&ready);
}
static void use_key(void)
{
	sem_post(&closed);
	pthread_join(owner, NULL);
}
static void end_key(void)
{
	pthread_key_delete(lent.key);
}

/* Three more calls of the plugin: the first may have been under way. */
static void use_calls(void)
{
	int enough = atomic_load(&lent.calls) + 3;

	for (double until = now() + 10; atomic_load(&lent.calls) < enough;) {
		check(now() < until, "the plugin is not called any more");
		usleep(100);
	}
	puts("the plugin, in a thread");
}
static void end_thread(void)
{
	atomic_store(&lent.enough, 1);
	pthread_join(lent.thread, NULL);
}
static void end_timer(void)
{
	timer_delete(lent.timer);
}

/* Not a literal: compilers know no %Y. */
static char with_y[] = "%Y\n";

static void use_printf(void)
{
	printf(with_y, 42);
}
static void end_printf(void)
{
	register_printf_specifier('Y', NULL, NULL);
}

static void use_putenv(void)
{
	puts(getenv("DANGLES"));
}
static void end_putenv(void)
{
	putenv((char[]){ "DANGLES" }); /* without a value: it is taken out */
}

static void use_setvbuf(void)
{
	puts("into the plugin's buffer");
	fflush(stdout);
}
static void end_setvbuf(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
}

static const struct kind {
	const char *name;
	void (*begin)(void *handle); /* NULL: in the main thread */
	void (*use)(void);
	void (*end)(void); /* NULL: it lasts until the process ends */
} kinds[] = {
	{ "on_exit", NULL, NULL, NULL },
	{ "signal", NULL, use_signal, end_signal },
	{ "key", begin_key, use_key, end_key },
	{ "thread", NULL, use_calls, end_thread },
	{ "timer", NULL, use_calls, end_timer },
	{ "printf", NULL, use_printf, end_printf },
	{ "putenv", NULL, use_putenv, end_putenv },
	{ "setvbuf", NULL, use_setvbuf, end_setvbuf },
};

/* --------------------------------------------------------------------------------- until it is gone */

/* What freed memory and left frames still say of the plugin, as the work of a real program would. */
static __attribute__((noinline)) void overwrite(void)
{
	volatile char frames[65536];
	void *chunks[64];

	for (size_t i = 0; i < sizeof(frames); i++)
		frames[i] = 0;
	for (size_t size = 8; size <= 4096; size += size < 1024 ? 16 : 512) {
		for (int i = 0; i < 64; i++) {
			chunks[i] = malloc(size);
			if (chunks[i])
				memset(chunks[i], 0, size);
		}
		for (int i = 0; i < 64; i++)
			free(chunks[i]);
	}
}

static int is_the_plugin(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	return strstr(info->dlpi_name, "plug_dangles.so") != NULL;
}

static void until_it_is_gone(void)
{
	const char *patience = getenv("PATIENCE"), *other = getenv("OTHER");
	double until = now() + (patience ? atof(patience) : 0);

	while (dl_iterate_phdr(is_the_plugin, NULL) && now() < until) {
		overwrite();
		close_handle(open_path(other, RTLD_NOW));
		usleep(10000);
	}
}

int main(int argc, char **argv)
{
	const struct kind *kind = NULL;
	void *handle;

	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(argv[1], kinds[i].name))
			kind = &kinds[i];
	check(kind, "usage: host_dangles KIND [end]");

	handle = open_path(plugin("dangles"), RTLD_NOW);
	if (kind->begin)
		kind->begin(handle);
	else
		leave(handle, kind->name);
	puts("opened");
	fflush(stdout);
	close_handle(handle);
	if (kind->use)
		kind->use();
	fflush(stdout);
	if (argc > 2) {
		if (kind->end)
			kind->end();
		until_it_is_gone();
	}
	return 0;
}
