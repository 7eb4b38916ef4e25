/*
 * host_spares.c - what a program has little of, and closes libraries with.
 *
 * usage: host_spares size|descriptors|namespaces|iconv PLUGIN
 * size: under a limit of file sizes below the plugin's own. descriptors: closes all there are, as daemons
 * do, takes every number, and opens the plugin again. namespaces: 40 of them, one after another. iconv:
 * a thread has libc open and close modules of its own meanwhile.
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <iconv.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "host.h"

static const char *path;

static void *once(void)
{
	void *handle = dlopen(path, RTLD_NOW);

	check(handle, "%s", dlerror());
	dlsym(handle, "nothing");
	check(dlclose(handle) == 0, "%s", dlerror());
	return handle;
}

static void size(void)
{
	struct rlimit limit = { 100, 100 };

	check(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit: %s", strerror(errno));
	once();
}

static void descriptors(void)
{
	struct rlimit limit = { 256, 256 };
	int fd = 0, lost = 0;
	struct stat st;

	check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit: %s", strerror(errno));
	once();
	for (int i = 3; i < 256; i++)
		close(i);
	while (fd < 250)
		check((fd = open("/dev/null", O_RDONLY)) >= 0, "open: %s", strerror(errno));
	once();
	once();
	for (int i = 3; i <= fd; i++)
		lost += fstat(i, &st) < 0 || !S_ISCHR(st.st_mode);
	printf("lost %d\n", lost);
}

static void namespaces(void)
{
	for (int i = 0; i < 40; i++) {
		void *handle = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);

		check(handle, "%d: %s", i, dlerror());
		dlclose(handle);
	}
}

static _Atomic bool stop;

static void *convert(void *arg)
{
	static const char *const sets[] = { "EUC-KR", "BIG5",	"SJIS",	  "KOI8-R",
					    "CP1251", "EUC-JP", "GBK",	  "CP737",
					    "CP775",  "IBM850", "IBM866", "UHC" };

	for (unsigned i = 0; !stop; i++) {
		iconv_t c = iconv_open("UTF-8", sets[i % 12]);

		if (c != (iconv_t)-1)
			iconv_close(c);
	}
	return arg;
}

static void with_iconv(void)
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, convert, NULL) == 0, "no thread");
	for (int i = 0; i < 2000; i++)
		once();
	stop = true;
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	check(argc == 3, "usage: %s size|descriptors|namespaces|iconv PLUGIN", argv[0]);
	path = argv[2];
	if (!strcmp(argv[1], "size"))
		size();
	else if (!strcmp(argv[1], "descriptors"))
		descriptors();
	else if (!strcmp(argv[1], "namespaces"))
		namespaces();
	else
		with_iconv();
	puts("done");
	return 0;
}
