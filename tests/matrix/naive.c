/*
 * naive.c - the preload that everybody writes first: dl* wrappers in plain C.
 *
 * The control of the behaviour matrix: it must be seen to change what programs get, since glibc
 * takes its return address, now in this library, as the caller. With -DNEVER_CLOSE it is the other
 * common shortcut, a dlclose that does nothing.
 * Built with -O0: an optimiser could turn the wrappers into the tail jumps that avoid the mistake.
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <dlfcn.h>

/* dlvsym itself is not wrapped: it is how a wrapper of dlsym finds the real one. */
static void *real(const char *name)
{
	void *found = dlvsym(RTLD_NEXT, name, "GLIBC_2.34");

	return found ? found : dlvsym(RTLD_NEXT, name, "GLIBC_2.2.5");
}

#ifdef NEVER_CLOSE
int dlclose(void *handle)
{
	return 0;
}
#else
void *dlopen(const char *file, int flags)
{
	return ((void *(*)(const char *, int))real("dlopen"))(file, flags);
}

void *dlmopen(Lmid_t lmid, const char *file, int flags)
{
	return ((void *(*)(Lmid_t, const char *, int))real("dlmopen"))(lmid, file, flags);
}

void *dlsym(void *restrict handle, const char *restrict name)
{
	return ((void *(*)(void *, const char *))real("dlsym"))(handle, name);
}

int dlclose(void *handle)
{
	return ((int (*)(void *))real("dlclose"))(handle);
}
#endif
