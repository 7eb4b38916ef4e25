/*
 * plugin.c - what is profiled: a static function that is hot, called by a static one, called by one
 * that is exported. So the dynamic symbols do not name where the time goes.
 *
 * Built once for each VERSION: other names, other lines, other addresses.
 * SPDX-License-Identifier: MIT
 */
#define NAME_(function, version) function##_##version
#define NAME(function, version) NAME_(function, version)

#ifdef PADDING
/* So that one version's addresses mean something else in the other. */
__attribute__((used, noinline)) static long NAME(padding, VERSION)(long n)
{
	volatile long x = n;

	for (int i = 0; i < PADDING; i++)
		x = x * 3 + x / 7 + i;
	return x;
}
#endif

/* BEGIN leaf */
__attribute__((noinline)) static long NAME(leaf, VERSION)(long n)
{
	volatile long x = 0;

	while (n--)
		x = x + n;
	return x;
}
/* END leaf */

/* BEGIN mid */
__attribute__((noinline)) static long NAME(mid, VERSION)(long n)
{
	return NAME(leaf, VERSION)(n) + 1;
}
/* END mid */

/* BEGIN entry */
long NAME(entry, VERSION)(long n)
{
	return NAME(mid, VERSION)(n) + 1;
}
/* END entry */
