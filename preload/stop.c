/*
 * stop.c - stopping every other thread of the process for a moment. See stop.h.
 *
 * Owns: the helper's stack and buffers. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "stop.h"

#include <elf.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <sys/uio.h>

#include "sys.h"
#include "text.h"

#define THREADS 4096
#define PATIENCE 50000000u /* ns */
#define NAP 20000	   /* ns */
#define LOOK 100000000	   /* ns after which it is seen whether the helper is still there */
#define EVENT_STOP 128u	   /* PTRACE_EVENT_STOP */

struct entry {
	uint32_t tid;
	bool stopped;
	uint32_t signal; /* was about to be delivered */
};

static struct {
	struct entry thread[THREADS];
	uint32_t threads;
	uintptr_t registers[4096]; /* 32 KiB: AMX has 11 */
	uint8_t directory[8192];
	uint8_t stack[32768] __attribute__((aligned(64)));
	bool (*look)(void *arg, const struct lgr_stopped *thread);
	void *arg;
	uint32_t process, caller;
	long helper;
	uint64_t mask, begun_ns; /* the caller's signals; when the first thread was stopped */
	_Atomic uint32_t state;
	uint32_t unseen;
} job LGR_BIG;

enum { STARTING = 1, STOPPED, FAILED, RELEASED };

static long ptrace(long request, uint32_t tid, uintptr_t address, uintptr_t data)
{
	return lgr_syscall(__NR_ptrace, request, (long)tid, (long)address, (long)data, 0, 0);
}

/* ----------------------------------------------------------------------------- who is to be stopped */

static bool known(uint32_t tid)
{
	for (uint32_t i = 0; i < job.threads; i++)
		if (job.thread[i].tid == tid)
			return true;
	return false;
}

/* A thread that is gone by now needs no stopping. */
static bool seize(uint32_t tid)
{
	long r = ptrace(PTRACE_SEIZE, tid, 0, 0);

	if (r == -3 /* ESRCH */)
		return true;
	if (r < 0 || job.threads == THREADS) {
		job.unseen = LGR_UN_STOP;
		return false;
	}
	job.thread[job.threads++] = (struct entry){ .tid = tid };
	return ptrace(PTRACE_INTERRUPT, tid, 0, 0) >= 0;
}

/* One pass over /proc/PID/task. Sets *ret_new when there was somebody new. */
static bool seize_listed(int fd, bool *ret_new)
{
	long n;

	lgr_syscall(__NR_lseek, fd, 0, 0, 0, 0, 0);
	while ((n = lgr_syscall(__NR_getdents64, fd, (long)job.directory, sizeof(job.directory), 0,
				0, 0)) > 0) {
		for (long at = 0; at < n;) {
			const struct lgr_directory_entry *e = (const void *)(job.directory + at);
			const char *name = e->name;
			uint64_t tid;

			at += e->length;
			if (!lgr_number(&name, &tid) || tid == job.caller || known((uint32_t)tid))
				continue;
			*ret_new = true;
			if (!seize((uint32_t)tid))
				return false;
		}
	}
	return n == 0;
}

/* Threads make new threads until they are stopped, so until nobody is new. */
static bool wait_for(struct entry *e, uint64_t until)
{
	const struct timespec nap = { .tv_nsec = NAP };
	int status = 0;
	long r;

	while ((r = lgr_sys_wait(e->tid, &status, false)) == 0) {
		if (lgr_sys_clock(CLOCK_MONOTONIC) > until)
			return false;
		lgr_syscall(__NR_nanosleep, (long)&nap, 0, 0, 0, 0, 0);
	}
	if (r < 0 || (status & 0xff) != 0x7f)
		return true; /* it has ended */
	e->stopped = true;
	if ((uint32_t)status >> 16 != EVENT_STOP)
		e->signal = (uint32_t)status >> 8 & 0xff;
	return true;
}

static bool stop_all(uint64_t until)
{
	char path[32];
	struct lgr_text text;
	bool new = true;
	int fd;

	lgr_text_init(&text, path, sizeof(path));
	lgr_text_add(&text, "/proc/");
	lgr_text_add_number(&text, job.process);
	lgr_text_add(&text, "/task");
	fd = lgr_sys_openat(path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return false;
	for (uint32_t waited = 0; new;) {
		new = false;
		/* Somebody who is listed and yet not there, again and again. */
		if (lgr_sys_clock(CLOCK_MONOTONIC) > until) {
			job.unseen = LGR_UN_STOP_TIME;
			break;
		}
		if (!seize_listed(fd, &new))
			break;
		for (; waited < job.threads; waited++)
			if (!wait_for(&job.thread[waited], until)) {
				job.unseen = LGR_UN_STOP_TIME;
				lgr_sys_close(fd);
				return false;
			}
		if (!new) {
			lgr_sys_close(fd);
			return true;
		}
	}
	lgr_sys_close(fd);
	return false;
}

/* ------------------------------------------------------------------------------------------ a look */

#if defined(__x86_64__)
#define PC_AT 16 /* struct user_regs_struct */
#define SP_AT 19
#define TP_AT 21      /* fs_base */
#define VECTORS 0x202 /* NT_X86_XSTATE */
#else
#define PC_AT 32
#define SP_AT 31
#define VECTORS NT_FPREGSET
#define THREAD_POINTER 0x401 /* NT_ARM_TLS */
#endif

static bool thread_pointer(uint32_t tid, uintptr_t *ret)
{
#if defined(__x86_64__)
	*ret = job.registers[TP_AT];
	return true;
#else
	struct iovec one = { ret, sizeof(*ret) };

	return ptrace(PTRACE_GETREGSET, tid, THREAD_POINTER, (uintptr_t)&one) >= 0;
#endif
}

static bool look_at(const struct entry *e, bool *ret_more)
{
	struct iovec general = { job.registers, sizeof(job.registers) }, vectors;
	struct lgr_stopped thread = { .tid = e->tid, .registers = job.registers };

	if (ptrace(PTRACE_GETREGSET, e->tid, NT_PRSTATUS, (uintptr_t)&general) < 0)
		return false;
	thread.general = thread.count = general.iov_len / sizeof(uintptr_t);
	thread.sp = job.registers[SP_AT];
	thread.pc = job.registers[PC_AT];
	if (!thread_pointer(e->tid, &thread.tp))
		return false;
	vectors.iov_base = job.registers + thread.count;
	vectors.iov_len = sizeof(job.registers) - general.iov_len;
	if (ptrace(PTRACE_GETREGSET, e->tid, VECTORS, (uintptr_t)&vectors) < 0)
		return false;
	thread.count += vectors.iov_len / sizeof(uintptr_t);
	*ret_more = job.look(job.arg, &thread);
	return true;
}

static bool look_at_all(void)
{
	bool more = true;

	for (uint32_t i = 0; i < job.threads && more; i++)
		if (job.thread[i].stopped && !look_at(&job.thread[i], &more))
			return false;
	return true;
}

static void set_state(uint32_t state)
{
	atomic_store(&job.state, state);
	lgr_sys_futex(&job.state, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL);
}

/* The helper. What it has attached to and not let go is let go by its end. */
static void helper(void)
{
	bool done;

	/* The threads it stops must not stay so when the process is killed. */
	lgr_syscall(__NR_prctl, PR_SET_PDEATHSIG, 9, 0, 0, 0, 0);
	job.begun_ns = lgr_sys_clock(CLOCK_MONOTONIC);
	done = stop_all(job.begun_ns + PATIENCE) && look_at_all();
	set_state(done ? STOPPED : FAILED);
	while (done && atomic_load(&job.state) == STOPPED)
		lgr_sys_futex(&job.state, FUTEX_WAIT_PRIVATE, STOPPED, NULL);
	for (uint32_t i = 0; i < job.threads; i++)
		if (job.thread[i].stopped)
			ptrace(PTRACE_DETACH, job.thread[i].tid, 0, job.thread[i].signal);
}

/* ------------------------------------------------------------------------------------- the process */

/*
 * clone(2) with a stack of the helper's own, in which it may not return. Shares memory and descriptors;
 * no signal at its end; not traced when we are.
 */
static long spawn(void *stack_end)
{
	unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED;
	long pid;

#if defined(__x86_64__)
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%[helper]\n\t"
			 "mov %[exit], %%eax\n\t"
			 "xor %%edi, %%edi\n\t"
			 "syscall\n"
			 "1:"
			 : "=a"(pid)
			 : "a"((long)__NR_clone), "D"(flags), "S"(stack_end), "d"(0L), "r"(r10),
			   "r"(r8), [helper] "b"(helper), [exit] "i"(__NR_exit)
			 : "rcx", "r11", "memory", "cc");
#else
	register long x8 __asm__("x8") = __NR_clone;
	register long x0 __asm__("x0") = (long)flags;
	register long x1 __asm__("x1") = (long)stack_end;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	register void (*fn)(void) __asm__("x19") = helper;

	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "blr x19\n\t"
			 "mov x8, %[exit]\n\t"
			 "mov x0, xzr\n\t"
			 "svc 0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4),
			   "r"(fn), [exit] "i"(__NR_exit)
			 : "memory", "cc");
	pid = x0;
#endif
	return pid;
}

/* Yama lets nobody but ancestors trace, unless told (Documentation/admin-guide/LSM/Yama.rst). */
static void allow(long pid)
{
	lgr_syscall(__NR_prctl, PR_SET_PTRACER, pid, 0, 0, 0, 0);
}

static bool wait_for_helper(bool block)
{
	int status;

	return lgr_sys_wait(job.helper, &status, block) != 0;
}

/* No handler of the program may run in the helper, or here while others are stopped. */
static void block_signals(void)
{
	uint64_t all = ~UINT64_C(0);

	lgr_syscall(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)&all, (long)&job.mask, 8, 0, 0);
}

static void finish(void)
{
	allow(0);
	lgr_syscall(__NR_rt_sigprocmask, 2, (long)&job.mask, 0, 8, 0, 0);
}

/* In another PID namespace than /proc was mounted in, its numbers are other processes'. */
static bool numbers_are_ours(void)
{
	char text[64], ours[64];
	struct lgr_text path;
	long n = lgr_syscall(__NR_readlinkat, AT_FDCWD, (long)"/proc/thread-self", (long)text,
			     sizeof(text) - 1, 0, 0);

	lgr_text_init(&path, ours, sizeof(ours));
	lgr_text_add_number(&path, job.process);
	lgr_text_add(&path, "/task/");
	lgr_text_add_number(&path, job.caller);
	text[n > 0 ? n : 0] = '\0';
	return lgr_equal(text, ours);
}

enum lgr_unseen lgr_stop_begin(bool (*look)(void *arg, const struct lgr_stopped *thread), void *arg)
{
	const struct timespec a_while = { .tv_nsec = LOOK };
	bool gone = false;

	job.look = look;
	job.arg = arg;
	job.threads = 0;
	job.process = lgr_sys_getpid();
	job.caller = lgr_sys_gettid();
	job.unseen = LGR_UN_STOP;
	if (!numbers_are_ours())
		return LGR_UN_PROC;
	atomic_store(&job.state, STARTING);
	block_signals();
	allow(-1); /* anybody: there is no telling the helper's number before it runs */
	job.helper = spawn(job.stack + sizeof(job.stack));
	while (job.helper > 0 && !gone && atomic_load(&job.state) == STARTING) {
		lgr_sys_futex(&job.state, FUTEX_WAIT_PRIVATE, STARTING, &a_while);
		gone = atomic_load(&job.state) == STARTING && wait_for_helper(false);
	}
	if (job.helper > 0 && !gone && atomic_load(&job.state) == STOPPED)
		return LGR_UN_NOTHING;
	if (job.helper > 0 && !gone)
		wait_for_helper(true);
	finish();
	return job.unseen;
}

uint64_t lgr_stop_end(void)
{
	uint64_t begun = job.begun_ns;

	set_state(RELEASED);
	wait_for_helper(true);
	finish();
	return lgr_sys_clock(CLOCK_MONOTONIC) - begun;
}
