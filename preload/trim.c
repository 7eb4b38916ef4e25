/*
 * trim.c - the archive stays below archive_max. See trim.h.
 *
 * Owns: what this process has not counted yet. Guard: the caller is the one thread that archives; across
 * processes, a lock on DIR/used, which has the size of the archive as text.
 * SPDX-License-Identifier: MIT
 */
#include "trim.h"

#include <sys/file.h>

#include "store.h"
#include "sys.h"
#include "text.h"

#define AT_ONCE 32u			 /* removed in one go: some 2 ms */
#define LEFTOVER UINT64_C(3600000000000) /* ns: a copy that is not finished by then never will be */
#define LEAST 10000000u			 /* ns for each look for what is old */
#define DIGITS 21

static uint64_t limit, uncounted;

/* What was used longest ago, as far as has been seen; the oldest first. */
static struct {
	struct old {
		uint64_t used_ns;
		uint64_t bytes;
		bool manifest;
		char name[LGR_KEY_MAX];
	} of[AT_ONCE];
	uint32_t n;
	uint64_t bytes; /* all that was seen */
} oldest LGR_BIG;
static char path[LGR_STORE_PATH] LGR_BIG;

void lgr_trim_limit(uint64_t bytes)
{
	limit = bytes;
}

static uint64_t time_of(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

static void consider(const struct old *one)
{
	uint32_t i = oldest.n;

	oldest.bytes += one->bytes;
	if (i == AT_ONCE && one->used_ns >= oldest.of[--i].used_ns)
		return;
	for (; i && oldest.of[i - 1].used_ns > one->used_ns; i--)
		oldest.of[i] = oldest.of[i - 1];
	oldest.of[i] = *one;
	oldest.n = lgr_min(oldest.n + 1, AT_ONCE);
}

/* ------------------------------------------------------------------------------- what there is */

static uint64_t size_of(const char *key, const char *name)
{
	struct stat st;

	return lgr_sys_stat(AT_FDCWD, lgr_store_path(path, "objects/", key, name), &st) == 0
		       ? (uint64_t)st.st_size
		       : 0;
}

static void see_object(const char *name, struct old *one)
{
	struct stat st;

	if (lgr_sys_stat(AT_FDCWD, lgr_store_path(path, "objects/", name, NULL), &st) < 0)
		return;
	one->used_ns = time_of(&st);
	one->bytes = size_of(name, "/elf") + size_of(name, "/debug");
	consider(one);
}

/* A process that is there may still write its own. */
static bool is_running(const char *name)
{
	uint64_t pid = 0;

	lgr_number(&name, &pid);
	return lgr_syscall(__NR_kill, (long)pid, 0, 0, 0, 0, 0) != -3 /* ESRCH */;
}

static void see_manifest(const char *name, struct old *one)
{
	struct stat st;

	if (lgr_sys_stat(AT_FDCWD, lgr_store_path(path, "manifest/", name, NULL), &st) < 0)
		return;
	one->used_ns = time_of(&st);
	one->bytes = (uint64_t)st.st_size;
	one->manifest = true;
	if (is_running(name))
		oldest.bytes += one->bytes;
	else
		consider(one);
}

/* What a process that was killed has left half made. */
static void see_leftover(const char *name, struct old *one)
{
	static char folder[LGR_KEY_MAX + 8] LGR_BIG;
	struct lgr_text t;
	struct stat st;

	if (lgr_sys_stat(AT_FDCWD, lgr_store_path(path, "tmp/", name, NULL), &st) < 0 ||
	    time_of(&st) + LEFTOVER > lgr_sys_clock(CLOCK_REALTIME_COARSE))
		return;
	lgr_text_init(&t, folder, sizeof(folder));
	lgr_text_add(&t, "tmp/");
	lgr_text_add(&t, name);
	lgr_store_empty(folder);
}

/* False: there was no time to see all. */
static bool see_all(const char *folder, void (*see)(const char *name, struct old *one),
		    uint64_t deadline)
{
	static char names[4096] LGR_BIG;
	int fd = lgr_sys_openat(lgr_store_path(path, folder, "", NULL), O_RDONLY | O_DIRECTORY, 0);
	bool time = true;
	long n;

	if (fd < 0)
		return false;
	while (time && (n = lgr_sys_getdents(fd, names, sizeof(names))) > 0) {
		for (long at = 0; at < n;) {
			const struct lgr_directory_entry *e = (const void *)(names + at);
			struct old one = { .bytes = 0 };

			at += e->length;
			if (*e->name == '.' || lgr_len(e->name) >= sizeof(one.name))
				continue;
			lgr_copy(one.name, e->name, lgr_len(e->name) + 1);
			see(e->name, &one);
		}
		time = lgr_sys_clock(CLOCK_MONOTONIC) < deadline;
	}
	lgr_sys_close(fd);
	return time;
}

/* ---------------------------------------------------------------------------------------- removing */

static uint64_t remove_one(const struct old *one)
{
	if (!one->manifest)
		return lgr_store_remove(one->name);
	lgr_sys_unlink(lgr_store_path(path, "manifest/", one->name, NULL));
	return one->bytes;
}

/* Down to seven eighths, so that not each new object looks for an old one. Returns what is left. */
static uint64_t trim(uint64_t used, uint64_t deadline)
{
	uint32_t next = 0;

	oldest.n = 0;
	oldest.bytes = 0;
	see_all("tmp", see_leftover, deadline);
	if (see_all("objects", see_object, deadline) && see_all("manifest", see_manifest, deadline))
		used = oldest.bytes; /* nobody counts what is removed by hand */
	while (used > limit / 8 * 7 && next < oldest.n) {
		uint64_t gone = remove_one(&oldest.of[next++]);

		used -= lgr_min(gone, used);
		if (lgr_sys_clock(CLOCK_MONOTONIC) > deadline)
			break;
	}
	return used;
}

static uint64_t read_count(int fd)
{
	char text[DIGITS + 1] = "";
	const char *s = text;
	uint64_t n = 0;

	if (lgr_sys_pread(fd, text, DIGITS, 0) > 0)
		lgr_number(&s, &n);
	return n;
}

static void write_count(int fd, uint64_t n)
{
	char line[DIGITS + 1];
	struct lgr_text t;

	lgr_text_init(&t, line, sizeof(line));
	lgr_text_add_number(&t, n);
	while (t.len < DIGITS - 1)
		lgr_text_add(&t, " ");
	lgr_text_add(&t, "\n");
	lgr_sys_pwrite(fd, line, t.len, 0);
}

void lgr_trim_count(uint64_t bytes, uint64_t deadline)
{
	uint64_t used, soon = lgr_sys_clock(CLOCK_MONOTONIC) + LEAST;
	int fd;

	if (deadline < soon) /* else it might never get anywhere */
		deadline = soon;
	uncounted += bytes;
	fd = lgr_store_write(lgr_store_path(path, "used", "", NULL), O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return;
	if (lgr_sys_flock(fd, LOCK_EX | LOCK_NB) == 0) {
		used = read_count(fd) + uncounted;
		if (used > limit)
			used = trim(used, deadline);
		write_count(fd, used);
		uncounted = 0;
		/* A child that was forked meanwhile has the descriptor, and with it the lock. */
		lgr_sys_flock(fd, LOCK_UN);
	}
	lgr_sys_close(fd);
}
