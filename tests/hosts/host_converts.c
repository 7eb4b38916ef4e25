/*
 * host_converts.c - has libc load and unload converters for iconv, after a dlopen that loaded nothing,
 * after one that failed, and in a library's constructor's place.
 *
 * usage: host_converts LIBRARY
 * SPDX-License-Identifier: MIT
 */
#include <iconv.h>

#include "host.h"

static void convert(void)
{
	static const char *const names[] = { "KOI8-R",	  "EUC-KR", "BIG5",
					     "MACINTOSH", "IBM866", "CP1251" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		iconv_t c = iconv_open("UTF-8", names[i]);

		check(c != (iconv_t)-1, "iconv_open %s: %s", names[i], strerror(errno));
		iconv_close(c);
	}
}

int main(int argc, char **argv)
{
	void *handle;

	check(argc == 2, "usage: host_converts LIBRARY");
	handle = open_path(argv[1], RTLD_NOW);
	convert();
	open_path(argv[1], RTLD_NOW);
	convert();
	check(!dlopen("/no/such.so", RTLD_NOW), "it is there?");
	convert();
	close_handle(handle);
	close_handle(handle);
	convert();
	puts("done");
	return 0;
}
