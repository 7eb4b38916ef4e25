/*
 * plug_reach.c - what the soundness fuzz opens in many copies: one address of each sort, and functions
 * that say that they were called. Each load bears a number, by which its memory is recognised.
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdint.h>
#include <unistd.h>

#include "reach_plugin.h"

extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));
extern void reach_used(uint64_t number); /* the host's */

static volatile uint64_t data[REACH_WORDS] = { 1 };
static const volatile char text[] = REACH_TEXT;
static _Thread_local volatile uint64_t in_tls[8] = { 2 };
static char stack[REACH_STACK] __attribute__((aligned(16)));
static volatile uintptr_t kept[4];

static uint64_t code(void)
{
	return ~data[0];
}

static void say(void)
{
	reach_used(data[0]);
}

/* What call-backs get differs, and none of it is looked at. */
static void called(void *a, void *b)
{
	(void)a;
	(void)b;
	say();
}

static void on_exit_called(int status, void *arg)
{
	(void)status;
	(void)arg;
	_exit(data[0] ? REACH_EXIT : 0);
}

static ssize_t written(void *cookie, const char *bytes, size_t n)
{
	(void)cookie;
	(void)bytes;
	say();
	return (ssize_t)n;
}

/* The jump buffer gets an address of this function, and nothing else of this library. */
static __attribute__((noinline)) int jumped(void *buffer)
{
	int r = _setjmp(*(jmp_buf *)buffer);

	say();
	return r;
}

/* Blocks here, in this code; no address of it in any register but the one for this. */
static __attribute__((noinline)) void wait_here(int *word, int *ready)
{
	*(volatile int *)ready = 1;
	while (!*(volatile int *)word) {
#ifdef __x86_64__
		register long none __asm__("r10") = 0;
		long r = 202; /* futex */
		__asm__ volatile("syscall"
				 : "+a"(r)
				 : "D"(word), "S"(128L), "d"(0L), "r"(none)
				 : "rcx", "r11", "memory");
#endif
	}
	say();
}

uintptr_t reach_address(int which, uint64_t number);
uintptr_t reach_address(int which, uint64_t number)
{
	switch (which) {
	case REACH_NUMBER:
		for (int i = 0; i < REACH_WORDS; i++)
			data[i] = number;
		return (uintptr_t)data;
	case REACH_CODE: return (uintptr_t)code;
	case REACH_DATA: return (uintptr_t)data;
	case REACH_RODATA: return (uintptr_t)text;
	case REACH_TLS:
		for (int i = 0; i < 8; i++)
			in_tls[i] = number;
		return (uintptr_t)in_tls;
	case REACH_LO: return (uintptr_t)__ehdr_start & ~(uintptr_t)4095;
	case REACH_HI: return (((uintptr_t)_end + 4095) & ~(uintptr_t)4095) - 1;
	case REACH_STACK_AT: return (uintptr_t)stack;
	case REACH_KEPT: return (uintptr_t)kept;
	case REACH_CALLED: return (uintptr_t)called;
	case REACH_ON_EXIT: return (uintptr_t)on_exit_called;
	case REACH_WRITTEN: return (uintptr_t)written;
	case REACH_JUMPED: return (uintptr_t)jumped;
	case REACH_WAIT: return (uintptr_t)wait_here;
	default: return 0;
	}
}
