/*
 * host.c - a program that loads plugins, spends time in them, and lets become of their files what the
 * words of its command say.
 *
 *	open FILE VERSION	dlopen FILE, and take entry_VERSION from it
 *	again FILE VERSION	the same into a new namespace: a second instance of the file
 *	memfd FILE VERSION	the same of a copy that never was a file in a directory
 *	run ROW SECONDS		spend that much CPU time in what was taken last, then print
 *				phase ROW VERSION PID LO HI BEGIN END (hexadecimal, ns of CLOCK_MONOTONIC)
 *	back			on with what was taken before this one
 *	close			dlclose what was taken last
 *	rm FILE, mv FROM TO, cp FROM TO		cp writes into TO, as it is
 *	sh COMMAND		run a shell
 *	ready FIFO, wait FIFO	tell, and be told, that it is time
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct taken {
	void *handle;
	const char *version;
	long (*entry)(long);
	uintptr_t lo, hi; /* its range */
};
static struct taken taken[64], *last = taken;

static _Noreturn void fail(const char *what)
{
	printf("failed %s\n", what);
	exit(1);
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void copy(const char *from, int to)
{
	int in = open(from, O_RDONLY);
	char piece[65536];
	ssize_t n;

	while ((n = read(in, piece, sizeof(piece))) > 0)
		if (write(to, piece, (size_t)n) != n)
			fail("write");
	close(in);
}

static void find_range(void)
{
	const ElfW(Ehdr) *head;
	const ElfW(Phdr) *p;
	struct link_map *map;

	if (dlinfo(last->handle, RTLD_DI_LINKMAP, &map) < 0)
		fail("dlinfo");
	last->lo = map->l_addr;
	head = (const void *)last->lo;
	p = (const void *)(last->lo + head->e_phoff);
	for (int i = 0; i < head->e_phnum; i++)
		if (p[i].p_type == PT_LOAD)
			last->hi = last->lo + p[i].p_vaddr + p[i].p_memsz;
}

static void take(void *opened, const char *version)
{
	char name[64];

	if (++last == taken + 64)
		fail("too much is open");
	last->handle = opened;
	last->version = version;
	if (!opened)
		fail(dlerror());
	snprintf(name, sizeof(name), "entry_%s", version);
	*(void **)&last->entry = dlsym(opened, name);
	if (!last->entry)
		fail(dlerror());
	find_range();
}

static void open_memfd(const char *from, const char *version)
{
	int fd = memfd_create("plugin", 0);
	char name[64];

	copy(from, fd);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	take(dlopen(name, RTLD_NOW), version);
	close(fd);
}

__attribute__((noinline)) static long host_run(uint64_t until)
{
	long sum = 0;

	while (now(CLOCK_PROCESS_CPUTIME_ID) < until)
		sum += last->entry(100000);
	return sum;
}

static long run(const char *row, double seconds)
{
	uint64_t begin = now(CLOCK_MONOTONIC);
	long sum;

	sum = host_run(now(CLOCK_PROCESS_CPUTIME_ID) + (uint64_t)(seconds * 1e9));
	printf("phase %s %s %d %lx %lx %llu %llu\n", row, last->version, getpid(),
	       (unsigned long)last->lo, (unsigned long)last->hi, (unsigned long long)begin,
	       (unsigned long long)now(CLOCK_MONOTONIC));
	fflush(stdout);
	return sum;
}

static void copy_file(const char *from, const char *name)
{
	int to = open(name, O_WRONLY | O_TRUNC);

	copy(from, to);
	close(to);
}

/* Who opens the other end of a FIFO, and when, is what counts. */
static void meet(const char *fifo, int flags)
{
	int fd = open(fifo, flags);

	if (fd < 0)
		fail(fifo);
	close(fd);
}

int main(int argc, char **argv)
{
	long sum = 0;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (!strcmp(word, "open") && ++i + 1 < argc)
			take(dlopen(argv[i], RTLD_NOW), argv[i + 1]), i++;
		else if (!strcmp(word, "again") && ++i + 1 < argc)
			take(dlmopen(LM_ID_NEWLM, argv[i], RTLD_NOW), argv[i + 1]), i++;
		else if (!strcmp(word, "memfd") && ++i + 1 < argc)
			open_memfd(argv[i], argv[i + 1]), i++;
		else if (!strcmp(word, "run") && ++i + 1 < argc)
			sum += run(argv[i], atof(argv[i + 1])), i++;
		else if (!strcmp(word, "back"))
			last--;
		else if (!strcmp(word, "close"))
			dlclose(last->handle);
		else if (!strcmp(word, "rm") && ++i < argc)
			unlink(argv[i]);
		else if (!strcmp(word, "mv") && ++i + 1 < argc)
			rename(argv[i], argv[i + 1]), i++;
		else if (!strcmp(word, "cp") && ++i + 1 < argc)
			copy_file(argv[i], argv[i + 1]), i++;
		else if (!strcmp(word, "sh") && ++i < argc && system(argv[i]) != 0)
			fail(argv[i]);
		else if (!strcmp(word, "ready") && ++i < argc)
			meet(argv[i], O_WRONLY);
		else if (!strcmp(word, "wait") && ++i < argc)
			meet(argv[i], O_RDONLY);
	}
	return sum == 1;
}
