/*
 * linger.h - what a program may ask linger. C99 and C++.
 *
 * Works in three ways without change: with liblinger.so preloaded, linked with -llinger, and where
 * linger is absent (then every function says so: see each one's "Absent"). Include it and compile;
 * nothing needs to be linked.
 *
 * All functions return 0 or a negative errno; outputs come last and are untouched on failure.
 * SPDX-License-Identifier: MIT
 */
#ifndef LINGER_H
#define LINGER_H

#include <errno.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The state of a loaded object, in the order of its life. */
enum linger_state {
	LINGER_LOADING = 1, /* being loaded; linger was not told of it yet */
	LINGER_LIVE,	    /* in use as far as the loader knows */
	LINGER_KEPT,	    /* its last handle was given up, and linger keeps it mapped */
	LINGER_CONDEMNED,   /* proven unreachable, to be closed */
	LINGER_CLOSING	    /* its last destructor runs or has run; unmapping is next */
};

struct linger_info {
	uint64_t id;	  /* the object's generation: this load and no other; 0 while LOADING */
	uint32_t state;	  /* enum linger_state */
	uint32_t startup; /* 1: loaded before main, never unloaded */
};

/* The function behind linger_query; NULL where linger is absent. Call linger_query. */
extern int linger_query_(const void *address, struct linger_info *ret) __attribute__((weak));

/*
 * linger_query - which loaded object is this address in?
 * @address: any address; need not be mapped. Segments are whole pages; a segment's end is outside.
 *
 * Returns 0, or -ENOENT (in no loaded object: heap, stack, JIT code, unmapped), -ENOSYS (linger is
 * absent or switched off).
 * The answer was true at one moment during the call; an object that nobody holds may go right after.
 *
 * An object is found from the end of its relocation, before its constructors, until its unmapping;
 * its IFUNC resolvers, which run during relocation, come too early to be found (so it is with
 * _dl_find_object(), too).
 *
 * Wait-free, MT-safe, async-signal-safe; takes no lock, allocates nothing, leaves errno and dlerror
 * alone. May be called from constructors, signal handlers, a collector's pause.
 * Two loads when linger is up to date. From a dlopen until the same thread's next dl* call (or its
 * library's notice), an address that linger does not know also costs one _dl_find_object() (glibc manual, "Dynamic Linker Introspection"), and so does
 * one in an object that is being closed or does not say when it is. An object that has no _init and
 * was opened by a call that bypasses linger is found from the next dl* call of the program on; until
 * then, if it was given the very place of another such object, the answer may be that one's.
 * Absent: -ENOSYS.
 */
static inline int linger_query(const void *address, struct linger_info *ret)
{
	return linger_query_ ? linger_query_(address, ret) : -ENOSYS;
}

#ifdef __cplusplus
}
#endif
#endif
