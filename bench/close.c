/*
 * close.c - what does a dlclose take that unloads?
 *
 * usage: close with|without LIBRARY	reads requests: see bench.h
 *
 * "close": dlopen and dlclose of LIBRARY; only the dlclose is measured, in CPU time.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

static const char *library;

static BATCH void batch_close(size_t n)
{
	while (n--) {
		void *handle = bench_open(library);
		uint64_t begin = bench_cpu();

		dlclose(handle);
		bench_own += bench_cpu() - begin;
	}
}

int main(int argc, char **argv)
{
	static const struct bench_word words[] = {
		{ "close", batch_close },
		{ NULL, NULL },
	};

	if (argc != 3)
		bench_die("usage: close with|without LIBRARY");
	bench_pin();
	bench_assert_side(argv[1]);
	library = bench_path(argv[2]);
	return bench_serve(words);
}
