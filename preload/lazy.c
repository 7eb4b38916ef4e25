/*
 * lazy.c - first calls under way in other threads. See lazy.h.
 *
 * Owns nothing.
 * SPDX-License-Identifier: MIT
 */
#include "lazy.h"

#include "real.h"
#include "sys.h"
#include "text.h"

#define ENOUGH 50000u	   /* ns of a thread's own time; a page fault in between takes some 1,000 */
#define PATIENCE 50000000u /* ns */
#define THREADS 512	   /* waited for in one round */

struct watched {
	uint32_t tid;
	uint64_t since; /* its processor time when it was met */
};

/* The processor-time clock of a thread (kernel: include/linux/posix-timers.h, CPUCLOCK_SCHED). */
static uint64_t time_of(uint32_t tid)
{
	return lgr_sys_clock((int)(~tid << 3 | 6));
}

/* Its state, as in proc(5): a letter behind the name in parentheses. 0: it is gone. */
static char state_of(uint32_t tid)
{
	char path[64], line[128];
	const char *end;
	struct lgr_text t;
	long n = -1;
	int fd;

	lgr_text_init(&t, path, sizeof(path));
	lgr_text_add(&t, "/proc/self/task/");
	lgr_text_add_number(&t, tid);
	lgr_text_add(&t, "/stat");
	fd = lgr_sys_openat(path, O_RDONLY, 0);
	if (fd >= 0) {
		n = lgr_sys_read(fd, line, sizeof(line) - 1);
		lgr_sys_close(fd);
	}
	if (n <= 0)
		return 0;
	line[n] = '\0';
	end = lgr_last(line, ')');
	return end && end[1] ? end[2] : 0;
}

/* A thread in D may be waiting for the page of the very slot. */
static bool has_got_on(const struct watched *w)
{
	char state;

	if (time_of(w->tid) >= w->since + ENOUGH)
		return true;
	state = state_of(w->tid);
	return state != 'R' && state != 'D';
}

/* Notes the threads of one directory page. Returns how many, at most as there is room for. */
static uint32_t note(const char *directory, long n, uint32_t self, struct watched *w, uint32_t room)
{
	uint32_t count = 0;

	for (long at = 0; at < n;) {
		const struct lgr_directory_entry *e = (const void *)(directory + at);
		const char *name = e->name;
		uint64_t tid;

		at += e->length;
		if (!lgr_number(&name, &tid) || tid == self || count == room)
			continue;
		w[count].tid = (uint32_t)tid;
		w[count++].since = time_of((uint32_t)tid);
	}
	return count;
}

static int list_threads(struct watched *w)
{
	int dir = lgr_sys_openat("/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
	uint32_t n = 0, self = lgr_sys_gettid();
	char directory[2048];
	long got = 0;

	if (dir < 0)
		return -1;
	while ((got = lgr_syscall(__NR_getdents64, dir, (long)directory, sizeof(directory), 0, 0,
				  0)) > 0)
		n += note(directory, got, self, w + n, THREADS - n);
	lgr_sys_close(dir);
	return got < 0 ? -1 : (int)n;
}

bool lgr_lazy_wait(void)
{
	struct watched w[THREADS];
	uint64_t end = lgr_sys_clock(CLOCK_MONOTONIC) + PATIENCE;
	int n;

	if (*lgr_libc.single_threaded)
		return true;
	n = list_threads(w);
	for (int i = 0; i < n; i++)
		while (!has_got_on(&w[i])) {
			if (lgr_sys_clock(CLOCK_MONOTONIC) > end)
				return false;
			lgr_syscall(__NR_sched_yield, 0, 0, 0, 0, 0, 0);
		}
	return n >= 0 && n < THREADS;
}
