/*
 * host_misled.c - closes a plugin to which one reference is left, where a look at the process was once
 * misled, then says whether it is still there, and uses it.
 *
 * usage: host_misled none|elsewhere|stack|signal|deepbind|fork|file|socket|cache
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "host.h"

#define NOINLINE __attribute__((noinline, noclone))
#define THREADS 6
#define STACK ((size_t)1 << 18)
#define PAGE 4096

typedef int answer(void);

/* The address, as nothing that looks for it understands. */
static uintptr_t hidden;
static void *handle;

/* Frames that were left, and registers, say nothing any more. */
NOINLINE static void wipe(void)
{
	volatile char frames[12000];

	for (size_t i = 0; i < sizeof(frames); i++)
		frames[i] = 0;
#if defined(__x86_64__)
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\t"
			 "pxor %%xmm3, %%xmm3\n\tpxor %%xmm4, %%xmm4\n\tpxor %%xmm5, %%xmm5\n\t"
			 "pxor %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7" ::
				 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
#endif
}

NOINLINE static void open_hidden(const char *name, int mode)
{
	handle = open_path(plugin("misled"), RTLD_NOW | mode);
	hidden = ~(uintptr_t)symbol(handle, name);
}

NOINLINE static void put(volatile uintptr_t *to)
{
	*to = ~hidden;
}

NOINLINE static void close_it(void)
{
	wipe();
	close_handle(handle);
}

static void *close_in_thread(void *arg)
{
	close_it();
	return arg;
}

static bool is_there(void)
{
	return msync((void *)(~hidden & ~(uintptr_t)(PAGE - 1)), PAGE, MS_ASYNC) == 0;
}

static void report(void)
{
	struct linger_info info = { 0, 0, 0 };
	bool gone = !is_there() || linger_query((const void *)~hidden, &info) == -ENOENT;

	printf("%s\n", gone ? "gone" : "kept");
	fflush(stdout);
}

static void use(volatile uintptr_t *reference)
{
	report();
	check(((answer *)*reference)() == 42, "another answer");
}

static void close_elsewhere(void)
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, close_in_thread, NULL) == 0, "no thread");
	wipe();
	pthread_join(thread, NULL);
}

/* ---------------------------------------------------------------------- threads in a frame of main's */

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

NOINLINE static void below(void)
{
	volatile uintptr_t reference;

	put(&reference);
	close_elsewhere();
	use(&reference);
}

static void stack(void)
{
	char stacks[THREADS * STACK] __attribute__((aligned(PAGE)));
	pthread_t thread;

	for (int i = 0; i < THREADS; i++) {
		pthread_attr_t attr;

		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, stacks + (size_t)i * STACK, STACK);
		check(pthread_create(&thread, &attr, wait_for_ever, NULL) == 0, "no thread");
	}
	open_hidden("misled_answer", 0);
	below();
}

/* ----------------------------------------------------------------------------- alternate signal stacks */

static void handler(int number)
{
	(void)number;
}

static void signals(int mode, bool in_child)
{
	const struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	int status = 0;

	open_hidden("misled_stack", mode);
	check(((answer *)~hidden)() == 0, "sigaltstack");
	sigaction(SIGUSR1, &action, NULL);
	if (in_child && fork()) {
		wait(&status);
		check(status == 0, "the child ended with %x", (unsigned)status);
		exit(0);
	}
	close_elsewhere();
	report();
	raise(SIGUSR1);
}

/* ------------------------------------------------------------------------------- not in memory just now */

static void file(void)
{
	char path[] = "/tmp/misled.XXXXXX";
	int fd = mkstemp(path);
	unsigned char there = 0;
	uintptr_t *words;

	check(fd >= 0 && ftruncate(fd, PAGE) == 0, "no file");
	words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	open_hidden("misled_answer", 0);
	put(words);
	msync(words, PAGE, MS_SYNC);
	fsync(fd);
	madvise(words, PAGE, 21 /* MADV_PAGEOUT */);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	check(mincore(words, PAGE, &there) == 0 && !(there & 1), "the page is there");
	close_it();
	unlink(path);
	use(words);
}

/* Made before a fork, as a daemon's are. */
static void sockets(void)
{
	volatile uintptr_t word;
	int pair[2], status = 0;

	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no sockets");
	if (fork()) {
		wait(&status);
		check(status == 0, "the child ended with %x", (unsigned)status);
		exit(0);
	}
	open_hidden("misled_answer", 0);
	put(&word);
	check(write(pair[0], (void *)&word, sizeof(word)) == sizeof(word), "write");
	word = 0;
	close_it();
	report();
	check(read(pair[1], (void *)&word, sizeof(word)) == sizeof(word), "read");
	check(((answer *)word)() == 42, "another answer");
}

/* --------------------------------------------------------------------------- what a thread had as free */

#define CHUNKS 8

static uintptr_t *chunk[CHUNKS];

static void *free_chunks(void *arg)
{
	for (int i = 0; i < CHUNKS; i++)
		free(chunk[i]);
	return arg;
}

static void cache(void)
{
	volatile uintptr_t *again = NULL;
	pthread_t thread;

	for (int i = 0; i < CHUNKS; i++)
		chunk[i] = malloc(3 * sizeof(uintptr_t));
	check(pthread_create(&thread, NULL, free_chunks, NULL) == 0, "no thread");
	pthread_join(thread, NULL);
	/* The second word is what malloc has left there. */
	for (int i = 0; i < 2 * CHUNKS && !(again && again[1]); i++)
		again = malloc(3 * sizeof(uintptr_t));
	open_hidden("misled_answer", 0);
	put(again);
	close_it();
	use(again);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "none")) {
		open_hidden("misled_answer", 0);
		close_it();
		report();
	} else if (!strcmp(what, "elsewhere")) {
		open_hidden("misled_answer", 0);
		close_elsewhere();
		report();
	} else if (!strcmp(what, "stack")) {
		stack();
	} else if (!strcmp(what, "signal") || !strcmp(what, "fork")) {
		signals(0, *what == 'f');
	} else if (!strcmp(what, "deepbind")) {
		signals(RTLD_DEEPBIND, false);
	} else if (!strcmp(what, "file")) {
		file();
	} else if (!strcmp(what, "socket")) {
		sockets();
	} else if (!strcmp(what, "cache")) {
		cache();
	} else {
		fail("usage: host_misled "
		     "none|elsewhere|stack|signal|deepbind|fork|file|socket|cache");
	}
	return 0;
}
