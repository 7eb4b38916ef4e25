/*
 * open_close.c - what does loading and unloading a library cost, however many are loaded already?
 *
 * usage: open_close with|without LIBRARY [FOLDER]	reads requests: see bench.h
 *
 * "pair": dlopen and dlclose of LIBRARY, which is mapped and unmapped each time. "load": dlopen of
 * the next library of FOLDER (0.so, 1.so, ...), which stays.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

static const char *library, *folder;

static BATCH void batch_pair(size_t n)
{
	while (n--)
		dlclose(bench_open(library));
}

static BATCH void batch_load(size_t n)
{
	static size_t next;
	char path[4096];

	while (n--) {
		snprintf(path, sizeof(path), "%s/%zu.so", folder, next++);
		bench_open(path);
	}
}

int main(int argc, char **argv)
{
	static const struct bench_word words[] = {
		{ "pair", batch_pair },
		{ "load", batch_load },
		{ NULL, NULL },
	};

	if (argc < 3)
		bench_die("usage: open_close with|without LIBRARY [FOLDER]");
	bench_pin();
	bench_assert_side(argv[1]);
	library = bench_path(argv[2]);
	folder = argc > 3 ? argv[3] : "";
	/* The loader itself gives no error for a library that cannot go. */
	batch_pair(1);
	if (dlopen(library, RTLD_NOW | RTLD_NOLOAD))
		bench_die("%s was closed and is still there", library);
	return bench_serve(words);
}
