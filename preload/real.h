/*
 * real.h - the functions behind the shim, found without a dl* call.
 *
 * Rank 10 (preload): may include all of core.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_REAL_H
#define LGR_REAL_H

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base.h"

/* The interposed functions; the stubs count on this order. */
#define LGR_INTERPOSED(X)                                                                          \
	X(dlopen)                                                                                  \
	X(dlmopen)                                                                                 \
	X(dlclose)                                                                                 \
	X(dlsym)                                                                                   \
	X(dlvsym)                                                                                  \
	X(__cxa_finalize)                                                                          \
	X(sigaltstack) X(dladdr) X(dladdr1) X(backtrace_symbols) X(backtrace_symbols_fd)

enum {
#define X(name) LGR_REAL_##name,
	LGR_INTERPOSED(X)
#undef X
		LGR_REAL_COUNT
};

/*
 * Where each stub jumps: the next definition behind the shim in search order, as dlsym(RTLD_NEXT)
 * would find it, so that other interposers (allocators, sanitizers) stay in the chain.
 */
extern void *lgr_real[LGR_REAL_COUNT];

/* libc's own definitions: what lgr_real holds, too, unless somebody else interposes behind us. */
extern void *lgr_real_libc[LGR_REAL_COUNT];

/* Set once both tables are filled in. */
extern _Atomic bool lgr_real_known;

/* What linger itself calls, taken from libc directly: nobody's wrapper runs. */
#define LGR_LIBC(X)                                                                                \
	X(dl_iterate_phdr, "dl_iterate_phdr")                                                      \
	X(find_object, "_dl_find_object")                                                          \
	X(dlopen, "dlopen")                                                                        \
	X(dlerror, "dlerror")                                                                      \
	X(trylock, "pthread_mutex_trylock")                                                        \
	X(lock, "pthread_mutex_lock")                                                              \
	X(unlock, "pthread_mutex_unlock")                                                          \
	X(thread_atexit, "__cxa_thread_atexit_impl")                                               \
	X(atexit, "__cxa_atexit")                                                                  \
	X(malloc, "malloc")                                                                        \
	X(libc_free, "free")                                                                       \
	X(dladdr, "dladdr")                                                                        \
	X(errno_location, "__errno_location")                                                      \
	X(register_atfork, "__register_atfork")                                                    \
	X(version, "gnu_get_libc_version")

struct lgr_libc {
	struct link_map *self; /* the shim's own */
	struct link_map *head; /* the program's: first of the base namespace */
	struct link_map *ld_so, *libc;
	uintptr_t rtld_global; /* ld.so's _rtld_global, its state */
	size_t rtld_global_size;
	char ***environ;	     /* the program's variable of that name */
	const char *single_threaded; /* libc's own idea of it (sys/single_threaded.h) */
	void *(*allocate)(size_t);   /* the first malloc, to go with free */
	void (*free)(
		void *); /* the one the loader calls: the first in search order (elf/dl-minimal.c) */
	struct r_debug *debug;		/* ld.so's own, not a program's copy of it */
	const uintptr_t *pointer_guard; /* where it is a variable, not in the thread's block */
	void *const *stack_end;		/* ld.so's note of where the main thread's stack began */
	int (*dl_iterate_phdr)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
	int (*find_object)(void *, struct dl_find_object *);
	void *(*dlopen)(const char *, int);
	char *(*dlerror)(void);
	int (*trylock)(pthread_mutex_t *);
	int (*lock)(pthread_mutex_t *);
	int (*unlock)(pthread_mutex_t *);
	int (*thread_atexit)(void (*)(void *), void *, void *);
	int (*atexit)(void (*)(void *), void *, void *);
	void *(*malloc)(size_t); /* libc's own, like all here, and to go with it */
	void (*libc_free)(void *);
	int (*dladdr)(const void *, Dl_info *);
	int *(*errno_location)(void);
	int (*register_atfork)(void (*)(void), void (*)(void), void (*)(void), void *);
	const char *(*version)(void);
};
extern struct lgr_libc lgr_libc;

/* A function of the shim's that linger itself, or a program that asks it, cannot do without. */
bool lgr_real_is_needed(const char *name);

/*
 * lgr_real_resolve - fills in both tables. Idempotent, and safe from several threads at once: they
 * find the same. Returns 0 or the reason why linger cannot run here; lgr_real is usable either way.
 */
int lgr_real_resolve(void);

#endif
