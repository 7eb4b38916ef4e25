/*
 * host_asks_elsewhere.c - asks linger about what is no object's: holes between segments, the end of
 * a segment, the heap, a stack, fresh memory, nothing at all; in quiet times, and when a load may be
 * under way: after a dlopen that failed, whose end linger does not see.
 *
 * usage: host_asks_elsewhere PLUGIN     a plugin with holes
 * SPDX-License-Identifier: MIT
 */
#include <sys/mman.h>

#include "host.h"

static uintptr_t hole, end;

/* The plugin's first hole, and where it ends. */
static void find_hole(const char *path)
{
	char line[4096 + 128];
	FILE *maps = fopen("/proc/self/maps", "r");

	check(maps, "/proc/self/maps: %s", strerror(errno));
	while (fgets(line, sizeof(line), maps)) {
		unsigned long lo, hi;

		line[strcspn(line, "\n")] = '\0';
		if (!strstr(line, path) || sscanf(line, "%lx-%lx", &lo, &hi) != 2)
			continue;
		if (strstr(line, " ---p ") && !hole)
			hole = lo;
		end = hi;
	}
	fclose(maps);
	check(hole, "%s has no holes", path);
}

static void ask(const char *when, const char *what, uintptr_t address)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query((const void *)address, &info);

	check(r == -ENOSYS || r == -ENOENT, "%s: %s at %lx is %s", when, what, (long)address,
	      word_of(r, &info));
}

static void ask_all(const char *when)
{
	static char *heap, *fresh;
	int on_the_stack;

	if (!heap) {
		heap = malloc(100);
		fresh = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		check(heap && fresh != MAP_FAILED, "no memory");
	}
	ask(when, "a hole", hole);
	ask(when, "the last byte of a hole", hole + 4095);
	ask(when, "the end of the last segment", end);
	ask(when, "the heap", (uintptr_t)heap);
	ask(when, "fresh memory", (uintptr_t)fresh + 5000);
	ask(when, "the stack", (uintptr_t)&on_the_stack);
	ask(when, "the first page", 0);
	ask(when, "a page of small numbers", 4096);
	ask(when, "the last page", UINTPTR_MAX);
	ask(when, "half of everything", UINTPTR_MAX / 2);
	ask(when, "what is no address", (uintptr_t)0x8000000000000000);
	ask(when, "what is no address, either", (uintptr_t)0x0008000000001234);
	puts(when);
}

int main(int argc, char **argv)
{
	void *handle;

	check(argc == 2, "usage: host_asks_elsewhere PLUGIN");
	handle = open_path(argv[1], RTLD_NOW);
	find_hole(strrchr(argv[1], '/'));
	id_at(symbol(handle, "anchor"));
	ask_all("in quiet times");
	dlopen("/there/is/no/such.so", RTLD_NOW);
	ask_all("after a failed dlopen");
	close_handle(handle);
	ask_all("after dlclose");
	return 0;
}
