/*
 * host_archived.c - loads libraries whose files do not last, one step after another.
 *
 * usage: host_archived STEP...
 *	open PATH	opens a library and prints what its value() returns, and the path that dladdr gives
 *	noload PATH	prints whether it is loaded
 *	brief PATH	opens it, removes the file before any other dl* call, prints as open
 *	memfd PATH	opens a copy of it in memory by /proc/self/fd/N, closes N, prints as open
 *	close		closes what was opened last
 *	value		prints what value() of that returns now
 *	cp FILE PATH	in place		rm PATH
 *	maps		prints LO MAJOR:MINOR:INO of that library's first mapping
 *	fork		the steps behind it are a child's, for which this process waits
 *	_fork		the same by _Fork(3), without fork handlers
 *	stop		says "stopped" and its process's id; waits for a line on standard input
 * value() need not be there: then it prints 0.
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "host.h"

static void *handle[64];
static int handles;
static int (*value)(void);

static void say(const char *what)
{
	Dl_info info = { 0 };

	if (value)
		check(dladdr((void *)value, &info), "dladdr");
	printf("%s: %d %s\n", what, value ? value() : 0, info.dli_fname ? info.dli_fname : "-");
}

static void take(void *opened)
{
	check(handles < 64, "too many");
	handle[handles++] = opened;
	value = (int (*)(void))dlsym(opened, "value");
}

static void say_loaded(const char *path)
{
	void *loaded = dlopen(path, RTLD_NOW | RTLD_NOLOAD);

	printf("noload: %s\n", loaded ? "yes" : "no");
	if (loaded)
		close_handle(loaded);
}

static void copy(const char *from, int to)
{
	char buffer[65536];
	int fd = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	check(fd >= 0 && to >= 0, "%s: %s", from, strerror(errno));
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		check(write(to, buffer, (size_t)n) == n, "%s: %s", from, strerror(errno));
	close(fd);
}

static void open_memfd(const char *path)
{
	int fd = memfd_create("generated", MFD_CLOEXEC);
	char name[64];

	copy(path, fd);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	take(open_path(name, RTLD_NOW));
	close(fd);
}

static void open_brief(const char *path)
{
	void *opened = open_path(path, RTLD_NOW);

	check(unlink(path) == 0, "unlink: %s", strerror(errno));
	take(opened);
}

static void say_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long lo, hi, inode, first = 0;
	unsigned major, minor;
	char line[4096 + 128];
	Dl_info info;

	check(maps && value && dladdr((void *)value, &info), "maps");
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %*s %x:%x %lu", &lo, &hi, &major, &minor, &inode) ==
			    5 &&
		    lo == (unsigned long)info.dli_fbase)
			printf("%lx %u:%u:%lu\n", first = lo, major, minor, inode);
	check(first, "it is not in the maps");
	fclose(maps);
}

static bool is_child(pid_t pid)
{
	int status;

	check(pid >= 0, "fork: %s", strerror(errno));
	if (!pid)
		return true;
	check(waitpid(pid, &status, 0) == pid && !status, "the child: status %x", (unsigned)status);
	return false;
}

static char **step(char **s)
{
	const char *what = *s++;

	fflush(stdout);
	if (!strcmp(what, "open"))
		take(open_path(*s++, RTLD_NOW)), say("open");
	else if (!strcmp(what, "noload"))
		say_loaded(*s++);
	else if (!strcmp(what, "brief"))
		open_brief(*s++), say("brief");
	else if (!strcmp(what, "memfd"))
		open_memfd(*s++), say("memfd");
	else if (!strcmp(what, "close"))
		close_handle(handle[--handles]);
	else if (!strcmp(what, "value"))
		say("value");
	else if (!strcmp(what, "rm"))
		check(unlink(*s++) == 0, "unlink: %s", strerror(errno));
	else if (!strcmp(what, "cp")) {
		int fd = open(s[1], O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0755);

		copy(s[0], fd);
		close(fd);
		s += 2;
	} else if (!strcmp(what, "maps"))
		say_maps();
	else if (!strcmp(what, "fork"))
		return is_child(fork()) ? s : NULL;
	else if (!strcmp(what, "_fork"))
		return is_child(_Fork()) ? s : NULL;
	else if (!strcmp(what, "stop"))
		printf("stopped %d\n", getpid()), fflush(stdout), getchar();
	else
		fail("no step %s", what);
	return s;
}

int main(int argc, char **argv)
{
	char **s = argv + 1;

	check(argc > 1, "usage: host_archived STEP...");
	while (s && *s)
		s = step(s);
	fflush(stdout);
	return 0;
}
