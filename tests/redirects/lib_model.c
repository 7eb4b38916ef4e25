/*
 * lib_model.c - the modules of model.c, the program among them.
 *
 * NAME=x: it shows itself as x_api. DEFINES=n: it defines the names, and n is its number. VERSIONS: two of
 * the second name, at one address with TWINS. CHOSEN: the fourth is an IFUNC. INNER: it calls what it
 * defines. BINDS: it is bound to the names; LAZY: without the GOT, which the linker would take for the
 * calls, too; OLD: to the second name's version V1. THREE_ONLY: of all that, the third name alone.
 * SPDX-License-Identifier: MIT
 */
#include "model.h"

#ifdef THREE_ONLY
#define EACH(m, p) m(p, three, THREE)
#else
#define EACH(m, p) m(p, one, ONE) m(p, two, TWO) m(p, three, THREE) m(p, four, FOUR)
#endif
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define API JOIN(NAME, _api)

extern struct model_api API;

#define DECLARE(p, name, index) int p##_##name(void);
EACH(DECLARE, t)
EACH(DECLARE, u)

#ifdef DEFINES
#define VALUE(index, version)                                                                      \
	(API.load * PER_LOAD + DEFINES * PER_MODULE + (index)*PER_NAME + (version))
/* own_X is X, but no symbol of it: the linker has bound who uses it. */
#define DEFINE(symbol, index, version)                                                             \
	__attribute__((noinline)) int symbol(void)                                                 \
	{                                                                                          \
		return VALUE(index, version);                                                      \
	}                                                                                          \
	extern __typeof(symbol) own_##symbol __attribute__((alias(#symbol), visibility("hidde"     \
										       "n")));
#define DEFINE_CHOSEN(symbol, index)                                                               \
	int own_##symbol(void);                                                                    \
	__attribute__((noinline, visibility("hidden"))) int own_##symbol(void)                     \
	{                                                                                          \
		return VALUE(index, 0);                                                            \
	}                                                                                          \
	static function *choose_##symbol(void)                                                     \
	{                                                                                          \
		return own_##symbol;                                                               \
	}                                                                                          \
	int symbol(void) __attribute__((ifunc("choose_" #symbol)));
DEFINE(t_three, THREE, 0)
DEFINE(u_three, THREE, 0)
#ifndef THREE_ONLY
DEFINE(t_one, ONE, 0)
DEFINE(u_one, ONE, 0)
#ifdef VERSIONS
int t_two_old(void), t_two_new(void), u_two_old(void), u_two_new(void);
DEFINE(t_two_old, TWO, 1)
DEFINE(u_two_old, TWO, 1)
DEFINE(u_two_new, TWO, 2)
#ifdef TWINS
extern __typeof(t_two_old) t_two_new __attribute__((alias("t_two_old")));
#define own_t_two_new own_t_two_old
#else
DEFINE(t_two_new, TWO, 2)
#endif
__asm__(".symver t_two_old, t_two@V1\n.symver t_two_new, t_two@@V2\n"
	".symver u_two_old, u_two@V1\n.symver u_two_new, u_two@@V2");
#else
DEFINE(t_two, TWO, 0)
DEFINE(u_two, TWO, 0)
#endif
#ifdef CHOSEN
DEFINE_CHOSEN(t_four, FOUR)
DEFINE_CHOSEN(u_four, FOUR)
#else
DEFINE(t_four, FOUR, 0)
DEFINE(u_four, FOUR, 0)
#endif
#endif
#else
#ifdef OLD
__asm__(".symver t_two, t_two@V1\n.symver u_two, u_two@V1");
#endif
#endif

#ifdef TABLE
const struct model_table model_table = { t_three, u_three };
#endif

#ifdef INNER
#define CALL_INNER(p, name, index)                                                                 \
	static int inner_##p##_##name(void)                                                        \
	{                                                                                          \
		return p##_##name() + 0;                                                           \
	}
EACH(CALL_INNER, t)
#endif

#ifdef BINDS
#define CALL(p, name, index)                                                                       \
	static int call_##p##_##name(void)                                                         \
	{                                                                                          \
		return p##_##name() + 0;                                                           \
	}                                                                                          \
	static function *word_##p##_##name = p##_##name;                                           \
	static function *const fixed_##p##_##name = p##_##name;
EACH(CALL, t)
EACH(CALL, u)
#ifdef LAZY
#define GOT(p, name)
#else
#define GET(p, name, index)                                                                        \
	static int got_##p##_##name(void)                                                          \
	{                                                                                          \
		function *volatile f = p##_##name;                                                 \
                                                                                                   \
		return f();                                                                        \
	}
EACH(GET, t)
EACH(GET, u)
#define GOT(p, name) .got = got_##p##_##name,
#endif
#endif

__attribute__((noinline)) static int plain(void)
{
	return -1000 - API.load;
}

static void *find(void *handle, const char *name, const char *version)
{
	void *found = version ? dlvsym(handle, name, version) : dlsym(handle, name);

	__asm__ volatile("" ::: "memory"); /* no tail call: who calls counts */
	return found;
}

struct model_api API = { .plain = plain,
			 .find = find,
#ifdef DEFINES
			 .own[THREE] = { own_t_three },
#ifndef THREE_ONLY
			 .own[ONE] = { own_t_one },
			 .own[FOUR] = { own_t_four },
#ifdef VERSIONS
			 .own[TWO] = { own_t_two_old, own_t_two_new },
#else
			 .own[TWO] = { own_t_two },
#endif
#endif
#endif
#ifdef INNER
#define SHOW_INNER(p, name, index) .inner[index] = inner_##p##_##name,
			 EACH(SHOW_INNER, t)
#endif
#ifdef BINDS
#define SHOW(p, name, index)                                                                       \
	.p[index] = { .call = call_##p##_##name,                                                   \
		      GOT(p, name).word = &word_##p##_##name,                                      \
		      .fixed = &fixed_##p##_##name },
				 EACH(SHOW, t) EACH(SHOW, u)
#endif
};

#if defined(BINDS) && !defined(THREE_ONLY)
__attribute__((constructor)) static void construct(void)
{
	API.constructed_t = word_t_one();
	API.constructed_u = word_u_one();
	if (&model_in_constructor && model_in_constructor)
		model_in_constructor();
}
#endif
