/*
 * archive.c - what does a dlopen cost whose file is archived, for the first time and ever after?
 *
 * usage: archive with|without FOLDER	reads requests: see bench.h
 *
 * "first": dlopen of the next library of FOLDER (0.so, 1.so, ...), which stays. "again": dlopen and
 * dlclose of 0.so, which is mapped and unmapped each time.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

static const char *folder;

static BATCH void batch_first(size_t n)
{
	static size_t next;
	char path[4096];

	while (n--) {
		snprintf(path, sizeof(path), "%s/%zu.so", folder, next++);
		bench_open(path);
	}
}

static BATCH void batch_again(size_t n)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/0.so", folder);
	while (n--)
		dlclose(bench_open(path));
}

int main(int argc, char **argv)
{
	static const struct bench_word words[] = {
		{ "first", batch_first },
		{ "again", batch_again },
		{ NULL, NULL },
	};

	if (argc != 3)
		bench_die("usage: archive with|without FOLDER");
	bench_pin();
	bench_assert_side(argv[1]);
	folder = bench_path(argv[2]);
	return bench_serve(words);
}
