/*
 * reach_threads.c - threads of the soundness fuzz that hold a reference for a tester, and are clean when
 * they hold none: an idle thread with a stale address would hide what is missed.
 * SPDX-License-Identifier: MIT
 */
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reach.h"

enum { IDLE, RUN, QUIT };
enum { STACK = 256 * 1024, ALTSTACK = 64 * 1024 };

static _Thread_local volatile uintptr_t in_tls;

void wait_for(_Atomic int *word)
{
	while (!atomic_load(word))
		sched_yield();
}

void wake(_Atomic int *word, int value)
{
	atomic_store(word, value);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void helper_loop(struct helper *h)
{
	stack_t alternative = { .ss_sp = h->altstack, .ss_size = ALTSTACK };

	sigaltstack(&alternative, NULL);
	h->tls = &in_tls;
	atomic_store(&h->tid, (int)syscall(SYS_gettid));
	for (;;) {
		int command = atomic_load(&h->command);

		if (command == IDLE) {
			syscall(SYS_futex, &h->command, FUTEX_WAIT_PRIVATE, IDLE, NULL, NULL, 0);
			continue;
		}
		if (command == QUIT)
			break;
		h->run(h);
		wipe();
		atomic_store(&h->ready, 0);
		atomic_store(&h->command, IDLE);
	}
	alternative.ss_flags = SS_DISABLE;
	sigaltstack(&alternative, NULL);
}

static void *helper_main(void *arg)
{
	helper_loop(arg);
	return NULL;
}

void helper_init(struct helper *h)
{
	h->altstack = malloc(ALTSTACK);
	check(h->altstack && pipe(h->pipe) == 0, "no room for a helper");
	memset(h->altstack, 0, ALTSTACK);
}

/* Its stack is the upper half of a mapping whose lower half is the program's. */
void helper_start(struct helper *h)
{
	char *region = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pthread_attr_t attributes;

	check(region != MAP_FAILED, "no room for a stack");
	pthread_attr_init(&attributes);
	check(!pthread_attr_setstack(&attributes, region + STACK, STACK) &&
		      !pthread_create(&h->thread, &attributes, helper_main, h),
	      "no thread");
	pthread_attr_destroy(&attributes);
	h->beneath = (volatile uintptr_t *)(void *)(region + STACK - 64);
	wait_for(&h->tid);
}

void helper_quit(struct helper *h)
{
	wake(&h->command, QUIT);
}

void helper_run(struct helper *h, void (*run)(struct helper *h))
{
	h->run = run;
	atomic_store(&h->word, 0);
	atomic_store(&h->ready, 0);
	wake(&h->command, RUN);
	wait_for(&h->ready);
}

void helper_release(struct helper *h)
{
	/* The byte goes to whoever reads the pipe; otherwise nobody is there to write it for. */
	if (h->b == 1 && write(h->pipe[1], "+", 1) != 1)
		fail("cannot write to a helper");
	else if (h->b != 1)
		wake(&h->word, 1);
	while (atomic_load(&h->command))
		sched_yield();
	h->a = h->b = 0;
}
