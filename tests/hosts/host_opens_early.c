/*
 * host_opens_early.c - opens a plugin in a constructor of its own, keeps it open, and closes it in a
 * destructor, when linger's may have run already, and when glibc unloads nothing any more.
 *
 * usage: host_opens_early PLUGIN
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

static void *handle;
static const char *anchor;
static uint64_t id;

static __attribute__((constructor)) void begin(int argc, char **argv)
{
	check(argc == 2, "usage: host_opens_early PLUGIN");
	handle = open_path(argv[1], RTLD_NOW);
	anchor = symbol(handle, "anchor");
	id = id_at(anchor);
	puts("opened in a constructor");
}

static __attribute__((destructor)) void end(void)
{
	close_handle(handle);
	puts("closed in a destructor");
}

int main(void)
{
	check(id_at(anchor) == id, "its id changed");
	check_maps();
	return 0;
}
