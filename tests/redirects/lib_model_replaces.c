/*
 * lib_model_replaces.c - the replacements of model.c: some that give a number, and one for each redirect
 * that asks what it stands in for.
 * SPDX-License-Identifier: MIT
 */
#define TWELVE(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7) m(8) m(9) m(10) m(11)

extern int (*model_previous[])(void);
extern int (*const model_chains[])(void), (*const model_plains[])(void);

int (*model_previous[12])(void);

#define CHAIN(n)                                                                                   \
	static int chain##n(void)                                                                  \
	{                                                                                          \
		int (*previous)(void) = __atomic_load_n(&model_previous[n], __ATOMIC_ACQUIRE);     \
                                                                                                   \
		return previous ? (int)((unsigned)previous() * 37u + 11u + n) : -500;              \
	}
TWELVE(CHAIN)

#define PLAIN(n)                                                                                   \
	static int plain##n(void)                                                                  \
	{                                                                                          \
		return -1 - n;                                                                     \
	}
PLAIN(0)
PLAIN(1)
PLAIN(2)

#define CHAIN_ENTRY(n) chain##n,
int (*const model_chains[])(void) = { TWELVE(CHAIN_ENTRY) };
int (*const model_plains[])(void) = { plain0, plain1, plain2 };
