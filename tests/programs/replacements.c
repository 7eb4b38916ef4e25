/*
 * replacements.c - what the tests of redirects lead functions of real programs to.
 *
 * -DLIBC, -DSSL or -DGLIB: which functions. pass_F counts its calls and calls F by its own name, which is
 * what it replaces; other_F does something else. The counts are in the file COUNTS (-D), one word for each
 * F, shared by all processes of a run: the first calls come before any constructor has run, the last ones
 * behind every destructor, and some from users who may not write elsewhere.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MALLOC, GETENV, SSL_CTX, STRDUP, LOG, ALL };

static void count(int which)
{
	static _Atomic(_Atomic uint64_t *) counts;
	_Atomic uint64_t *to = atomic_load(&counts);
	int saved = errno;

	if (!to) {
		int fd = open(COUNTS, O_RDWR | O_CLOEXEC);

		to = mmap(NULL, ALL * sizeof(*to), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (to == MAP_FAILED) {
			static const char sentence[] = "replacements: there is no " COUNTS "\n";

			if (write(2, sentence, sizeof(sentence) - 1) < 0)
				_exit(98);
			_exit(99);
		}
		atomic_store(&counts, to);
	}
	atomic_fetch_add(&to[which], 1);
	errno = saved;
}

#ifdef LIBC
void *malloc(size_t size);
char *getenv(const char *name);

void *pass_malloc(size_t size)
{
	count(MALLOC);
	return malloc(size);
}

char *pass_getenv(const char *name)
{
	count(GETENV);
	return getenv(name);
}

/* LINGER_SAYS is in no environment. */
char *other_getenv(const char *name)
{
	static char value[] = "something else";

	count(GETENV);
	return strcmp(name, "LINGER_SAYS") ? getenv(name) : value;
}

/* More is asked for, and filled: nobody may rely on zeros. */
void *other_malloc(size_t size)
{
	void *p = malloc(size + 48);

	count(MALLOC);
	if (p)
		memset(p, 0xa5, size + 48);
	return p;
}
#endif

#ifdef SSL
void *SSL_CTX_new(const void *method);

void *pass_SSL_CTX_new(const void *method)
{
	count(SSL_CTX);
	return SSL_CTX_new(method);
}

void *other_SSL_CTX_new(const void *method)
{
	count(SSL_CTX);
	return NULL;
}
#endif

#ifdef GLIB
char *g_strdup(const char *text);
void g_logv(const char *domain, int level, const char *form, __builtin_va_list args);

char *pass_g_strdup(const char *text)
{
	count(STRDUP);
	return g_strdup(text);
}

/* One name is another one. */
char *other_g_strdup(const char *text)
{
	char *copy = g_strdup(text);

	count(STRDUP);
	if (copy && !strcmp(copy, "a-name-of-ours.txt"))
		copy[0] = 'b';
	return copy;
}

/* g_log itself takes an unknown number of arguments: nobody can pass them on by its name. */
void pass_g_log(const char *domain, int level, const char *form, ...)
{
	__builtin_va_list args;

	count(LOG);
	__builtin_va_start(args, form);
	g_logv(domain, level, form, args);
	__builtin_va_end(args);
}

void other_g_log(const char *domain, int level, const char *form, ...)
{
	count(LOG);
}
#endif
