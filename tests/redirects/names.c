/*
 * names.c - dladdr, dladdr1 and backtrace_symbols know the replaced functions by their names.
 *
 * usage: names FOLDER
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <execinfo.h>
#include <link.h>

#include "redirects.h"

static void named(const void *address, const char *name, const char *library, const char *when)
{
	Dl_info info;
	const ElfW(Sym) *s = NULL;
	struct link_map *map = NULL;
	char *const *text;

	check(dladdr(address, &info), "%s: dladdr knows nothing", when);
	check(info.dli_sname && !strcmp(info.dli_sname, name), "%s: dladdr: %s, not %s", when,
	      info.dli_sname ? info.dli_sname : "nothing", name);
	check(strstr(info.dli_fname, library), "%s: dladdr: %s, not %s", when, info.dli_fname,
	      library);
	check(info.dli_saddr <= address && (const char *)address < (char *)info.dli_saddr + 64,
	      "%s: dladdr: the symbol's address", when);
	check(dladdr1(address, &info, (void **)(uintptr_t)&s, RTLD_DL_SYMENT), "%s: dladdr1", when);
	check(info.dli_sname && !strcmp(info.dli_sname, name), "%s: dladdr1: %s", when,
	      info.dli_sname ? info.dli_sname : "nothing");
	check(s && s->st_size > 0 && s->st_size < 200, "%s: dladdr1: the symbol's size", when);
	check(dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP), "%s: dladdr1", when);
	check(info.dli_sname && !strcmp(info.dli_sname, name) && map &&
		      strstr(map->l_name, library),
	      "%s: dladdr1: %s, of %s", when, info.dli_sname ? info.dli_sname : "nothing",
	      map ? map->l_name : "nothing");
	text = backtrace_symbols((void *const *)&address, 1);
	check(text && strstr(*text, name), "%s: backtrace_symbols: %s", when, text ? *text : "");
	free((void *)(uintptr_t)text);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "t_other", "t_answer", "t_third" };
	linger_redirect *made[3];
	const char *old[3];
	function *f;

	check(argc == 2 && linger_is_here(), "usage: names FOLDER, with linger");
	folder = argv[1];
	f = function_of(open_library("rep.so", RTLD_NOW), "r_answer");
	for (int i = 0; i < 3; i++) {
		old[i] = symbol(open_library("def.so", RTLD_NOW), names[i]);
		named(old[i], names[i], "/def.so", "before");
	}
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 3; i++)
			made[i] = redirect_to(names[i], f);
		for (int i = 0; i < 3; i++) {
			named(old[i], names[i], "/def.so", "redirected");
			named(old[i] + 2, names[i], "/def.so", "redirected, inside");
		}
		named(address_of(f), "r_answer", "/rep.so", "the replacement");
		check(linger_restore_all(made, 3) == 0, "restoring");
		for (int i = 0; i < 3; i++)
			named(old[i], names[i], "/def.so", "restored");
	}
	puts("done");
	return 0;
}
