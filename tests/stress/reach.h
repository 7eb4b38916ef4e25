/*
 * reach.h - what the files of the soundness fuzz share: fuzz_reach.c, reach_places.c, reach_threads.c and
 * reach_hold.S. The rules stand in fuzz_reach.c.
 * SPDX-License-Identifier: MIT
 */
#ifndef REACH_H
#define REACH_H

/* No decoding that is looked for makes an address of what this was XORed into. */
#define REACH_KEY 0x5a5aa5a55a5aa5a5
/* How deep the frames are that are wiped. */
#define REACH_FRAMES 0x10000

#ifndef __ASSEMBLER__

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "../plugins/reach_plugin.h"

/* Addresses are known by this alone. */
typedef uintptr_t hidden;

#define fail(...)                                                                                  \
	do {                                                                                       \
		fprintf(stderr, __VA_ARGS__);                                                      \
		fputc('\n', stderr);                                                               \
		fflush(NULL);                                                                      \
		_exit(2);                                                                          \
	} while (0)
#define check(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail(__VA_ARGS__);                                                         \
	} while (0)

/* Writes the address itself; it is in no register meanwhile. */
static inline void reveal(volatile uintptr_t *at, hidden address)
{
	*at = address;
#ifdef __x86_64__
	__asm__ volatile("xorq %1, %0" : "+m"(*at) : "r"(REACH_KEY));
#else
	*at ^= REACH_KEY;
#endif
}

/* Adds a multiple to what is there, likewise: tags and doubled addresses. */
static inline hidden hide(uintptr_t address)
{
	return address ^ REACH_KEY;
}

/* ------------------------------------------------------------------------------- reach_hold.S */

void wipe(void); /* frames that were left, and the registers that a call may change */
extern unsigned char reach_vectors; /* bytes of the widest vector register */

/* All hold the address until *word is no longer 0, having set *ready. */
typedef void hold_fn(hidden address, _Atomic int *word, _Atomic int *ready, long fd);
extern hold_fn *const hold_waiting[6], *const hold_spinning[15];
hold_fn hold_red_zone, hold_stack, hold_switched, hold_mmx, hold_gs;
/* Block in read(2) when fd is one, else in a futex. */
void hold_vector(long which, void *image, _Atomic int *word, _Atomic int *ready, long spin);
/* Call body(arg) with the address in a register, or with another stack below the frame that has it. */
void around_register(hidden address, void (*body)(void *), void *arg, long which);
void around_switched(hidden address, void (*body)(void *), void *arg, void *stack_end);
void around_stack(hidden address, void (*body)(void *), void *arg);

/* ---------------------------------------------------------------------------- reach_threads.c */

/* A thread that holds something when it is told to. */
struct helper {
	pthread_t thread;
	_Atomic int command, word, ready, tid;
	void (*run)(struct helper *h);
	hidden address;
	long a, b;
	int pipe[2];
	volatile uintptr_t *tls;     /* a word of its thread-local storage */
	volatile uintptr_t *beneath; /* a word below its stack, in the same mapping; or NULL */
	char *altstack;
};

void helper_init(struct helper *h);
void helper_start(struct helper *h); /* a thread of its own */
void helper_loop(struct helper *h);  /* or this one, until helper_quit */
void helper_quit(struct helper *h);
/* Runs it there and returns when it is ready; helper_release lets it go on, and waits for its end. */
void helper_run(struct helper *h, void (*run)(struct helper *h));
void helper_release(struct helper *h);
void wait_for(_Atomic int *word);
void wake(_Atomic int *word, int value);

/* --------------------------------------------------------------------------------- the engine */

enum what { CODE = 1, DATA = 2, RODATA = 4, TLS = 8, EDGE = 16, ANY = 31 };

struct library {
	char path[256];
	void *handle;
	hidden at[REACH_ADDRESSES];
	uint64_t number; /* of this load */
	bool in_use;
	int kind;	  /* whose reference was dropped; -1: nobody waits for it to go */
	uint64_t dropped; /* the tester's calls by then */
};

enum { LIBRARIES = 48 };

struct tester {
	int index;
	bool threads;
	unsigned random;
	pthread_t thread;
	struct helper *helper;
	uint64_t calls; /* of dlopen and dlclose */
	struct library library[LIBRARIES];
	int next;
	char other[256];
	struct library *lib; /* this round's */
	hidden address;	     /* the reference */
	uintptr_t offset;
	enum what what;
	bool only_none; /* opens and closes, no more */
	pthread_key_t key;
	char folder[200];
};

/* One reference in its place. */
struct held {
	const struct kind *kind;
	char *base;
	size_t size;
	volatile uintptr_t *slot;
	int fd;
	long extra;
	void *pointer;
	struct library *second;
	bool wrong; /* the library is gone: nothing of it may be called */
};

enum { THREADED = 1, SINGLE = 2, FORKED = 4, FIXED = 8 /* not moved, nor moved to */ };

struct kind {
	const char *name;
	enum what what;
	unsigned flags;
	void (*put)(struct tester *t, struct held *h);
	void (*drop)(struct tester *t, struct held *h);
	/* Uses it where it is: false when it is not what it was. NULL: used as the host knows it. */
	bool (*use)(struct tester *t, struct held *h);
	/* Instead of put and drop: calls body with the reference in place. */
	void (*around)(struct tester *t, void (*body)(void *), void *arg);
	bool (*can)(struct tester *t);
	void (*closed)(struct tester *t, struct held *h); /* after the library was */
};
extern const struct kind kinds[];
extern const int kinds_count;

void places_init(void);
unsigned pick(struct tester *t, unsigned n); /* a random number below n */
struct library *library_open(struct tester *t);
void library_close(struct tester *t, struct library *lib);
bool library_alive(const struct library *lib);
void library_drop(struct tester *t, struct library *lib, int kind);
bool was_used(uint64_t number); /* a function of that load was called; forgets it */
bool use_hidden(hidden address, enum what what, uintptr_t offset, uint64_t number);

#endif
#endif
