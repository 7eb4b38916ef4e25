/*
 * scan.c - how fast does a look go through memory, compared with a plain read of the same?
 *
 * usage: scan with|without LIBRARY MIB	reads requests: see bench.h
 *
 * "close": dlopen and dlclose of LIBRARY, in CPU time; of the dlclose alone. With linger the process is
 * looked at, and MIB of written memory with it. "read": the sum of all words of that memory, in CPU time, by a loop for
 * which the compiler may use what the CPU has.
 * The words are such as a program has: half of them are pointers into the memory itself, a quarter small
 * numbers, a quarter anything of 44 bits: among millions with 64 one would be an address in LIBRARY now
 * and then.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

#include <sys/mman.h>

static const char *library;
static uint64_t *memory;
static size_t words;
static volatile uint64_t sink;

static BATCH void batch_close(size_t n)
{
	while (n--) {
		void *handle = bench_open(library);
		uint64_t begin = bench_cpu();

		dlclose(handle);
		bench_own += bench_cpu() - begin;
		if (dlopen(library, RTLD_NOW | RTLD_NOLOAD))
			bench_die("%s was closed and is still there", library);
	}
}

#if defined(__x86_64__)
__attribute__((target_clones("avx2", "default")))
#endif
__attribute__((optimize("O3"), noinline)) static uint64_t
sum(const uint64_t *from, size_t n)
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += from[i];
	return all;
}

static BATCH void batch_read(size_t n)
{
	uint64_t begin = bench_cpu();

	while (n--)
		sink = sum(memory, words);
	bench_own = bench_cpu() - begin;
}

static uint64_t word_like(uint64_t any)
{
	switch (any % 4) {
	case 0: return any >> 20;
	case 1: return any >> 8 & 0xfff;
	default: return (uint64_t)(uintptr_t)(memory + (any >> 8) % words);
	}
}

int main(int argc, char **argv)
{
	static const struct bench_word table[] = {
		{ "close", batch_close },
		{ "read", batch_read },
		{ NULL, NULL },
	};

	if (argc != 4)
		bench_die("usage: scan with|without LIBRARY MIB");
	bench_pin();
	bench_assert_side(argv[1]);
	library = bench_path(argv[2]);
	words = strtoul(argv[3], NULL, 10) * (1 << 20) / sizeof(*memory);
	memory = mmap(NULL, words * sizeof(*memory) + 1, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		bench_die("no memory");
	for (size_t i = 0; i < words; i++)
		memory[i] = word_like(bench_random());
	return bench_serve(table);
}
