/*
 * unwinder.cc - walks its own stack from wherever a library calls it, and throws exceptions through kept code.
 *
 * usage: unwinder FILE REPLACEMENT
 *
 * FILE is a plugin.c built with -DTRACED. For each place one line: its name, and the functions on the stack
 * from the caller of traced() out to main, those of libc and of linger left out; or `no main` where the walk
 * ends before. Built with -DLIBUNWIND it walks with libunwind, which then throws the exceptions, too; else
 * with backtrace(3), which is libgcc's.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <linger.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef LIBUNWIND
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#endif

typedef void (*entry)(void (*f)(void *), void *arg);

extern "C" void traced(const char *place);

static int ended; /* destructors of the first library */

static int walk(void **at, int most)
{
#ifdef LIBUNWIND
	return unw_backtrace(at, most);
#else
	return backtrace(at, most);
#endif
}

/* Local functions have no name that dladdr knows: the file's symbols do. */
static const char *name_of(void *at)
{
	static const char *const known[] = { "libc.so", "ld-linux", "liblinger.so", "libunwind.so" };
	Dl_info info;

	if (!dladdr(at, &info))
		return "?";
	for (const char *part : known)
		if (strstr(info.dli_fname, part))
			return NULL;
	return info.dli_sname ? info.dli_sname : "local";
}

void traced(const char *place)
{
	void *at[256];
	int n = walk(at, 256);
	bool main_seen = false;

	if (!strcmp(place, "throw"))
		throw place;
	ended += !strcmp(place, "destructor of old");
	printf("%s:", place);
	for (int i = 1; i < n && !main_seen; i++) {
		const char *name = name_of((char *)at[i] - 1);

		if (!name || !strcmp(name, "traced"))
			continue;
		printf(" %s", name);
		main_seen = !strcmp(name, "main");
	}
	printf("%s\n", main_seen ? "" : " no main");
	fflush(stdout);
}

extern "C" void called_back(void *arg)
{
	traced((const char *)arg);
}

extern "C" void throwing(void *arg)
{
	throw(const char *) arg;
}

static void throw_through(entry f, const char *place)
{
	try {
		f(throwing, (void *)place);
		printf("%s: nothing was thrown\n", place);
	} catch (const char *what) {
		printf("%s: caught\n", what);
	}
	fflush(stdout);
}

static void hurl_through(void *handle)
{
	try {
		((void (*)(void))dlsym(handle, "hurl"))();
		puts("hurl: nothing was thrown");
	} catch (const char *) {
		puts("hurl: caught");
	}
}

static void *open_library(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW);

	if (!handle) {
		puts(dlerror());
		exit(2);
	}
	return handle;
}

static void told(const struct linger_closing *, void *arg)
{
	traced((const char *)arg);
}

static entry volatile held;

int main(int argc, char **argv)
{
	void *handle;

	if (argc != 3)
		return 2;
	/* backtrace(3) loads libgcc_s at its first call; not where the library is in the midst of it. */
	traced("start");
	handle = open_library(argv[1]);
	dlclose(handle); /* at once: nothing leads into it */
	puts("closed");

	handle = open_library(argv[1]);
	held = (entry)dlsym(handle, "entry");
	held(called_back, (void *)"open");
	hurl_through(handle);
	linger_on((const void *)held, LINGER_CLOSE_REQUESTED, told, (void *)"callback");
	dlclose(handle);
	held(called_back, (void *)"kept");
	throw_through(held, "thrown through kept code");

	if (rename(argv[2], argv[1]))
		return 2;
	handle = open_library(argv[1]);
	held(called_back, (void *)"replaced");
	throw_through(held, "thrown through replaced code");
	((entry)dlsym(handle, "entry"))(called_back, (void *)"new");

	/* It goes inside some later call, unless something of the unwinder's leads there. */
	held = NULL;
	for (int i = 0; i < 100 && ended < 2; i++) {
		dlclose(dlopen(argv[1], RTLD_NOW));
		usleep(5000);
	}
	puts("end");
	return 0;
}
