/*
 * host_points.c - puts addresses of a plugin into every kind of place, closes the plugin, and waits.
 *
 * usage: host_points PLUGIN OTHER [PLACE]     OTHER: a plugin with a thread-local variable
 * With PLACE in that one alone, so that nothing else keeps the plugin. Prints a line for each place, `NAME ADDRESS VALUE THREAD`: where the word is, the address it means, the
 * thread it belongs to (or 0); then `ready`. Ends when standard input does.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

#include "host.h"

typedef void *body_function(void *);
typedef int calls_function(void (*)(void *), void *);

static const char *only;	  /* place; NULL: all */
static uintptr_t function_hidden; /* inverted: this is no place */
static void *handle;
static pthread_barrier_t ready;
static uintptr_t in_bss[4];
static uintptr_t in_data[4] = { 1, 2, 3, 4 };
static _Thread_local uintptr_t in_tls[2];

#define function (~function_hidden)

static bool wanted(const char *name)
{
	return !only || !strcmp(name, only);
}

static int thread_number(void)
{
	return (int)syscall(SYS_gettid);
}

static __attribute__((noinline)) void says(const char *name, const volatile void *word,
					   uintptr_t value, int tid)
{
	if (wanted(name))
		printf("%s %#lx %#lx %d\n", name, (unsigned long)(uintptr_t)word,
		       (unsigned long)value, tid);
}

static __attribute__((noinline)) void points(const char *name, volatile uintptr_t *word, int tid)
{
	if (!wanted(name))
		return;
	*word = function;
	says(name, word, function, tid);
}

/* What functions that have returned left behind would keep the plugin, too. */
static __attribute__((noinline)) void wipe(void)
{
	volatile char left[32768];

	memset((char *)left, 0, sizeof(left));
	__asm__ volatile("" ::"r"(left) : "memory", "rbx", "r12", "r13", "r14", "r15");
}

static void waits(void)
{
	wipe();
	pthread_barrier_wait(&ready);
	for (;;)
		pause();
}

static __attribute__((noinline)) void holds(void)
{
	volatile uintptr_t local[4];

	points("stack", &local[2], thread_number());
	waits(); /* LINE holds */
	local[0] = 1;
}

/* The thread's own word, in storage of two kinds; then one on its stack. */
static void *holding(void *arg)
{
	uintptr_t *chunk = malloc(200);

	(void)arg;
	pthread_setname_np(pthread_self(), "a\nholder");
	points("tls-thread", &in_tls[1], thread_number());
	points("heap-arena", &chunk[2], thread_number());
	holds();
	return chunk;
}

static void called(void *arg)
{
	(void)arg;
	/* The word that leads back into the plugin, where the C library's ABI has it. */
	says("return", (uintptr_t *)__builtin_frame_address(0) + 1,
	     (uintptr_t)__builtin_return_address(0), thread_number());
	waits();
}

static void *calling(void *arg)
{
	((calls_function *)dlsym(handle, "calls"))(called, arg);
	return NULL;
}

/* What the descriptor of the calling thread has as start routine, where libc tells debuggers. */
static void started(void)
{
	uint32_t *field = dlsym(RTLD_DEFAULT, "_thread_db_pthread_start_routine");
	uintptr_t *word = (uintptr_t *)((char *)pthread_self() + (field ? field[2] : 0));

	says("start", word, *word, thread_number());
	waits();
}

static ucontext_t contexts[2];

static void on_its_own_stack(void)
{
	volatile uintptr_t local[4];

	points("coroutine", &local[1], thread_number());
	waits(); /* LINE on_its_own_stack */
	local[0] = 1;
}

static void *switching(void *arg)
{
	getcontext(&contexts[1]);
	contexts[1].uc_stack.ss_sp = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	contexts[1].uc_stack.ss_size = 1 << 18;
	makecontext(&contexts[1], on_its_own_stack, 0);
	swapcontext(&contexts[0], &contexts[1]);
	return arg;
}

#ifndef SYS_pause
#define SYS_pause SYS_ppoll /* newer architectures have no other */
#endif

static int pausing; /* the thread whose register it is in */

/* Behind the barrier it still has to get there. */
static void until_it_pauses(void)
{
	char path[64], call[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", pausing);
	while (pausing && atoi(call) != SYS_pause) {
		file = fopen(path, "r");
		check(file && fgets(call, sizeof(call), file), "%s cannot be read", path);
		fclose(file);
	}
}

static void *in_a_register(void *arg)
{
	printf("register 0x5 %#lx %d\n", (unsigned long)function, thread_number());
#ifdef __x86_64__
	pausing = thread_number();
#endif
	pthread_barrier_wait(&ready);
#ifdef __x86_64__
	for (;;)
		__asm__ volatile("syscall"
				 :
				 : "a"(SYS_pause), "b"(function)
				 : "rcx", "r11", "memory");
#endif
	waits();
	return arg;
}

/* Starts a thread for any of these places. */
static void start(const char *places, body_function *body, void *arg)
{
	pthread_t thread;

	if (only && !strstr(places, only))
		return;
	if (pthread_create(&thread, NULL, body, arg))
		exit(9);
	/* One after the other: each has its place when it waits. */
	pthread_barrier_wait(&ready);
}

static uintptr_t *page(int flags)
{
	uintptr_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? exit(9), NULL : at + 5;
}

static void *volatile behind; /* what is freed stays apart from the free end */

static __attribute__((noinline)) void on_the_heap(void)
{
	uintptr_t *used = malloc(120), *small = malloc(56), *large = malloc(5000);
	uintptr_t *mapped = malloc(1 << 20);

	behind = malloc(16);
	points("heap", &used[8], 0);
	points("heap-free-small", &small[4], 0);
	points("heap-free-large", &large[10], 0);
	points("heap-mapped", &mapped[1000], 0);
	says("heap-end", (char *)sbrk(0) - 16, 0, 0);
	free(small);
	free(large);
}

/* Puts n bytes that mean the function in another way. */
static void means(const char *name, void *at, uintptr_t word, size_t n)
{
	if (!wanted(name))
		return;
	memcpy(at, &word, n);
	says(name, at, function, 0);
}

static struct __attribute__((packed)) {
	char first;
	uintptr_t word, tagged;
} packed;

static __attribute__((noinline)) void by_kinds(void)
{
	static uintptr_t words[8];
	uintptr_t guard = 0, mixed;
	char *code = (char *)((function & ~0xffful) - (1 << 24));

	means("tagged", &words[0], function | UINT64_C(0xfff8) << 48, 8);
	means("doubled", &words[1], 2 * function + 1, 8);
#ifdef __x86_64__
	__asm__("mov %%fs:0x30, %0" : "=r"(guard));
	mixed = function ^ guard;
	means("mangled", &words[2], mixed << 17 | mixed >> 47, 8);
#endif
	means("unaligned", (char *)&packed + 1, function, 8);
	means("unaligned-tagged", (char *)&packed + 9, function | UINT64_C(0xfff8) << 48, 8);
	says("changed", &words[5], function, 0);
	says("unmapped", (void *)16, function, 0);
	if (!wanted("relative"))
		return;
	code = mmap(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	code[100] = (char)0xe8; /* a call */
	means("relative", code + 101, function - ((uintptr_t)code + 105), 4);
}

/* A key, after others. */
static __attribute__((noinline)) void destroyed(void)
{
	uintptr_t *keys = dlsym(RTLD_DEFAULT, "__pthread_keys");
	pthread_key_t key;

	while (pthread_key_create(&key, NULL) == 0 && key < 3)
		;
	pthread_key_delete(key);
	pthread_key_create(&key, (void (*)(void *))function);
	says("key", keys ? keys + 2 * key + 1 : NULL, function, 0);
}

/* What the kernel alone has: the number of it instead of the address of a word. */
static __attribute__((noinline)) void in_the_kernel(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = function };
	struct sigevent when = { .sigev_notify = SIGEV_NONE,
				 .sigev_value.sival_ptr = event.data.ptr };
	stack_t stack = { .ss_size = 65536 };
	timer_t timer = NULL;
	int epoll;

	if (wanted("signal")) {
		signal(SIGUSR1, (void (*)(int))function);
		says("signal", (void *)SIGUSR1, function, 0);
	}
	if (wanted("timer") && timer_create(CLOCK_MONOTONIC, &when, &timer) == 0)
		says("timer", timer, function, 0);
	if (wanted("epoll")) {
		epoll = epoll_create1(0);
		epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
		says("epoll", (void *)(uintptr_t)epoll, function, 0);
	}
	if (wanted("altstack")) {
		stack.ss_sp = dlsym(handle, "space");
		sigaltstack(&stack, NULL);
		says("altstack", NULL, (uintptr_t)stack.ss_sp, getpid());
	}
	if (wanted("robust-list")) {
		long *list = dlsym(handle, "list");

		list[0] = (long)list;
		syscall(SYS_set_robust_list, list, 3 * sizeof(*list));
		says("robust-list", NULL, (uintptr_t)list, getpid());
	}
}

static __attribute__((noinline)) void opens(const char *path)
{
	handle = open_path(path, RTLD_NOW);
	function_hidden = ~(uintptr_t)dlsym(handle, "callback");
	check(~function_hidden, "the plugin lacks a function");
}

int main(int argc, char **argv)
{
	uintptr_t *(*other_word)(void);
	volatile uintptr_t local[4] = { 0 };
	void *other;

	check(argc == 3 || argc == 4, "usage: host_points PLUGIN OTHER [PLACE]");
	only = argv[3];
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0); /* no buffer out of what is freed */
	opens(argv[1]);
	other = open_path(argv[2], RTLD_NOW);
	other_word = (uintptr_t * (*)(void)) dlsym(other, "own_variable");
	check(other_word, "the other plugin lacks a function");
	pthread_barrier_init(&ready, NULL, 2);
	start("tls-thread heap-arena stack", holding, NULL);
	start("return", calling, NULL);
	start("start", (body_function *)dlsym(handle, "body"), (void *)(uintptr_t)started);
	start("coroutine", switching, NULL);
	start("register", in_a_register, NULL);
	until_it_pauses();
	points("bss", &in_bss[1], 0);
	points("data", &in_data[2], 0);
	points("tls-main", &in_tls[1], getpid());
	points("tls-module", (uintptr_t *)other_word(), getpid());
	points("anonymous", wanted("anonymous") ? page(MAP_PRIVATE) : NULL, 0);
	points("shared", wanted("shared") ? page(MAP_SHARED) : NULL, 0);
	points("main", &local[1], getpid());
	points("environment", (uintptr_t *)((uintptr_t)argv[0] & ~7ul) + 1, 0);
	by_kinds();
	if (wanted("key"))
		destroyed();
	if (only)
		in_the_kernel();
	on_the_heap();
	wipe();
	close_handle(handle);
	puts("ready");
	while (getchar() != EOF) /* LINE main */
		;
	return (int)local[0] & 0;
}
