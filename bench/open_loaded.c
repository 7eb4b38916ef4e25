/*
 * open_loaded.c - what do the calls cost that load nothing: opening what is loaded, looking up?
 *
 * usage: open_loaded with|without LIBRARY	reads requests: see bench.h
 *
 * "pair": dlopen and dlclose of LIBRARY, which has a handle already. "dlsym": one symbol of it.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

static const char *library;
static void *handle;

static BATCH void batch_pair(size_t n)
{
	while (n--)
		dlclose(dlopen(library, RTLD_NOW | RTLD_LOCAL));
}

static BATCH void batch_dlsym(size_t n)
{
	while (n--)
		if (!dlsym(handle, "small_function"))
			bench_die("%s", dlerror());
}

int main(int argc, char **argv)
{
	static const struct bench_word words[] = {
		{ "pair", batch_pair },
		{ "dlsym", batch_dlsym },
		{ NULL, NULL },
	};

	if (argc < 3)
		bench_die("usage: open_loaded with|without LIBRARY");
	bench_pin();
	bench_assert_side(argv[1]);
	library = bench_path(argv[2]);
	handle = bench_open(library);
	if (dlopen(library, RTLD_NOW) != handle || dlclose(handle) != 0)
		bench_die("opening %s twice gives two handles", library);
	return bench_serve(words);
}
