/*
 * pause.c - how long are the other threads stopped by a look at the process?
 *
 * usage: pause with|without LIBRARY THREADS blocked|spinning MIB	reads requests: see bench.h
 *
 * THREADS threads besides the one that closes and one that watches the clock, and MIB of written memory.
 * "close": dlopen and dlclose of LIBRARY; "later": the same with 30 ms and another dlclose behind it,
 * in which linger looks again at what was too much for the first one; "idle": neither, for as long. The answer is the
 * longest time in which the watcher did not run, the median of n.
 * "fork": what a bare fork of this process takes, its child ending at once.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT 30000000u /* ns; the default of retry begins with 20 ms */
#define MOST 1000

static const char *library;
static sem_t begin, end;
static _Atomic bool watching;
static _Atomic unsigned spinning;
static uint64_t longest;
static uint64_t gap[MOST];
static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;

/* Looks at the clock while it is asked to. */
static void *watch(void *arg)
{
	for (;;) {
		uint64_t last, now;

		while (sem_wait(&begin) != 0)
			;
		longest = 0;
		watching = true;
		for (last = bench_now(); watching; last = now) {
			sched_yield(); /* to what linger starts, which is first, too */
			now = bench_now();
			if (now - last > longest)
				longest = now - last;
		}
		sem_post(&end);
	}
	return arg;
}

static void *block(void *arg)
{
	pthread_mutex_lock(&never);
	return arg;
}

static void *spin(void *arg)
{
	spinning++;
	for (;;)
		__asm__ volatile("");
	return arg;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void watched(size_t n, void (*step)(void))
{
	if (n > MOST)
		n = MOST;
	for (size_t i = 0; i < n; i++) {
		sem_post(&begin);
		while (!watching)
			;
		step();
		watching = false;
		while (sem_wait(&end) != 0)
			;
		gap[i] = longest;
	}
	qsort(gap, n, sizeof(*gap), by_size);
	bench_own = gap[n / 2] * n;
}

static void close_once(void)
{
	dlclose(bench_open(library));
}

static void wait_a_while(void)
{
	for (uint64_t until = bench_now() + WAIT; bench_now() < until;)
		usleep(1000);
}

static void close_later(void)
{
	void *handle;

	close_once();
	wait_a_while();
	handle = bench_open("libm.so.6"); /* there from the start: loads nothing */
	dlclose(handle);
}

static BATCH void batch_close(size_t n)
{
	watched(n, close_once);
}

static BATCH void batch_later(size_t n)
{
	watched(n, close_later);
}

static BATCH void batch_idle(size_t n)
{
	watched(n, wait_a_while);
}

static BATCH void batch_fork(size_t n)
{
	while (n--) {
		uint64_t begun = bench_now();
		long child = syscall(SYS_clone, 0, 0, 0, 0, 0);

		if (child == 0)
			syscall(SYS_exit_group, 0);
		bench_own += bench_now() - begun;
		if (child < 0)
			bench_die("cannot fork");
		waitpid((pid_t)child, NULL, __WALL);
	}
}

/* Nothing else on a busy machine may look like a pause. Where it is not allowed, the spread says so. */
static void be_first(pthread_t thread)
{
	const struct sched_param first = { .sched_priority = 1 };

	pthread_setschedparam(thread, SCHED_FIFO, &first);
}

static pthread_t start(void *(*function)(void *))
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 16);
	if (pthread_create(&thread, &attr, function, NULL) != 0)
		bench_die("no more threads");
	return thread;
}

int main(int argc, char **argv)
{
	static const struct bench_word table[] = {
		{ "close", batch_close }, { "later", batch_later }, { "idle", batch_idle },
		{ "fork", batch_fork },	  { NULL, NULL },
	};
	unsigned threads;
	size_t bytes;
	char *memory;
	bool spins;

	if (argc != 6)
		bench_die("usage: pause with|without LIBRARY THREADS blocked|spinning MIB");
	bench_assert_side(argv[1]); /* on all CPUs: the watcher needs one of its own */
	library = bench_path(argv[2]);
	threads = (unsigned)atoi(argv[3]);
	spins = strcmp(argv[4], "spinning") == 0;
	bytes = strtoul(argv[5], NULL, 10) << 20;
	memory = mmap(NULL, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		bench_die("no memory");
	memset(memory, 1, bytes);
	pthread_mutex_lock(&never);
	for (unsigned i = 0; i < threads; i++)
		start(spins ? spin : block);
	while (spins && spinning < threads)
		usleep(100);
	sem_init(&begin, 0, 0);
	sem_init(&end, 0, 0);
	be_first(start(watch));
	be_first(pthread_self());
	return bench_serve(table);
}
