/*
 * host_closes_again.c - opens an object for all to see and closes it, over and over, with nothing in
 * between but lookups; then two objects of which one needs the other.
 *
 * usage: host_closes_again
 * SPDX-License-Identifier: MIT
 */
#include "host.h"

/* Asked for when it is closed alone: who finds something so needs it, and it stays. */
static void show_closed(const char *name)
{
	printf("closed: %s is %s\n", name, dlsym(RTLD_DEFAULT, name) ? "there" : "not there");
}

/* The message has the name under which the loader knows the object. */
static void show_error(void *handle)
{
	const char *text, *dir = getenv("PLUGINS");

	dlsym(handle, "no_such_symbol");
	text = dlerror();
	check(text && dir && !strncmp(text, dir, strlen(dir)), "another error: %s", text);
	printf("error: %s\n", text + strlen(dir));
}

int main(void)
{
	for (int i = 0; i < 3; i++) {
		void *handle = open_path(plugin("base"), RTLD_NOW | RTLD_GLOBAL);

		show_error(handle);
		close_handle(handle);
		show_closed("base_value");
	}
	/* base comes back by the other's need alone, and with it into the sight of all. */
	for (int i = 0; i < 3; i++) {
		void *needs;

		close_handle(open_path(plugin("base"), RTLD_NOW));
		needs = open_path(plugin("needs_base"), RTLD_NOW | RTLD_GLOBAL);
		show_error(needs);
		close_handle(needs);
		show_closed("base_value");
		show_closed("needs_base_value");
	}
	return 0;
}
