/*
 * reach_places.c - the kinds of places of the soundness fuzz: how one reference is put there, used and
 * dropped. Memory is written by reveal() alone, so that the address is nowhere else; where a function of
 * libc or the kernel gets it, the engine wipes what that leaves in registers and in frames.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "linger.h"
#include "reach.h"

enum { PAGE = 4096, TESTERS = 8, WORDS = 64 };

/* The number that tells a signal of a tester from those of others. */
static int signal_of(const struct tester *t, int which)
{
	return SIGRTMIN + 1 + t->index * 3 + which;
}

/* What libc freed is allocated again and cleared: where it lay, the reference would stay. */
static void scrub(size_t size)
{
	void *block = malloc(size);

	memset(block, 0, size);
	__asm__ volatile("" : : "r"(block) : "memory");
	free(block);
}

/* ----------------------------------------------------------------------------- memory of a kind */

static volatile uintptr_t in_bss[TESTERS][WORDS];
static volatile uintptr_t in_data[TESTERS][WORDS] = { { 1 } };
static _Thread_local volatile uintptr_t in_own_tls[WORDS];
/* Written, and read-only from then on, as RELRO is. */
static volatile uintptr_t in_relro[TESTERS][PAGE / 8] __attribute__((aligned(PAGE))) = { { 1 } };

static void put_slot(struct tester *t, struct held *h)
{
	reveal(h->slot, t->address);
}

static void drop_slot(struct tester *t, struct held *h)
{
	*h->slot = 0;
}

static bool use_slot(struct tester *t, struct held *h)
{
	return hide(*h->slot) == t->address &&
	       use_hidden(t->address, t->what, t->offset, t->lib->number);
}

static void put_global(struct tester *t, struct held *h)
{
	h->slot = (pick(t, 2) ? in_bss : in_data)[t->index] + 1 + pick(t, WORDS - 1);
	put_slot(t, h);
}

static void put_own_tls(struct tester *t, struct held *h)
{
	h->slot = in_own_tls + pick(t, WORDS);
	put_slot(t, h);
}

static void put_thread_tls(struct tester *t, struct held *h)
{
	h->slot = t->helper->tls;
	put_slot(t, h);
}

static void put_beneath(struct tester *t, struct held *h)
{
	h->slot = t->helper->beneath - pick(t, 16);
	put_slot(t, h);
}

static bool can_beneath(struct tester *t)
{
	return t->helper->beneath != NULL;
}

static void put_relro(struct tester *t, struct held *h)
{
	h->base = (char *)(uintptr_t)in_relro[t->index];
	h->slot = in_relro[t->index] + 1 + pick(t, PAGE / 8 - 1);
	put_slot(t, h);
	check(!mprotect(h->base, PAGE, PROT_READ), "mprotect: %s", strerror(errno));
}

static void drop_relro(struct tester *t, struct held *h)
{
	mprotect(h->base, PAGE, PROT_READ | PROT_WRITE);
	*h->slot = 0;
}

static void allocate(struct tester *t, struct held *h, size_t size)
{
	h->size = size;
	h->base = malloc(size);
	check(h->base, "no memory");
	memset(h->base, 0, size);
	h->slot = (volatile uintptr_t *)(void *)h->base + pick(t, (unsigned)(size / 8));
}

static void put_heap(struct tester *t, struct held *h)
{
	allocate(t, h, 8 * (2 + pick(t, 254)));
	put_slot(t, h);
}

static void put_big_heap(struct tester *t, struct held *h)
{
	allocate(t, h, 200000 + PAGE * pick(t, 300));
	put_slot(t, h);
}

static void drop_heap(struct tester *t, struct held *h)
{
	*h->slot = 0;
	free(h->base);
}

/* Encoded: not the address itself, but what some runtimes keep of it. */
static void put_tagged(struct tester *t, struct held *h)
{
	static const uintptr_t tags[] = { 0xfffc, 0x7ff8, 0xfff9, 0xffff, 0x0001, 0x8000 };
	uintptr_t tag = pick(t, 2) ? tags[pick(t, 6)] : 1 + pick(t, 0xffff);

	allocate(t, h, 8 * (2 + pick(t, 254)));
	/* The tag comes first, so that the bare address is never there. */
	*h->slot = t->address ^ tag << 48;
	reveal(h->slot, *h->slot);
}

static bool use_tagged(struct tester *t, struct held *h)
{
	return (hide(*h->slot) ^ t->address) << 16 == 0 &&
	       use_hidden(t->address, t->what, t->offset, t->lib->number);
}

static void put_doubled(struct tester *t, struct held *h)
{
	allocate(t, h, 8 * (2 + pick(t, 254)));
	put_slot(t, h);
#ifdef __x86_64__
	__asm__ volatile("shlq %0\n\torq $1, %0" : "+m"(*h->slot));
#else
	*h->slot = *h->slot << 1 | 1;
#endif
}

static bool use_doubled(struct tester *t, struct held *h)
{
	return hide(*h->slot >> 1) == t->address &&
	       use_hidden(t->address, t->what, t->offset, t->lib->number);
}

/* ------------------------------------------------------------------------------------- mappings */

static void map(struct tester *t, struct held *h, size_t size, int flags, int fd)
{
	h->size = size;
	h->fd = fd;
	h->base = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	check(h->base != MAP_FAILED, "mmap: %s", strerror(errno));
	h->slot = (volatile uintptr_t *)(void *)h->base + pick(t, (unsigned)(size / 8));
}

static void drop_map(struct tester *t, struct held *h)
{
	munmap(h->base, h->size);
	if (h->fd >= 0)
		close(h->fd);
	if (h->pointer) { /* a file's name */
		unlink(h->pointer);
		free(h->pointer);
	}
}

static void put_private(struct tester *t, struct held *h)
{
	map(t, h, PAGE * (1 + pick(t, 16)), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	put_slot(t, h);
}

static void put_huge(struct tester *t, struct held *h)
{
	map(t, h, 6 << 20, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(h->base, h->size, MADV_HUGEPAGE);
	put_slot(t, h);
}

static void put_shared(struct tester *t, struct held *h)
{
	map(t, h, PAGE * (1 + pick(t, 16)), MAP_SHARED | MAP_ANONYMOUS, -1);
	put_slot(t, h);
}

static void protect(struct held *h, int protection)
{
	check(!mprotect(h->base, h->size, protection), "mprotect: %s", strerror(errno));
}

static void put_none(struct tester *t, struct held *h)
{
	put_private(t, h);
	protect(h, PROT_NONE);
}

static bool use_none(struct tester *t, struct held *h)
{
	protect(h, PROT_READ);
	return use_slot(t, h);
}

static void put_read_only(struct tester *t, struct held *h)
{
	put_private(t, h);
	protect(h, PROT_READ);
}

static void put_dontfork(struct tester *t, struct held *h)
{
	put_private(t, h);
	check(!madvise(h->base, h->size, MADV_DONTFORK), "madvise: %s", strerror(errno));
}

static void put_wipeonfork(struct tester *t, struct held *h)
{
	put_private(t, h);
	check(!madvise(h->base, h->size, MADV_WIPEONFORK), "madvise: %s", strerror(errno));
}

/* A file with its size; its name is kept for drop_map, unless it is a memfd. */
static int make_file(struct tester *t, struct held *h, const char *folder, size_t size)
{
	static _Atomic unsigned n;
	char name[300];
	int fd;

	if (!folder) {
		fd = memfd_create("reach", MFD_CLOEXEC);
	} else {
		snprintf(name, sizeof(name), "%s/reach.%d.%u", folder, (int)getpid(), n++);
		h->pointer = strdup(name);
		fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	check(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "cannot make a file: %s",
	      strerror(errno));
	return fd;
}

/* In the file, as write(2) puts it there: no page of the process is touched but this stack's. */
static void write_slot(struct tester *t, struct held *h)
{
	volatile uintptr_t word;

	reveal(&word, t->address);
	check(pwrite(h->fd, (const void *)(uintptr_t)&word, 8,
		     (char *)(uintptr_t)h->slot - h->base) == 8,
	      "pwrite: %s", strerror(errno));
	word = 0;
}

static void put_memfd(struct tester *t, struct held *h)
{
	size_t size = PAGE * (1 + pick(t, 8));

	map(t, h, size, MAP_SHARED, make_file(t, h, NULL, size));
	put_slot(t, h);
	if (pick(t, 2)) {
		close(h->fd);
		h->fd = -1;
	}
}

/* No page of it is in the process's tables. */
static void put_memfd_untouched(struct tester *t, struct held *h)
{
	size_t size = PAGE * (1 + pick(t, 8));

	map(t, h, size, MAP_SHARED, make_file(t, h, NULL, size));
	write_slot(t, h);
	if (pick(t, 2))
		protect(h, PROT_READ);
}

static void put_memfd_private(struct tester *t, struct held *h)
{
	size_t size = PAGE * (1 + pick(t, 8));

	map(t, h, size, MAP_PRIVATE, make_file(t, h, NULL, size));
	write_slot(t, h);
	if (pick(t, 2))
		protect(h, PROT_READ);
	if (pick(t, 2) && *h->slot == 0) /* read, so that its page is there */
		fail("what was written is not there");
}

static void put_shm(struct tester *t, struct held *h)
{
	size_t size = PAGE * (1 + pick(t, 8));

	map(t, h, size, MAP_SHARED, make_file(t, h, "/dev/shm", size));
	put_slot(t, h);
}

static void put_file_shared(struct tester *t, struct held *h)
{
	size_t size = PAGE * (1 + pick(t, 8));

	map(t, h, size, MAP_SHARED, make_file(t, h, t->folder, size));
	put_slot(t, h);
}

static void put_file_private(struct tester *t, struct held *h)
{
	size_t size = PAGE * (1 + pick(t, 8));

	map(t, h, size, MAP_PRIVATE, make_file(t, h, t->folder, size));
	put_slot(t, h);
	if (pick(t, 2))
		protect(h, PROT_READ);
}

static void delete_file(struct held *h)
{
	unlink(h->pointer);
	free(h->pointer);
	h->pointer = NULL;
	close(h->fd);
	h->fd = -1;
}

static void put_deleted(struct tester *t, struct held *h)
{
	size_t size = PAGE * (1 + pick(t, 8));

	map(t, h, size, MAP_PRIVATE, make_file(t, h, t->folder, size));
	delete_file(h);
	put_slot(t, h);
}

static void put_deleted_unwritten(struct tester *t, struct held *h)
{
	size_t size = PAGE * (1 + pick(t, 8));

	map(t, h, size, MAP_PRIVATE, make_file(t, h, t->folder, size));
	write_slot(t, h);
	delete_file(h);
	protect(h, PROT_READ);
}

/* ----------------------------------------------------------------------------------- JIT pages */

static void finish_code(struct tester *t, struct held *h)
{
	static const int protections[] = { PROT_READ | PROT_EXEC,
					   PROT_READ | PROT_WRITE | PROT_EXEC, PROT_EXEC };

	protect(h, protections[pick(t, 3)]);
}

static void code_page(struct tester *t, struct held *h, void *hint)
{
	h->size = PAGE * (1 + pick(t, 4));
	h->fd = pick(t, 3) ? -1 : make_file(t, h, NULL, h->size);
	h->base = mmap(hint, h->size, PROT_READ | PROT_WRITE,
		       (h->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) |
			       (hint ? MAP_FIXED_NOREPLACE : 0),
		       h->fd, 0);
	if (h->base == MAP_FAILED && h->fd >= 0)
		close(h->fd);
	else if (h->base != MAP_FAILED)
		memset(h->base, 0x90, h->size);
}

static void put_jit_absolute(struct tester *t, struct held *h)
{
	unsigned at;

	code_page(t, h, NULL);
	check(h->base != MAP_FAILED, "mmap: %s", strerror(errno));
	at = 16 + pick(t, (unsigned)h->size - 32);
	at |= at % 8 ? 0 : 1;	/* unaligned */
	h->base[at - 2] = 0x48; /* mov $address, %rax */
	h->base[at - 1] = (char)0xb8;
	reveal((volatile uintptr_t *)(void *)(h->base + at), t->address);
	finish_code(t, h);
}

/* A call, jump, conditional jump or lea with a distance of 32 bits. */
static void put_jit_relative(struct tester *t, struct held *h)
{
	static const unsigned char opcodes[][3] = { { 0x90, 0x90, 0xe8 },
						    { 0x90, 0x90, 0xe9 },
						    { 0x90, 0x0f, 0x84 },
						    { 0x48, 0x8d, 0x05 } };
	volatile int32_t *distance;
	unsigned at;

	do /* within reach of the library: the reference is 1 GiB away at most */
		code_page(t, h,
			  (void *)((hide(t->lib->at[REACH_LO]) & ~(uintptr_t)0xffffff) -
				   ((uintptr_t)pick(t, 60) << 24) - (pick(t, 4096) << 12)));
	while (h->base == MAP_FAILED);
	at = 16 + pick(t, (unsigned)h->size - 32);
	memcpy(h->base + at - 3, opcodes[pick(t, 4)], 3);
	distance = (volatile int32_t *)(void *)(h->base + at);
	*distance = (int32_t)(uint32_t)(t->address ^ REACH_KEY) -
		    (int32_t)(uint32_t)((uintptr_t)distance + 4);
	finish_code(t, h);
}

/* ------------------------------------------------------------------------------ other threads */

static void run_waiting(struct helper *h)
{
	hold_waiting[h->a](h->address, &h->word, &h->ready, h->b ? h->pipe[0] : -1);
}

static void run_spinning(struct helper *h)
{
	hold_spinning[h->a](h->address, &h->word, &h->ready, -1);
}

static void run_vector(struct helper *h)
{
	uint64_t image[8] __attribute__((aligned(64))) = { 0 };

	reveal((volatile uintptr_t *)image + h->a / 32, h->address);
	hold_vector(h->a % 32, image, &h->word, &h->ready, h->b);
}

static void run_mmx(struct helper *h)
{
	hold_mmx(h->address, &h->word, &h->ready, -1);
}

static void run_gs(struct helper *h)
{
	hold_gs(h->address, &h->word, &h->ready, -1);
}

static void run_red_zone(struct helper *h)
{
	hold_red_zone(h->address, &h->word, &h->ready, -1);
}

static void run_stack(struct helper *h)
{
	hold_stack(h->address, &h->word, &h->ready, -1);
}

static void run_switched(struct helper *h)
{
	char *stack = malloc(PAGE);

	memset(stack, 0, PAGE);
	hold_switched(h->address, &h->word, &h->ready, (long)(stack + PAGE));
	free(stack);
}

static void helped(struct tester *t, void (*run)(struct helper *), long a, long b)
{
	struct helper *h = t->helper;

	h->address = t->address;
	h->a = a;
	h->b = b;
	helper_run(h, run);
}

static void put_waiting(struct tester *t, struct held *h)
{
	helped(t, run_waiting, (long)pick(t, 6), 0);
}

static void put_reading(struct tester *t, struct held *h)
{
	helped(t, run_waiting, (long)pick(t, 6), 1);
}

static void put_spinning(struct tester *t, struct held *h)
{
	helped(t, run_spinning, (long)pick(t, 15), 0);
}

static void put_vector(struct tester *t, struct held *h)
{
	unsigned lanes = reach_vectors / 8u, registers = reach_vectors == 64 ? 32 : 16;

	helped(t, run_vector, (long)(pick(t, registers) + 32 * pick(t, lanes)),
	       (long)pick(t, 2) * 2);
}

static void put_mmx(struct tester *t, struct held *h)
{
	helped(t, run_mmx, 0, 0);
}

static void put_gs(struct tester *t, struct held *h)
{
	helped(t, run_gs, 0, 0);
}

static void put_red_zone(struct tester *t, struct held *h)
{
	helped(t, run_red_zone, 0, 0);
}

static void put_stack(struct tester *t, struct held *h)
{
	helped(t, run_stack, 0, 0);
}

static void put_switched(struct tester *t, struct held *h)
{
	helped(t, run_switched, 0, 0);
}

static void drop_helped(struct tester *t, struct held *h)
{
	helper_release(t->helper);
}

/* A thread that a signal interrupted: what it had in registers is in the frame of the handler. */
static _Atomic int handler_word[TESTERS], handler_ready[TESTERS], handler_left[TESTERS];

static void interrupt(int number)
{
	int i = (number - SIGRTMIN - 1) / 3;

	handler_ready[i] = 1;
	while (!handler_word[i])
		syscall(SYS_futex, &handler_word[i], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	handler_left[i] = 1;
}

static void put_interrupted(struct tester *t, struct held *h)
{
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = 0 };
	int i = t->index;

	if (pick(t, 2))
		action.sa_flags = SA_ONSTACK;
	sigaction(signal_of(t, 0), &action, NULL);
	handler_word[i] = handler_ready[i] = handler_left[i] = 0;
	helped(t, pick(t, 2) ? run_spinning : run_stack, (long)pick(t, 14), 0);
	syscall(SYS_tgkill, getpid(), t->helper->tid, signal_of(t, 0));
	wait_for(&handler_ready[i]);
}

static void drop_interrupted(struct tester *t, struct held *h)
{
	int i = t->index;

	wake(&handler_word[i], 1);
	wait_for(&handler_left[i]);
	helper_release(t->helper);
	signal(signal_of(t, 0), SIG_DFL);
	/* The frame of the handler is left on the stack that was meant for it. */
	memset(t->helper->altstack, 0, 65536);
}

/* ------------------------------------------------------------------------------- own registers */

static void around_own_register(struct tester *t, void (*body)(void *), void *arg)
{
	around_register(t->address, body, arg, (long)pick(t, 6));
}

static void around_own_stack(struct tester *t, void (*body)(void *), void *arg)
{
	around_stack(t->address, body, arg);
}

static void around_own_switched(struct tester *t, void (*body)(void *), void *arg)
{
	size_t size = 512 * 1024; /* the engine wipes 64 KiB, the loader needs some */
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(stack != MAP_FAILED, "no stack");
	around_switched(t->address, body, arg, stack + size);
	munmap(stack, size);
}

/* ------------------------------------------------------------------------------ held by libc */

static void put_specific(struct tester *t, struct held *h)
{
	pthread_setspecific(t->key, (void *)hide(t->address));
}

static bool use_specific(struct tester *t, struct held *h)
{
	return hide((uintptr_t)pthread_getspecific(t->key)) == t->address &&
	       use_hidden(t->address, t->what, t->offset, t->lib->number);
}

static void drop_specific(struct tester *t, struct held *h)
{
	pthread_setspecific(t->key, NULL);
}

/* A key's destructor stays in libc's table when the key is deleted, until the key is used again. */
static pthread_mutex_t keys = PTHREAD_MUTEX_INITIALIZER;

static void put_destructor(struct tester *t, struct held *h)
{
	pthread_key_t key;

	pthread_mutex_lock(&keys);
	check(!pthread_key_create(&key, (void (*)(void *))hide(t->lib->at[REACH_CALLED])),
	      "no key");
	pthread_mutex_unlock(&keys);
	h->extra = (long)key;
}

static void *set_and_exit(void *arg)
{
	pthread_setspecific(*(pthread_key_t *)arg, arg);
	return NULL;
}

static bool use_destructor(struct tester *t, struct held *h)
{
	pthread_key_t key = (pthread_key_t)h->extra;
	pthread_t thread;

	check(!pthread_create(&thread, NULL, set_and_exit, &key), "no thread");
	pthread_join(thread, NULL);
	return was_used(t->lib->number);
}

static void drop_destructor(struct tester *t, struct held *h)
{
	pthread_key_t key = (pthread_key_t)h->extra, again, before[64];
	int n = 0;

	pthread_mutex_lock(&keys);
	pthread_key_delete(key);
	while (n < 64 && !pthread_key_create(&again, NULL) && (before[n++] = again) != key)
		;
	while (n > 0)
		pthread_key_delete(before[--n]);
	pthread_mutex_unlock(&keys);
}

static void put_cookie(struct tester *t, struct held *h)
{
	cookie_io_functions_t functions = { .write = (cookie_write_function_t *)hide(
						    t->lib->at[REACH_WRITTEN]) };

	h->pointer = fopencookie(NULL, "w", functions);
	check(h->pointer, "fopencookie: %s", strerror(errno));
}

static bool use_cookie(struct tester *t, struct held *h)
{
	fputs("used\n", h->pointer);
	fflush(h->pointer);
	return was_used(t->lib->number);
}

static void drop_cookie(struct tester *t, struct held *h)
{
	size_t size = malloc_usable_size(h->pointer);

	fclose(h->pointer);
	scrub(size);
}

/* Of the jump buffer the address of the code alone is left, as setjmp has mangled it. */
static void put_jump(struct tester *t, struct held *h)
{
	int (*jumped)(void *) = (int (*)(void *))hide(t->lib->at[REACH_JUMPED]);

	h->size = sizeof(jmp_buf);
	h->base = malloc(h->size);
	check(h->base, "no memory");
	memset(h->base, 0, h->size);
	jumped(h->base);
	was_used(t->lib->number);
#ifdef __x86_64__
	memset(h->base, 0, 7 * 8);
	memset(h->base + 8 * 8, 0, h->size - 8 * 8);
	h->slot = (volatile uintptr_t *)(void *)h->base + 7;
#endif
}

static bool use_jump(struct tester *t, struct held *h)
{
	uintptr_t address = *h->slot;

#ifdef __x86_64__
	__asm__("ror $17, %0\n\txor %%fs:0x30, %0" : "+r"(address));
#endif
	return address >= hide(t->lib->at[REACH_LO]) && address <= hide(t->lib->at[REACH_HI]) &&
	       *(volatile unsigned char *)address;
}

/* A destructor of a thread's thread-local object; the object is said to be the host's. */
extern int __cxa_thread_atexit_impl(void (*fn)(void *), void *object, void *dso);
extern void *__dso_handle;

struct leaver {
	pthread_t thread;
	hidden called;
	_Atomic int word, ready;
};

static __attribute__((noinline)) void register_destructor(struct leaver *l)
{
	__cxa_thread_atexit_impl((void (*)(void *))hide(l->called), NULL, &__dso_handle);
}

static void *leave(void *arg)
{
	struct leaver *l = arg;

	register_destructor(l);
	wipe();
	l->ready = 1;
	while (!l->word)
		syscall(SYS_futex, &l->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return NULL;
}

static __attribute__((noinline)) void be_inside(struct leaver *l)
{
	((void (*)(_Atomic int *, _Atomic int *))hide(l->called))(&l->word, &l->ready);
}

static void *stay_inside(void *arg)
{
	be_inside(arg);
	wipe();
	return NULL;
}

static void leaver_start(struct held *h, hidden called, void *(*run)(void *))
{
	struct leaver *l = calloc(1, sizeof(*l));

	check(l, "no memory");
	h->pointer = l;
	l->called = called;
	check(!pthread_create(&l->thread, NULL, run, l), "no thread");
	wait_for(&l->ready);
}

static void leaver_end(struct held *h)
{
	struct leaver *l = h->pointer;

	wake(&l->word, 1);
	pthread_join(l->thread, NULL);
	h->extra = 1;
}

static void put_thread_destructor(struct tester *t, struct held *h)
{
	leaver_start(h, t->lib->at[REACH_CALLED], leave);
}

static void put_running(struct tester *t, struct held *h)
{
	leaver_start(h, t->lib->at[REACH_WAIT], stay_inside);
}

static bool use_leaver(struct tester *t, struct held *h)
{
	leaver_end(h);
	return was_used(t->lib->number);
}

static void drop_leaver(struct tester *t, struct held *h)
{
	if (h->wrong) /* it would run into nothing: it waits for ever */
		return;
	if (!h->extra)
		leaver_end(h);
	free(h->pointer);
}

/* In a child: what is registered for its exit is never dropped. */
extern int __cxa_atexit(void (*fn)(void *), void *arg, void *dso);

static void put_on_exit(struct tester *t, struct held *h)
{
	hidden fn = t->lib->at[REACH_ON_EXIT];

	if (pick(t, 2))
		on_exit((void (*)(int, void *))hide(fn), NULL);
	else
		__cxa_atexit((void (*)(void *))hide(fn), NULL, NULL);
}

/* ----------------------------------------------------------------------------------- environment */

static pthread_mutex_t environment = PTHREAD_MUTEX_INITIALIZER;
static char nothing[TESTERS][40];

static void put_environment(struct tester *t, struct held *h)
{
	char *text = (char *)hide(t->lib->at[REACH_STACK_AT]);

	snprintf(text, 64, "REACH%d=%llu", t->index, (unsigned long long)t->lib->number);
	pthread_mutex_lock(&environment);
	check(!putenv(text), "putenv: %s", strerror(errno));
	pthread_mutex_unlock(&environment);
}

static bool use_environment(struct tester *t, struct held *h)
{
	char name[32];
	const char *value;
	bool same;

	snprintf(name, sizeof(name), "REACH%d", t->index);
	pthread_mutex_lock(&environment);
	value = getenv(name);
	same = value && strtoull(value, NULL, 10) == t->lib->number;
	pthread_mutex_unlock(&environment);
	return same;
}

/* Not by unsetenv alone, which would read the string. */
static void drop_environment(struct tester *t, struct held *h)
{
	char name[32];

	snprintf(name, sizeof(name), "REACH%d", t->index);
	snprintf(nothing[t->index], sizeof(nothing[0]), "%s=", name);
	pthread_mutex_lock(&environment);
	for (char **e = environ; *e; e++)
		if (hide((uintptr_t)*e) == t->lib->at[REACH_STACK_AT])
			*e = nothing[t->index];
	unsetenv(name);
	pthread_mutex_unlock(&environment);
}

/* ---------------------------------------------------------------------------- held by the kernel */

static void put_signal(struct tester *t, struct held *h)
{
	struct sigaction action = { .sa_handler = (void (*)(int))hide(t->lib->at[REACH_CALLED]) };

	sigaction(signal_of(t, 1), &action, NULL);
}

static bool use_signal(struct tester *t, struct held *h)
{
	raise(signal_of(t, 1));
	return was_used(t->lib->number);
}

static void drop_signal(struct tester *t, struct held *h)
{
	signal(signal_of(t, 1), SIG_DFL);
}

static void put_timer(struct tester *t, struct held *h)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal_of(t, 2) };
	timer_t timer;

	event.sigev_value.sival_ptr = (void *)hide(t->address);
	check(!timer_create(CLOCK_MONOTONIC, &event, &timer), "timer_create: %s", strerror(errno));
	h->pointer = timer;
}

/* The value of a signal, which is blocked in every thread. */
static uintptr_t signal_value(int number)
{
	siginfo_t info;
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, number);
	do
		r = sigwaitinfo(&set, &info);
	while (r < 0 && errno == EINTR);
	return (uintptr_t)info.si_value.sival_ptr;
}

static bool use_timer(struct tester *t, struct held *h)
{
	struct itimerspec now = { .it_value.tv_nsec = 1 };

	timer_settime(h->pointer, 0, &now, NULL);
	return hide(signal_value(signal_of(t, 2))) == t->address &&
	       use_hidden(t->address, t->what, t->offset, t->lib->number);
}

static void drop_timer(struct tester *t, struct held *h)
{
	timer_delete(h->pointer);
}

static void put_epoll(struct tester *t, struct held *h)
{
	struct epoll_event event = { .events = EPOLLIN };

	event.data.ptr = (void *)hide(t->address);
	h->fd = epoll_create1(EPOLL_CLOEXEC);
	h->extra = eventfd(1, EFD_CLOEXEC);
	check(h->fd >= 0 && h->extra >= 0 &&
		      !epoll_ctl(h->fd, EPOLL_CTL_ADD, (int)h->extra, &event),
	      "epoll: %s", strerror(errno));
}

static bool use_epoll(struct tester *t, struct held *h)
{
	struct epoll_event event;
	int r;

	do
		r = epoll_wait(h->fd, &event, 1, -1);
	while (r < 0 && errno == EINTR);
	return hide((uintptr_t)event.data.ptr) == t->address &&
	       use_hidden(t->address, t->what, t->offset, t->lib->number);
}

static void drop_epoll(struct tester *t, struct held *h)
{
	close(h->fd);
	close((int)h->extra);
}

static void run_robust(struct helper *h)
{
	void *old;
	size_t size;

	syscall(SYS_get_robust_list, 0, &old, &size);
	syscall(SYS_set_robust_list, (void *)hide(h->address), size);
	wipe();
	h->ready = 1;
	while (!h->word)
		syscall(SYS_futex, &h->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	syscall(SYS_set_robust_list, old, size);
}

static void put_robust(struct tester *t, struct held *h)
{
	helped(t, run_robust, 0, 0);
	t->helper->address = 0;
}

static void set_altstack(hidden at)
{
	stack_t stack = { .ss_sp = (void *)hide(at), .ss_size = REACH_STACK };

	check(!sigaltstack(&stack, NULL), "sigaltstack: %s", strerror(errno));
}

static void no_altstack(void)
{
	stack_t stack = { .ss_flags = SS_DISABLE };

	check(!sigaltstack(&stack, NULL), "sigaltstack: %s", strerror(errno));
}

static _Thread_local volatile uintptr_t handled_at;

static void handle(int number)
{
	volatile char here = 0;

	handled_at = (uintptr_t)&here ^ REACH_KEY;
}

static void put_own_altstack(struct tester *t, struct held *h)
{
	set_altstack(t->lib->at[REACH_STACK_AT]);
}

static bool use_own_altstack(struct tester *t, struct held *h)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_ONSTACK };

	sigaction(signal_of(t, 0), &action, NULL);
	raise(signal_of(t, 0));
	signal(signal_of(t, 0), SIG_DFL);
	return hide(handled_at) - hide(t->lib->at[REACH_STACK_AT]) < REACH_STACK;
}

static void drop_own_altstack(struct tester *t, struct held *h)
{
	no_altstack();
}

static void run_altstack(struct helper *h)
{
	stack_t old;

	sigaltstack(NULL, &old);
	set_altstack(h->address);
	wipe();
	h->ready = 1;
	while (!h->word)
		syscall(SYS_futex, &h->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	sigaltstack(&old, NULL);
}

static void put_altstack(struct tester *t, struct held *h)
{
	struct helper *helper = t->helper;

	helper->address = t->lib->at[REACH_STACK_AT];
	helper_run(helper, run_altstack);
	helper->address = 0;
}

/* Unread, in a pipe or a socket; also the value of a pending signal. */
static void put_in_descriptor(struct tester *t, struct held *h, const int *ends)
{
	volatile uintptr_t word;

	reveal(&word, t->address);
	check(write(ends[1], (const void *)(uintptr_t)&word, 8) == 8, "write: %s", strerror(errno));
	word = 0;
	h->fd = ends[0];
	h->extra = ends[1];
}

static void put_pipe(struct tester *t, struct held *h)
{
	int ends[2];

	check(!pipe(ends), "pipe: %s", strerror(errno));
	put_in_descriptor(t, h, ends);
}

static void put_socket(struct tester *t, struct held *h)
{
	int ends[2];

	check(!socketpair(AF_UNIX, pick(t, 2) ? SOCK_STREAM : SOCK_DGRAM, 0, ends),
	      "socketpair: %s", strerror(errno));
	put_in_descriptor(t, h, ends);
}

static bool use_descriptor(struct tester *t, struct held *h)
{
	uintptr_t word = 0;

	return read(h->fd, &word, 8) == 8 && hide(word) == t->address &&
	       use_hidden(t->address, t->what, t->offset, t->lib->number);
}

static void put_pending(struct tester *t, struct held *h)
{
	union sigval value = { .sival_ptr = (void *)hide(t->address) };

	if (pick(t, 2))
		check(!sigqueue(getpid(), signal_of(t, 2), value), "sigqueue: %s", strerror(errno));
	else
		check(!pthread_sigqueue(pthread_self(), signal_of(t, 2), value),
		      "pthread_sigqueue: %s", strerror(errno));
}

static bool use_pending(struct tester *t, struct held *h)
{
	h->extra = 1;
	return hide(signal_value(signal_of(t, 2))) == t->address &&
	       use_hidden(t->address, t->what, t->offset, t->lib->number);
}

static void drop_pending(struct tester *t, struct held *h)
{
	if (!h->extra)
		signal_value(signal_of(t, 2));
}

/* -------------------------------------------------------------------- thread-local, by address */

/* The library's variable in the other thread. */
static void run_touch(struct helper *h)
{
	uintptr_t (*address)(int, uint64_t) = (uintptr_t(*)(int, uint64_t))hide(h->address);

	h->address = hide(address(REACH_TLS, (uint64_t)h->a));
	wipe();
	h->ready = 1;
	while (!h->word)
		syscall(SYS_futex, &h->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void put_others_tls(struct tester *t, struct held *h)
{
	hidden at;

	h->pointer = dlsym(t->lib->handle, "reach_address");
	t->helper->address = hide((uintptr_t)h->pointer);
	h->pointer = NULL;
	t->helper->a = (long)t->lib->number;
	t->helper->b = 0;
	helper_run(t->helper, run_touch);
	at = t->helper->address;
	helper_release(t->helper);
	allocate(t, h, 8 * (2 + pick(t, 30)));
	reveal(h->slot, at);
	h->extra = (long)at;
}

static bool use_others_tls(struct tester *t, struct held *h)
{
	return hide(*h->slot) == (hidden)h->extra &&
	       use_hidden((hidden)h->extra, TLS, 0, t->lib->number);
}

/* ------------------------------------------------------------------------------- other libraries */

/* A library that refers to this one, and is itself referred to by the host; closed before or after. */
static void put_chain(struct tester *t, struct held *h)
{
	struct library *second = library_open(t);

	h->second = second;
	reveal((volatile uintptr_t *)hide(second->at[REACH_KEPT]), t->address);
	h->slot = in_bss[t->index] + pick(t, WORDS);
	reveal(h->slot, second->at[REACH_DATA]);
	if (pick(t, 2))
		library_close(t, second);
}

static void closed_chain(struct tester *t, struct held *h)
{
	volatile uintptr_t *slot = in_data[t->index] + 1 + pick(t, WORDS - 1);

	if (h->second->handle)
		library_close(t, h->second);
	if (!library_alive(h->second))
		return;
	/* What keeps either is somewhere else now: both are looked for together. */
	reveal((volatile uintptr_t *)hide(h->second->at[REACH_KEPT]) + 1 + pick(t, 3), t->address);
	*(volatile uintptr_t *)hide(h->second->at[REACH_KEPT]) = 0;
	reveal(slot, h->second->at[REACH_DATA]);
	*h->slot = 0;
	h->slot = slot;
}

static bool use_chain(struct tester *t, struct held *h)
{
	return library_alive(h->second) && hide(*h->slot) == h->second->at[REACH_DATA] &&
	       use_hidden(t->address, t->what, t->offset, t->lib->number);
}

static void drop_chain(struct tester *t, struct held *h)
{
	*h->slot = 0;
	library_drop(t, h->second, -1);
}

/* A call-back of linger's own: another library is watched, and this one's function is to be told. */
static bool can_watch(struct tester *t)
{
	return linger_on_ != NULL;
}

static void put_watch(struct tester *t, struct held *h)
{
	struct library *second = library_open(t);
	int r = linger_on((const void *)hide(second->at[REACH_DATA]), LINGER_UNLOADED,
			  (linger_callback *)hide(t->lib->at[REACH_CALLED]), NULL);

	/* With the policy off it says that nothing is there. */
	check(r == 0 || r == -ENOENT || r == -ENOSYS, "linger_on: %s", strerror(-r));
	h->second = second;
	h->fd = r;
}

static bool use_watch(struct tester *t, struct held *h)
{
	return use_hidden(t->lib->at[REACH_CODE], CODE, 0, t->lib->number);
}

/* It is called when the second one goes. */
static void drop_watch(struct tester *t, struct held *h)
{
	if (h->wrong) /* then it must never go */
		return;
	library_close(t, h->second);
	library_drop(t, h->second, -1);
}

/* ------------------------------------------------------------------------------------- the table */

#define MEMORY(name, put, drop)                                                                    \
	{                                                                                          \
		name, ANY, 0, put, drop, use_slot, NULL, NULL, NULL                                \
	}
#define HELPED(name, put)                                                                          \
	{                                                                                          \
		name, ANY, THREADED, put, drop_helped, NULL, NULL, NULL, NULL                      \
	}

const struct kind kinds[] = {
	{ "none", ANY, FIXED, NULL, NULL, NULL, NULL, NULL, NULL },
	MEMORY("global", put_global, drop_slot),
	MEMORY("relro", put_relro, drop_relro),
	MEMORY("heap", put_heap, drop_heap),
	MEMORY("big-heap", put_big_heap, drop_heap),
	{ "tagged", ANY, 0, put_tagged, drop_heap, use_tagged, NULL, NULL, NULL },
	{ "doubled", ANY, 0, put_doubled, drop_heap, use_doubled, NULL, NULL, NULL },
	MEMORY("private", put_private, drop_map),
	MEMORY("huge", put_huge, drop_map),
	MEMORY("shared", put_shared, drop_map),
	MEMORY("memfd", put_memfd, drop_map),
	MEMORY("memfd-untouched", put_memfd_untouched, drop_map),
	MEMORY("memfd-private", put_memfd_private, drop_map),
	MEMORY("shm", put_shm, drop_map),
	MEMORY("file-shared", put_file_shared, drop_map),
	MEMORY("file-private", put_file_private, drop_map),
	MEMORY("deleted", put_deleted, drop_map),
	MEMORY("deleted-unwritten", put_deleted_unwritten, drop_map),
	{ "prot-none", ANY, 0, put_none, drop_map, use_none, NULL, NULL, NULL },
	MEMORY("prot-read", put_read_only, drop_map),
	MEMORY("dontfork", put_dontfork, drop_map),
	MEMORY("wipeonfork", put_wipeonfork, drop_map),
	{ "jit-absolute", ANY, 0, put_jit_absolute, drop_map, NULL, NULL, NULL, NULL },
	{ "jit-relative", CODE | DATA | RODATA | EDGE, 0, put_jit_relative, drop_map, NULL, NULL,
	  NULL, NULL },
	MEMORY("own-tls", put_own_tls, drop_slot),
	{ "thread-tls", ANY, THREADED, put_thread_tls, drop_slot, use_slot, NULL, NULL, NULL },
	{ "others-tls", TLS, THREADED | FIXED, put_others_tls, drop_heap, use_others_tls, NULL,
	  NULL, NULL },
	{ "beneath-stack", ANY, THREADED, put_beneath, drop_slot, use_slot, NULL, can_beneath,
	  NULL },
	HELPED("stack", put_stack),
	HELPED("red-zone", put_red_zone),
	HELPED("switched-stack", put_switched),
	HELPED("register", put_waiting),
	HELPED("register-read", put_reading),
	HELPED("register-spin", put_spinning),
	HELPED("vector", put_vector),
	HELPED("mmx", put_mmx),
	HELPED("gs-base", put_gs),
	{ "interrupted", ANY, THREADED | FIXED, put_interrupted, drop_interrupted, NULL, NULL, NULL,
	  NULL },
	{ "own-register", ANY, FIXED, NULL, NULL, NULL, around_own_register, NULL, NULL },
	{ "own-stack", ANY, FIXED, NULL, NULL, NULL, around_own_stack, NULL, NULL },
	{ "own-switched", ANY, FIXED, NULL, NULL, NULL, around_own_switched, NULL, NULL },
	{ "specific", ANY, 0, put_specific, drop_specific, use_specific, NULL, NULL, NULL },
	{ "key-destructor", CODE, 0, put_destructor, drop_destructor, use_destructor, NULL, NULL,
	  NULL },
	{ "cookie", CODE, 0, put_cookie, drop_cookie, use_cookie, NULL, NULL, NULL },
	{ "jump-buffer", CODE, 0, put_jump, drop_heap, use_jump, NULL, NULL, NULL },
	{ "thread-destructor", CODE, THREADED | FIXED, put_thread_destructor, drop_leaver,
	  use_leaver, NULL, NULL, NULL },
	{ "running", CODE, THREADED | FIXED, put_running, drop_leaver, use_leaver, NULL, NULL,
	  NULL },
	{ "on-exit", CODE, SINGLE | FORKED | FIXED, put_on_exit, NULL, NULL, NULL, NULL, NULL },
	{ "environment", DATA, 0, put_environment, drop_environment, use_environment, NULL, NULL,
	  NULL },
	{ "signal", CODE, 0, put_signal, drop_signal, use_signal, NULL, NULL, NULL },
	{ "timer", ANY, 0, put_timer, drop_timer, use_timer, NULL, NULL, NULL },
	{ "epoll", ANY, 0, put_epoll, drop_epoll, use_epoll, NULL, NULL, NULL },
	{ "robust-list", DATA, THREADED, put_robust, drop_helped, NULL, NULL, NULL, NULL },
	{ "altstack", DATA, THREADED, put_altstack, drop_helped, NULL, NULL, NULL, NULL },
	{ "own-altstack", DATA, FIXED, put_own_altstack, drop_own_altstack, use_own_altstack, NULL,
	  NULL, NULL },
	{ "pipe", ANY, 0, put_pipe, drop_epoll, use_descriptor, NULL, NULL, NULL },
	{ "socket", ANY, 0, put_socket, drop_epoll, use_descriptor, NULL, NULL, NULL },
	{ "pending-signal", ANY, FIXED, put_pending, drop_pending, use_pending, NULL, NULL, NULL },
	{ "chain", ANY & ~EDGE, FIXED, put_chain, drop_chain, use_chain, NULL, NULL, closed_chain },
	{ "watch", CODE, FIXED, put_watch, drop_watch, use_watch, NULL, can_watch, NULL },
};
const int kinds_count = (int)(sizeof(kinds) / sizeof(kinds[0]));

/* Before there are threads: the signals whose values are waited for are blocked in all of them. */
void places_init(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < TESTERS; i++)
		sigaddset(&set, SIGRTMIN + 1 + i * 3 + 2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* What is bigger than this is always a mapping of its own. */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}
