/*
 * host.h - what the hosts share: opening plugins, asking linger, failing loudly.
 *
 * A host stands for a stranger's program: of linger it sees the public header alone, and it has to
 * do the same without linger. It prints what both runs must have in common on standard output, and
 * ends with status 1 and a sentence on standard error when linger told it something wrong.
 * SPDX-License-Identifier: MIT
 */
#ifndef HOST_H
#define HOST_H

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linger.h"

/* _exit: a failure may be found in a destructor, a thread or a signal handler. */
#define fail(...)                                                                                  \
	do {                                                                                       \
		char text_[512];                                                                   \
		int n_ = snprintf(text_, sizeof(text_), __VA_ARGS__);                              \
		if (n_ > (int)sizeof(text_) - 2)                                                   \
			n_ = sizeof(text_) - 2;                                                    \
		text_[n_++] = '\n';                                                                \
		if (write(2, text_, (size_t)n_) < 0)                                               \
			_exit(2);                                                                  \
		_exit(1);                                                                          \
	} while (0)
#define check(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail(__VA_ARGS__);                                                         \
	} while (0)

/* A plugin beside the program: plug_NAME.so. The result lives until the next call. */
static inline const char *plugin(const char *name)
{
	static _Thread_local char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);

	check(n > 0, "readlink /proc/self/exe: %s", strerror(errno));
	path[n] = '\0';
	n = strrchr(path, '/') - path;
	snprintf(path + n, sizeof(path) - (size_t)n, "/plug_%s.so", name);
	return path;
}

static inline void *open_path(const char *path, int mode)
{
	void *handle = dlopen(path, mode);

	check(handle, "dlopen: %s", dlerror());
	return handle;
}

static inline void close_handle(void *handle)
{
	check(dlclose(handle) == 0, "dlclose: %s", dlerror());
}

static inline void *symbol(void *handle, const char *name)
{
	void *address = dlsym(handle, name);

	check(address, "dlsym: %s", dlerror());
	return address;
}

/* What the kernel says of a thread of ours (proc_pid_stat(5)), S and D: it sleeps; 0: it is not there. */
static inline char state_of_thread(pid_t tid)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	stat = fopen(path, "r");
	if (stat && fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (stat)
		fclose(stat);
	return state;
}

static inline bool linger_is_here(void)
{
	struct linger_info info;

	return linger_query((const void *)(uintptr_t)linger_is_here, &info) != -ENOSYS;
}

/* What linger says of an address, in a word: a state's name or an error's. */
static inline const char *word_of(int r, const struct linger_info *info)
{
	static const char *const states[] = {
		"?", "loading", "live", "kept", "condemned", "closing"
	};

	if (r == -ENOENT)
		return "nobody's";
	if (r == -ENOSYS)
		return "linger is absent";
	return r || info->state > LINGER_CLOSING ? "?" : states[info->state];
}

/*
 * The tests set KEEPS where linger keeps what is closed; to `held` where it lacks what it needs to do
 * more than hold it. It is asked in signal handlers, too.
 */
static inline bool linger_keeps(void)
{
	const char *keeps = getenv("KEEPS");

	return keeps && *keeps && linger_is_here();
}

/* What the program holds is live; opened again, it may be kept until the next dl* call. */
static inline bool is_open(const struct linger_info *info)
{
	return info->state == LINGER_LIVE || (linger_keeps() && info->state == LINGER_KEPT);
}

/* The id of the object at an address that must be live; 0 where linger is absent. */
static inline uint64_t id_at(const void *address)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query(address, &info);

	if (r == -ENOSYS)
		return 0;
	check(r == 0 && is_open(&info) && info.id, "%p is %s, its id %llu", address,
	      word_of(r, &info), (unsigned long long)info.id);
	return info.id;
}

/* Each life has a new id; what was kept and is opened again lives on. */
static inline void check_life(uint64_t id, uint64_t last)
{
	check(!id || (linger_keeps() && last ? id == last : id > last), "id %llu after %llu",
	      (unsigned long long)id, (unsigned long long)last);
}

/* Behind the last dlclose: nobody's, or kept where linger keeps. */
static inline void check_gone(const void *address)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query(address, &info);

	if (linger_keeps() && !strcmp(getenv("KEEPS"), "held"))
		check(r == 0, "%p is %s, not held", address, word_of(r, &info));
	else if (linger_keeps())
		check(r == 0 && info.state == LINGER_KEPT, "%p is %s, not kept, its id %llu",
		      address, word_of(r, &info), (unsigned long long)info.id);
	else
		check(r == -ENOENT || r == -ENOSYS, "%p is still %s, its id %llu", address,
		      word_of(r, &info), (unsigned long long)info.id);
}

/*
 * Holds linger's answers against the kernel's list: every mapped file that is a library or the
 * program is found in its first and last page, and what is no file's is nobody's. The holes that
 * the loader leaves between segments (---p) are in no segment.
 */
static inline void check_maps(void)
{
	char line[4096 + 128];
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned files = 0;

	check(maps, "/proc/self/maps: %s", strerror(errno));
	while (linger_is_here() && fgets(line, sizeof(line), maps)) {
		struct linger_info info = { 0, 0, 0 };
		const char *path = strchr(line, '/');
		unsigned long lo, hi;
		int r;

		check(sscanf(line, "%lx-%lx", &lo, &hi) == 2, "cannot read: %s", line);
		line[strcspn(line, "\n")] = '\0';
		r = linger_query((const void *)lo, &info);
		if (strstr(line, " ---p "))
			continue;
		if (path && (strstr(path, ".so") || strstr(path, "/host_"))) {
			check(r == 0 && info.id, "%s at %lx is %s", path, lo, word_of(r, &info));
			r = linger_query((const void *)(hi - 4096), &info);
			check(r == 0 && info.id, "%s at %lx is %s", path, hi - 4096,
			      word_of(r, &info));
			files++;
		} else if (strstr(line, "[heap]") || strstr(line, "[stack]")) {
			check(r == -ENOENT, "%s is %s", line, word_of(r, &info));
		}
	}
	check(!linger_is_here() || files > 8, "/proc/self/maps shows %u lines of files", files);
	fclose(maps);
}

#endif
