/*
 * host_keeps_errors.c - errno and dlerror around every interposed call: prints what a program sees,
 * which must be what it sees without linger.
 *
 * usage: host_keeps_errors PLUGIN PLUGIN
 * SPDX-License-Identifier: MIT
 */
#include <link.h>

#include "host.h"

/* The pending error, or that there is none; asking takes it away. */
static void pending(const char *after)
{
	const char *error = dlerror();

	printf("%s: errno %d, %s\n", after, errno, error ? error : "no error");
	errno = 4242;
}

static void fail_once(void)
{
	dlopen("/there/is/no/such.so", RTLD_NOW);
}

int main(int argc, char **argv)
{
	void *handle, *again, *space;
	struct linger_info info;

	check(argc == 3, "usage: host_keeps_errors PLUGIN PLUGIN");
	dlerror();
	errno = 4242;
	handle = dlopen(argv[1], RTLD_NOW);
	pending("dlopen");
	again = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
	pending("dlopen once more");
	dlclose(again);
	pending("dlclose");
	fail_once();
	pending("a failed dlopen");

	/* Each of these with an error pending from before. */
	fail_once();
	errno = 4242;
	again = dlopen(argv[2], RTLD_LAZY);
	pending("dlopen over a pending error");
	fail_once();
	errno = 4242;
	dlclose(again);
	pending("dlclose over a pending error");
	fail_once();
	errno = 4242;
	dlsym(handle, "anchor");
	pending("dlsym over a pending error");
	dlsym(handle, "nothing_of_that_name");
	pending("a failed dlsym");
	fail_once();
	dlvsym(RTLD_DEFAULT, "puts", "GLIBC_2.2.5");
	pending("dlvsym over a pending error");
	dlvsym(RTLD_DEFAULT, "puts", "GLIBC_0.0");
	pending("a failed dlvsym");
	fail_once();
	errno = 4242;
	space = dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW);
	pending("dlmopen over a pending error");
	dlsym(space, "anchor");
	pending("the dlsym after dlmopen");
	dlclose(space);
	pending("dlclose of a namespace");
	dlmopen(4711, argv[2], RTLD_NOW);
	pending("a failed dlmopen");
	dlopen(NULL, 0);
	pending("dlopen without a mode");
	fail_once();
	linger_query(&info, &info);
	linger_query(handle, &info);
	pending("linger_query over a pending error");
	dlclose(handle);
	pending("the last dlclose");
	/* glibc's text for it has the name that it freed: not the same twice. */
	printf("one dlclose too many: %s\n", dlclose(handle) ? "refused" : "done");
	dlerror();
	dlopen("nowhere-to-be-found.so", RTLD_NOW);
	pending("a search that finds nothing");
	return 0;
}
