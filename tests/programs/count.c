/*
 * count.c - a preload library that counts, so that linger's numbers have something to agree with.
 *
 * Counts the calls of dlopen, dlmopen and dlclose of each process, and how many objects glibc has
 * mapped and unmapped. Shares no code with linger. Each function counts and then jumps to the next
 * definition (a sibling call: the return address stays the program's own, and with it the
 * program's RUNPATH, namespace and scope); the_counter_can_be_trusted.t checks both.
 *
 * COUNT=FILE in the environment: FILE.PID.N receives the numbers, N counting the programs that
 * a process became by exec and the processes that had the pid by turns. The file is mapped and
 * shared, so _exit and SIGKILL lose no call. A fork gets a file of its own.
 * COUNT_DROP=1: forgets the first dlclose of every process: a fault planted on purpose, with which
 * the tests show that they would notice one.
 *
 * Objects are counted at each call and when this library's destructor runs; what happens after the
 * last of these in the life of a process is not seen. A process made by a bare clone() or _Fork(),
 * which run no fork handlers, would count for its parent.
 *
 * To be compiled with -O2 and without instrumentation: else there are no sibling calls.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The file, read by `tally`. All numbers are counted from the start of the process or the fork. */
struct page {
	char magic[8];
	uint64_t pid;
	uint64_t forked; /* 1: begun by a fork without exec */
	_Atomic uint64_t dlopen, dlmopen, dlclose;
	uint64_t open, unload; /* objects, in all namespaces; under the loader's write lock */
	char exe[PATH_MAX];
};

/*
 * All the state. page points at `nowhere` until the file is made, and for ever where it cannot be:
 * the test then misses the process. mapped and unmapped are as of the last look, under the loader's
 * write lock.
 */
static struct {
	void *(*dlopen)(const char *, int);
	void *(*dlmopen)(Lmid_t, const char *, int);
	int (*dlclose)(void *);
	const char *file;
	struct page *page;
	uint64_t first_mapped, first_unmapped, mapped, unmapped, stand_ins, stand_ins_ever;
	atomic_bool drop;
} state;
static struct page nowhere;

/* Called under the loader's lock for the first object, and ends the iteration there. */
static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	const struct r_debug_extended *ns = (const struct r_debug_extended *)&_r_debug;
	uint64_t now = 0, stand_ins = 0;

	/*
	 * dlpi_subs is of no use where dlmopen is: glibc 2.36 adds the number of objects in a
	 * namespace to its sum once for each of them. Hence the loader's lists.
	 */
	for (; ns; ns = ns->base.r_version > 1 ? ns->r_next : NULL)
		for (struct link_map *map = ns->base.r_map; map; map = map->l_next) {
			now++;
			/* Each further namespace lists ld.so again; no file is mapped for that. */
			stand_ins += &ns->base != &_r_debug && map->l_addr == _r_debug.r_ldbase;
		}
	if (stand_ins > state.stand_ins)
		state.stand_ins_ever += stand_ins - state.stand_ins;
	state.stand_ins = stand_ins;
	state.mapped = info->dlpi_adds - state.stand_ins_ever;
	state.unmapped = state.mapped - (now - stand_ins);
	state.page->open = state.mapped - state.first_mapped;
	state.page->unload = state.unmapped - state.first_unmapped;
	return 1;
}

static void count_objects(void)
{
	dl_iterate_phdr(look, NULL);
}

static void begin_file(uint64_t forked)
{
	char name[PATH_MAX];
	struct page *page;
	int fd = -1;

	state.first_mapped = state.mapped;
	state.first_unmapped = state.unmapped;
	state.page = &nowhere;
	state.drop = getenv("COUNT_DROP") != NULL;
	for (int n = 0; fd < 0 && n < 1000; n++) {
		snprintf(name, sizeof(name), "%s.%ld.%d", state.file, (long)getpid(), n);
		fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return;
	if (ftruncate(fd, sizeof(*page)) == 0) {
		page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (page != MAP_FAILED) {
			page->pid = (uint64_t)getpid();
			page->forked = forked;
			if (readlink("/proc/self/exe", page->exe, sizeof(page->exe) - 1) < 0)
				page->exe[0] = '\0';
			memcpy(page->magic, "COUNTING", sizeof(page->magic));
			state.page = page;
		}
	}
	close(fd);
}

/* In the parent, since a child cannot know who held the loader's lock when it was made. */
static void before_fork(void)
{
	count_objects();
}

static void in_child(void)
{
	begin_file(1);
}

/*
 * Runs as this library's constructor, or at the first call where another library's constructor
 * calls before that. Start-up objects are the zero of the count.
 */
__attribute__((constructor)) static void begin(void)
{
	if (state.page)
		return;
	state.page = &nowhere;
	state.file = getenv("COUNT");
	*(void **)&state.dlopen = dlsym(RTLD_NEXT, "dlopen");
	*(void **)&state.dlmopen = dlsym(RTLD_NEXT, "dlmopen");
	*(void **)&state.dlclose = dlsym(RTLD_NEXT, "dlclose");
	count_objects();
	if (!state.file)
		return;
	begin_file(0);
	pthread_atfork(before_fork, NULL, in_child);
}

__attribute__((destructor)) static void end(void)
{
	count_objects();
}

static void count(_Atomic uint64_t *calls)
{
	atomic_fetch_add_explicit(calls, 1, memory_order_relaxed);
	count_objects();
}

void *dlopen(const char *file, int mode)
{
	begin();
	count(&state.page->dlopen);
	return state.dlopen(file, mode);
}

void *dlmopen(Lmid_t namespace, const char *file, int mode)
{
	begin();
	count(&state.page->dlmopen);
	return state.dlmopen(namespace, file, mode);
}

int dlclose(void *handle)
{
	begin();
	if (atomic_exchange(&state.drop, 0))
		count_objects();
	else
		count(&state.page->dlclose);
	return state.dlclose(handle);
}
