/*
 * host_bypasses.c - opens objects in ways that a preload's own dlopen does not see.
 *
 * usage: host_bypasses deepbind|handle|iconv|bare|namespaces PLUGIN
 * deepbind: through plug_deep.so, which is opened with RTLD_DEEPBIND and needs libc itself;
 * handle: through the addresses that dlsym finds in a handle of libc; iconv: libc does it for
 * itself; bare: through plug_deep.so, a plugin without _init; namespaces: dlmopen.
 * Prints a line for each step that went as it should.
 * SPDX-License-Identifier: MIT
 */
#include <iconv.h>
#include <link.h>

#include "host.h"

static void *(*other_open)(const char *, int);
static int (*other_close)(void *);

/* A dl* call that linger sees; it changes nothing. */
static void let_linger_look(void)
{
	close_handle(dlopen(NULL, RTLD_NOW));
}

static void open_and_close(const char *path, bool known_at_once)
{
	uint64_t last = 0;

	for (int round = 0; round < 3; round++) {
		void *handle = other_open(path, RTLD_NOW);
		const void *anchor;
		uint64_t id;

		check(handle, "%s: %s", path, dlerror());
		if (!known_at_once)
			let_linger_look();
		anchor = symbol(handle, "anchor");
		id = id_at(anchor);
		check_life(id, last);
		last = id;
		check(other_close(handle) == 0, "close: %s", dlerror());
		check_gone(anchor);
	}
	let_linger_look();
	check_maps();
	printf("%s: three lives\n", strrchr(path, '/') + 1);
}

static void with_deep(const char *path, bool known_at_once)
{
	void *deep = open_path(plugin("deep"), RTLD_NOW | RTLD_DEEPBIND);

	other_open = (void *(*)(const char *, int))(uintptr_t)symbol(deep, "deep_open");
	other_close = (int (*)(void *))(uintptr_t)symbol(deep, "deep_close");
	open_and_close(path, known_at_once);
	close_handle(deep);
}

static void with_handle(const char *path)
{
	void *libc = open_path("libc.so.6", RTLD_NOW);

	other_open = (void *(*)(const char *, int))(uintptr_t)symbol(libc, "dlopen");
	other_close = (int (*)(void *))(uintptr_t)symbol(libc, "dlclose");
	check(!linger_is_here() || id_at((void *)(uintptr_t)other_open) ==
					   id_at((void *)(uintptr_t)symbol(libc, "puts")),
	      "dlsym(libc) gave what is not libc's");
	open_and_close(path, true);
	close_handle(libc);
}

/* libc gives a module up after some calls more; which ones it keeps is its business. */
static void with_iconv(void)
{
	static const char *const sets[] = { "ISO-8859-15", "KOI8-R",	 "CP1251", "EUC-JP",
					    "BIG5",	   "ISO-8859-2", "CP437",  "SHIFT_JIS" };

	for (int i = 0; i < 64; i++) {
		iconv_t c = iconv_open("UTF-8", sets[i % 8]);
		char in[] = "abc", out[16], *from = in, *to = out;
		size_t n = 3, room = sizeof(out);

		check(c != (iconv_t)-1, "iconv_open %s: %s", sets[i % 8], strerror(errno));
		check(iconv(c, &from, &n, &to, &room) == 0, "iconv: %s", strerror(errno));
		check_maps();
		iconv_close(c);
	}
	let_linger_look();
	check_maps();
	puts("iconv: 64 conversions");
}

/* Two at a time; ld.so is in each, under its one address, and stays when they go. */
static void with_namespaces(const char *path)
{
	struct linger_info before = { 0, 0, 0 }, after = { 0, 0, 0 };
	const void *ld_so = (const void *)&_r_debug;
	const void *anchors[2], *libcs[2];
	uint64_t last = 0;

	linger_query(ld_so, &before);
	for (int round = 0; round < 3; round++) {
		void *handles[2];

		for (int i = 0; i < 2; i++) {
			handles[i] = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
			check(handles[i], "dlmopen: %s", dlerror());
			anchors[i] = symbol(handles[i], "anchor");
			libcs[i] = symbol(handles[i], "puts");
		}
		let_linger_look();
		check(anchors[0] != anchors[1] && libcs[0] != libcs[1], "one namespace, not two");
		for (int i = 0; i < 2; i++) {
			uint64_t id = id_at(anchors[i]);

			check(id > last || !linger_is_here(), "the id did not rise");
			check(!linger_is_here() ||
				      id_at(libcs[i]) != id_at((void *)(uintptr_t)puts),
			      "two copies of libc have one id");
			last = id;
		}
		check_maps();
		for (int i = 0; i < 2; i++) {
			close_handle(handles[i]);
			check_gone(anchors[i]);
		}
		let_linger_look();
		for (int i = 0; i < 2; i++)
			check_gone(libcs[i]);
		check_maps();
	}
	linger_query(ld_so, &after);
	check(before.id == after.id, "ld.so is another object now");
	puts("namespaces: three times two");
}

int main(int argc, char **argv)
{
	check(argc == 3, "usage: host_bypasses HOW PLUGIN");
	if (!strcmp(argv[1], "deepbind"))
		with_deep(argv[2], true);
	else if (!strcmp(argv[1], "bare"))
		with_deep(argv[2], false);
	else if (!strcmp(argv[1], "handle"))
		with_handle(argv[2]);
	else if (!strcmp(argv[1], "iconv"))
		with_iconv();
	else
		with_namespaces(argv[2]);
	return 0;
}
