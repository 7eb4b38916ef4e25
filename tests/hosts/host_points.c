/*
 * host_points.c - puts addresses of a plugin into every kind of place, closes the plugin, and waits.
 *
 * usage: host_points PLUGIN OTHER     OTHER: a plugin with a thread-local variable
 * Prints a line for each place, `NAME ADDRESS VALUE THREAD`: where the word is, the address it means, the
 * thread it belongs to (or 0); then `ready`. Ends when standard input does.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "host.h"

typedef void *body_function(void *);
typedef int calls_function(void (*)(void *), void *);

static uintptr_t function;
static calls_function *calls;
static pthread_barrier_t ready;
static uintptr_t in_bss[4];
static uintptr_t in_data[4] = { 1, 2, 3, 4 };
static _Thread_local uintptr_t in_tls[2];

static int thread_number(void)
{
	return (int)syscall(SYS_gettid);
}

static void says(const char *name, const volatile void *word, uintptr_t value, int tid)
{
	printf("%s %#lx %#lx %d\n", name, (unsigned long)(uintptr_t)word, (unsigned long)value,
	       tid);
}

static void points(const char *name, volatile uintptr_t *word, int tid)
{
	*word = function;
	says(name, word, function, tid);
}

static void waits(void)
{
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
	calls(called, arg);
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
	contexts[1].uc_stack.ss_sp = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	contexts[1].uc_stack.ss_size = 1 << 16;
	makecontext(&contexts[1], on_its_own_stack, 0);
	swapcontext(&contexts[0], &contexts[1]);
	return arg;
}

static void *in_a_register(void *arg)
{
	printf("register 0x5 %#lx %d\n", (unsigned long)function, thread_number());
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

static void start(body_function *body, void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, arg))
		exit(9);
}

static uintptr_t *page(int flags)
{
	uintptr_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? exit(9), NULL : at + 5;
}

static void *volatile behind; /* what is freed stays apart from the free end */

static void on_the_heap(void)
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

static void by_kinds(void)
{
	static struct __attribute__((packed)) {
		char first;
		uintptr_t word;
	} packed;
	static uintptr_t words[8];
	uintptr_t guard = 0, *near = (uintptr_t *)((function & ~0xffful) - (1 << 24));
	int32_t distance;

	words[0] = function | UINT64_C(0xfff8) << 48;
	says("tagged", &words[0], function, 0);
	words[1] = 2 * function + 1;
	says("doubled", &words[1], function, 0);
#ifdef __x86_64__
	__asm__("mov %%fs:0x30, %0" : "=r"(guard));
	words[2] = (function ^ guard) << 17 | (function ^ guard) >> 47;
	says("mangled", &words[2], function, 0);
#endif
	packed.word = function;
	says("unaligned", (char *)&packed + 1, function, 0);
	near = mmap(near, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	distance = (int32_t)(function - ((uintptr_t)near + 105));
	memcpy((char *)near + 101, &distance, 4);
	says("relative", (char *)near + 101, function, 0);
	says("changed", &words[5], function, 0);
	says("unmapped", (void *)16, function, 0);
}

int main(int argc, char **argv)
{
	void *plugin, *other;
	volatile uintptr_t local[4];
	uintptr_t *(*other_word)(void), *keys;
	body_function *body;
	pthread_key_t key;

	check(argc == 3, "usage: host_points PLUGIN OTHER");
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0); /* no buffer out of what is freed */
	plugin = open_path(argv[1], RTLD_NOW);
	other = open_path(argv[2], RTLD_NOW);
	function = (uintptr_t)dlsym(plugin, "callback");
	calls = (calls_function *)dlsym(plugin, "calls");
	body = (body_function *)dlsym(plugin, "body");
	other_word = (uintptr_t * (*)(void)) dlsym(other, "own_variable");
	if (!function || !calls || !body || !other_word)
		return 9;
	pthread_barrier_init(&ready, NULL, 6);
	start(holding, NULL);
	start(calling, NULL);
	start(body, (void *)(uintptr_t)started);
	start(switching, NULL);
	start(in_a_register, NULL);
	pthread_barrier_wait(&ready);
	points("bss", &in_bss[1], 0);
	points("data", &in_data[2], 0);
	points("tls-main", &in_tls[1], getpid());
	points("tls-module", (uintptr_t *)other_word(), getpid());
	points("anonymous", page(MAP_PRIVATE), 0);
	points("shared", page(MAP_SHARED), 0);
	points("main", &local[1], getpid());
	points("environment", (uintptr_t *)((uintptr_t)argv[0] & ~7ul) + 1, 0);
	by_kinds();
	while (pthread_key_create(&key, NULL) == 0 && key < 3)
		;
	pthread_key_delete(key);
	pthread_key_create(&key, (void (*)(void *))function);
	keys = dlsym(RTLD_DEFAULT, "__pthread_keys");
	says("key", keys ? keys + 2 * key + 1 : NULL, function, 0);
	close_handle(plugin);
	on_the_heap();
	puts("ready");
	while (getchar() != EOF) /* LINE main */
		;
	return (int)local[0] & 0;
}
