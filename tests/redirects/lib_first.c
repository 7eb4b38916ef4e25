/*
 * lib_first.c - many functions, and with CALLS a library that has a lazy slot for each. A quarter of them
 * are chosen by resolvers, some of which take their time: that is when a first call is
 * overtaken.
 * SPDX-License-Identifier: MIT
 */
#define TEN(m, t) m(t##0) m(t##1) m(t##2) m(t##3) m(t##4) m(t##5) m(t##6) m(t##7) m(t##8) m(t##9)
#define HUNDRED(m, t)                                                                              \
	TEN(m, t##0)                                                                               \
	TEN(m, t##1)                                                                               \
	TEN(m, t##2)                                                                               \
	TEN(m, t##3)                                                                               \
	TEN(m, t##4)                                                                               \
	TEN(m, t##5)                                                                               \
	TEN(m, t##6)                                                                               \
	TEN(m, t##7)                                                                               \
	TEN(m, t##8)                                                                               \
	TEN(m, t##9)
/* 1000 to 1999: a leading zero would make it octal */
#define THOUSAND(m)                                                                                \
	HUNDRED(m, 10)                                                                             \
	HUNDRED(m, 11)                                                                             \
	HUNDRED(m, 12)                                                                             \
	HUNDRED(m, 13)                                                                             \
	HUNDRED(m, 14)                                                                             \
	HUNDRED(m, 15)                                                                             \
	HUNDRED(m, 16)                                                                             \
	HUNDRED(m, 17)                                                                             \
	HUNDRED(m, 18)                                                                             \
	HUNDRED(m, 19)

#define DECLARE(n) int t_f##n(void);
THOUSAND(DECLARE)
#ifdef CALLS
#define CALL(n)                                                                                    \
	static int call##n(void)                                                                   \
	{                                                                                          \
		return t_f##n() + 0;                                                               \
	}
THOUSAND(CALL)
#define ENTRY(n) call##n,
extern int (*const first_calls[])(void);
int (*const first_calls[])(void) = { THOUSAND(ENTRY) };
#else
#define NAME(n) "t_f" #n,
extern const char *const names[];
const char *const names[] = { THOUSAND(NAME) };
#define PLAIN(n)                                                                                   \
	int t_f##n(void)                                                                           \
	{                                                                                          \
		return n - 1000;                                                                   \
	}
#define CHOSEN(n)                                                                                  \
	static int chosen##n(void)                                                                 \
	{                                                                                          \
		return n - 1000;                                                                   \
	}                                                                                          \
	static int (*resolve##n(void))(void)                                                       \
	{                                                                                          \
		for (volatile int i = 0; i < n % 50 * 400; i++) /* up to 20 us */                  \
			;                                                                          \
		return chosen##n;                                                                  \
	}                                                                                          \
	int t_f##n(void) __attribute__((ifunc("resolve" #n)));
HUNDRED(PLAIN, 10)
HUNDRED(PLAIN, 11)
HUNDRED(PLAIN, 12)
HUNDRED(PLAIN, 13)
HUNDRED(PLAIN, 14)
HUNDRED(PLAIN, 15)
HUNDRED(PLAIN, 16)
TEN(PLAIN, 170)
TEN(PLAIN, 171)
TEN(PLAIN, 172)
TEN(PLAIN, 173)
TEN(PLAIN, 174)
TEN(CHOSEN, 175)
TEN(CHOSEN, 176)
TEN(CHOSEN, 177)
TEN(CHOSEN, 178)
TEN(CHOSEN, 179)
HUNDRED(CHOSEN, 18)
HUNDRED(CHOSEN, 19)
#endif
