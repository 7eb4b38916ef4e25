/*
 * lib_links.c - members of a chain; LINKS(M) names them all, or M(n) one.
 * SPDX-License-Identifier: MIT
 */
#define MEMBER(n)                                                                                  \
	int (*r_previous##n)(void);                                                                \
	int r_link##n(void);                                                                       \
	int r_link##n(void)                                                                        \
	{                                                                                          \
		return r_previous##n() + 1000 + n;                                                 \
	}
#ifdef ONE
#define EXPANDED(n) MEMBER(n)
EXPANDED(ONE)
#else
#define TEN(t)                                                                                     \
	MEMBER(t##0)                                                                               \
	MEMBER(t##1)                                                                               \
	MEMBER(t##2)                                                                               \
	MEMBER(t##3)                                                                               \
	MEMBER(t##4)                                                                               \
	MEMBER(t##5)                                                                               \
	MEMBER(t##6)                                                                               \
	MEMBER(t##7)                                                                               \
	MEMBER(t##8)                                                                               \
	MEMBER(t##9)
TEN()
TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9)
#endif
