/*
 * lib_apart.c - who defines t_apart, who calls it, and who replaces it: NUMBER is what it gives.
 * SPDX-License-Identifier: MIT
 */
int t_apart(void);

#ifdef NUMBER
#ifdef CHOSEN
__attribute__((noipa)) static int chosen(void)
{
	return NUMBER;
}
static int (*choose(void))(void)
{
	return chosen;
}
int t_apart(void) __attribute__((ifunc("choose")));
#else
__attribute__((noipa)) int t_apart(void)
{
	return NUMBER;
}
#endif
#endif

#ifdef VERSIONED
int old_apart(void)
{
	return VERSIONED;
}
#ifdef NEWER
int new_apart(void)
{
	return NEWER;
}
#else
int new_apart(void) __attribute__((alias("old_apart")));
#endif
__asm__(".symver old_apart, t_apart@T_1");
__asm__(".symver new_apart, t_apart@@T_2");
#elif defined(OLD)
__asm__(".symver t_apart, t_apart@T_1");
#endif

#ifdef CALLS
/* A constant that relocation fills in, of as many pages: the first half of each is empty. */
const struct {
	char none[2048];
	int (*f)(void);
	char rest[2040];
} apart_table[PAGES] = { [0 ... PAGES - 1] = { .f = t_apart } };

int apart_call(void)
{
	return t_apart();
}
#endif

#ifdef SLOTS
int (*apart_slots[SLOTS])(void) = { [0 ... SLOTS - 1] = t_apart };
#endif

#ifdef CLOSES
int dlclose(void *handle);
void *apart_closes;

__attribute__((destructor)) static void close_the_other(void)
{
	if (apart_closes)
		dlclose(apart_closes);
}
#endif

#ifdef REPLACES_ITS_OWN
int apart_more(void)
{
	return 1000 + t_apart();
}
#endif

#ifdef REPLACES
void *apart_previous;

int apart_100(void)
{
	return 100;
}
int apart_again(void)
{
	return 10 + ((int (*)(void))apart_previous)();
}
int apart_200(void)
{
	return 200;
}
int apart_300(void)
{
	return 300;
}
#endif
