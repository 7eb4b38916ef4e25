/*
 * plug_churned.c - a library whose generation stands in its file, where the churn writes another one
 * before each use of it. Each instance counts its own uses.
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>

uint64_t generation(void);
uint64_t use(void);
extern const volatile uint64_t stamp[2];
extern const volatile uint64_t *const relocated;

/* The first word is what the churn looks for in the file. */
const volatile uint64_t stamp[2] = { UINT64_C(0x6368757272657473), 0 };
const volatile uint64_t *const relocated = &stamp[1]; /* in RELRO, written by the loader */
static uint64_t built, used;

__attribute__((constructor)) static void build(void)
{
	built = stamp[1];
}

__attribute__((destructor)) static void destroy(void)
{
	built = 0;
}

/* What the file said; 0: the instance does not agree with itself. */
uint64_t generation(void)
{
	return *relocated == stamp[1] && __atomic_load_n(&built, __ATOMIC_RELAXED) == stamp[1]
		       ? stamp[1]
		       : 0;
}

uint64_t use(void)
{
	return __atomic_add_fetch(&used, 1, __ATOMIC_RELAXED);
}
