/*
 * bench.h - what every measured program here shares: it does batches, when bench/run asks for one.
 *
 * A program gets ready, says "ready" on its standard output, then obeys lines on its standard
 * input,
 *
 *	WORD N WARM	do N operations of WORD, after N / 8 untimed ones if WARM is not 0
 *
 * and answers each with the time in nanoseconds, or with what the batch has measured itself. So bench/run can let two processes, one with
 * linger and one without, take turns: A B, B A, A B, ... Setting up lies outside of what is timed,
 * and each batch is a function of its own, named batch_..., for callgrind --toggle-collect.
 *
 * The trap of this field: with a wrong LD_PRELOAD path ld.so only warns, and both sides are the
 * same. Hence the first argument of each program says whether linger is there, and is checked.
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_H
#define BENCH_H

#include <dlfcn.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "linger.h"

#define BATCH __attribute__((noinline, noclone)) /* static ones keep their names, too */

struct bench_word {
	const char *word;
	void (*batch)(size_t n);
};

static inline __attribute__((noreturn, format(printf, 1, 2))) void bench_die(const char *form, ...)
{
	va_list ap;

	va_start(ap, form);
	fputs("bench: ", stderr);
	vfprintf(stderr, form, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static inline uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What this thread has had of a CPU: on a busy machine it says more, where nothing is waited for. */
static inline uint64_t bench_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Added to by a batch that measures a part of itself, or something else. */
static uint64_t bench_own;

/* The same numbers in each process. */
static inline uint64_t bench_random(void)
{
	static uint64_t x = 88172645463325252u; /* xorshift64, Marsaglia 2003 */

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* All that is compared runs on the one CPU that bench/run chose. */
static inline void bench_pin(void)
{
	const char *cpu = getenv("BENCH_CPU");
	cpu_set_t set;

	if (!cpu)
		bench_die("BENCH_CPU is not in the environment");
	CPU_ZERO(&set);
	CPU_SET((size_t)atoi(cpu), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		bench_die("cannot run on CPU %s", cpu);
}

/* Dies unless linger is in this process ("with") or is not ("without"). */
static inline void bench_assert_side(const char *side)
{
	struct linger_info info;
	int r = linger_query((const void *)(uintptr_t)bench_now, &info);

	if (strcmp(side, "with") == 0 ? !linger_query_ || r != 0 : !!linger_query_)
		bench_die("this should be the side %s linger, but linger_query says %d", side, r);
}

/* A copy that lies the same way whatever else is on the stack: strcmp's work depends on it. */
static inline const char *bench_path(const char *path)
{
	static char copy[4096] __attribute__((aligned(64)));

	if (strlen(path) >= sizeof(copy))
		bench_die("%s: too long", path);
	return strcpy(copy, path);
}

static inline void *bench_open(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		bench_die("%s", dlerror());
	return handle;
}

/* Obeys until the end of the input. words ends with { NULL }. */
static inline int bench_serve(const struct bench_word *words)
{
	char line[80], word[64];
	size_t n;
	int warm;

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		const struct bench_word *w = words;
		uint64_t begin;

		if (sscanf(line, "%63s %zu %d", word, &n, &warm) != 3)
			bench_die("not a request: %s", line);
		while (w->word && strcmp(w->word, word) != 0)
			w++;
		if (!w->word)
			bench_die("no such batch: %s", word);
		if (warm)
			w->batch(n / 8 + 1);
		bench_own = 0;
		begin = bench_now();
		w->batch(n);
		begin = bench_now() - begin;
		printf("%llu\n", (unsigned long long)(bench_own ? bench_own : begin));
		fflush(stdout);
	}
	return 0;
}

#endif
