/*
 * plug_deep.c - opens and closes for its host. Opened with RTLD_DEEPBIND it finds dlopen in the libc
 * that it needs, before any preload's.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>

void *deep_open(const char *path, int mode);
int deep_close(void *handle);
char anchor;

void *deep_open(const char *path, int mode)
{
	return dlopen(path, mode);
}

int deep_close(void *handle)
{
	return dlclose(handle);
}
