/*
 * deferred.c - what do a close that is deferred, and opening again what was kept, cost?
 *
 * usage: deferred with|without LIBRARY SYMBOL PATTERN	reads requests: see bench.h
 *	  deferred with|without LIBRARY SYMBOL PATTERN detached|kept	checks, measures nothing
 *
 * "pair", "use": dlopen and dlclose of LIBRARY, without and with a dlsym of SYMBOL in between. With
 * linger it is kept and given back in turn, without it is mapped and unmapped. "open": one handle
 * that stays, so that a pair loads nothing.
 * "first", "load": dlopen of the next of the files that PATTERN matches, with a dlclose, which keeps
 * it, or none.
 * "reload": a new copy of LIBRARY takes the place of the last one by rename(2), and is used. "copies"
 * makes so many of them before, beside LIBRARY; bench/run removes them.
 *
 * The check: after a pair LIBRARY is kept, its pages replaced (detached) or not; without linger it is
 * gone; and a reload loads.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

#include <glob.h>
#include <stdbool.h>
#include <unistd.h>

static const char *library, *symbol;
static glob_t files;
static char *copy[4096], *reloaded; /* paths */
static size_t copies, copies_used;

static BATCH void batch_pair(size_t n)
{
	while (n--)
		dlclose(bench_open(library));
}

static void *use(const char *path)
{
	void *handle = bench_open(path);
	void *address = dlsym(handle, symbol);

	if (!address)
		bench_die("%s", dlerror());
	dlclose(handle);
	return address;
}

static BATCH void batch_use(size_t n)
{
	while (n--)
		use(library);
}

static BATCH void batch_open(size_t n)
{
	while (n--)
		bench_open(library);
}

static const char *next_file(void)
{
	static size_t next;

	if (next == files.gl_pathc)
		bench_die("no more than %zu files", next);
	return files.gl_pathv[next++];
}

static BATCH void batch_first(size_t n)
{
	while (n--)
		dlclose(bench_open(next_file()));
}

static BATCH void batch_load(size_t n)
{
	while (n--)
		bench_open(next_file());
}

static void copy_file(const char *path)
{
	static char bytes[1 << 20];
	FILE *from = fopen(library, "rb"), *to = fopen(path, "wb");
	size_t n = from ? fread(bytes, 1, sizeof(bytes), from) : 0;

	if (!n || !to || fwrite(bytes, 1, n, to) != n || fclose(to) != 0)
		bench_die("cannot copy %s to %s", library, path);
	fclose(from);
}

static BATCH void batch_copies(size_t n)
{
	while (n--) {
		if (copies == sizeof(copy) / sizeof(*copy) ||
		    asprintf(&copy[copies], "%s.%d.%zu", library, (int)getpid(), copies) < 0)
			bench_die("no room for a copy");
		copy_file(copy[copies++]);
	}
}

static void *reload(void)
{
	if (copies_used == copies || rename(copy[copies_used++], reloaded) != 0)
		bench_die("no more than %zu copies", copies);
	return use(reloaded);
}

static BATCH void batch_reload(size_t n)
{
	while (n--)
		reload();
}

/* Does a mapping of this name have the address in it? */
static bool is_mapped_from(const void *address, const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uintptr_t at = (uintptr_t)address, lo, hi;
	char line[8192];
	bool is = false;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%zx-%zx", &lo, &hi) == 2 && at >= lo && at < hi)
			is = strstr(line, name);
	if (maps)
		fclose(maps);
	return is;
}

static int check(bool with, const char *how)
{
	struct linger_info info = { .state = 0 };
	const void *address = use(library), *other;
	int r = linger_query(address, &info);

	if (with && (r != 0 || info.state != LINGER_KEPT))
		bench_die("%s should be kept, but is in state %u", library, info.state);
	if (with && is_mapped_from(address, "/memfd:") != (strcmp(how, "detached") == 0))
		bench_die("%s should be %s", library, how);
	if (!with && is_mapped_from(address, library))
		bench_die("%s was closed and is still there", library);
	if (strcmp(how, "detached") == 0) {
		batch_copies(2);
		address = reload();
		other = reload();
		if (with && address == other)
			bench_die("a changed file is not loaded anew");
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct bench_word words[] = {
		{ "pair", batch_pair },	    { "use", batch_use },   { "open", batch_open },
		{ "first", batch_first },   { "load", batch_load }, { "copies", batch_copies },
		{ "reload", batch_reload }, { NULL, NULL },
	};

	if (argc < 5)
		bench_die("usage: deferred with|without LIBRARY SYMBOL PATTERN [detached|kept]");
	bench_pin();
	bench_assert_side(argv[1]);
	library = bench_path(argv[2]);
	symbol = argv[3];
	if (glob(argv[4], 0, NULL, &files) != 0)
		bench_die("%s matches nothing", argv[4]);
	if (asprintf(&reloaded, "%s.%d", library, (int)getpid()) < 0)
		bench_die("no memory");
	return argc > 5 ? check(strcmp(argv[1], "with") == 0, argv[5]) : bench_serve(words);
}
