/*
 * imports.c - the libraries that bench/redirect works on; bench/run builds it several times.
 *
 * -DCALLED: defines f1000 to f1199. -DREPLACEMENT: r1000 to r1199, which do the same. Neither: imports
 * f1000 to f1199, each by one slot of the PLT, and is copied as often as objects are wanted.
 * SPDX-License-Identifier: MIT
 */
#define TEN(X, n) X(n##0) X(n##1) X(n##2) X(n##3) X(n##4) X(n##5) X(n##6) X(n##7) X(n##8) X(n##9)
#define TEN_TENS(X, n)                                                                             \
	TEN(X, n##0)                                                                               \
	TEN(X, n##1)                                                                               \
	TEN(X, n##2)                                                                               \
	TEN(X, n##3)                                                                               \
	TEN(X, n##4)                                                                               \
	TEN(X, n##5)                                                                               \
	TEN(X, n##6)                                                                               \
	TEN(X, n##7)                                                                               \
	TEN(X, n##8)                                                                               \
	TEN(X, n##9)
#define ALL(X) TEN_TENS(X, 10) TEN_TENS(X, 11)

#define DECLARE(n)                                                                                 \
	int f##n(int x);                                                                           \
	int r##n(int x);
ALL(DECLARE)

#if defined(CALLED)
#define DEFINE(n)                                                                                  \
	int f##n(int x)                                                                            \
	{                                                                                          \
		return x + 1;                                                                      \
	}
ALL(DEFINE)

#elif defined(REPLACEMENT)
#define DEFINE(n)                                                                                  \
	int r##n(int x)                                                                            \
	{                                                                                          \
		return x + 1;                                                                      \
	}
ALL(DEFINE)

#else
int touch(void);
int loop_redirected(int n);
int loop_plain(int n);

/* A first call of each. */
int touch(void)
{
	int x = 0;

#define CALL(n) x = f##n(x);
	ALL(CALL)
	return x;
}

int loop_redirected(int n)
{
	int x = 0;

	while (n--)
		x = f1000(x);
	return x;
}

int loop_plain(int n)
{
	int x = 0;

	while (n--)
		x = f1199(x);
	return x;
}
#endif
