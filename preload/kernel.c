/*
 * kernel.c - what the kernel holds for the process that may lead into an object. See kernel.h.
 *
 * Owns: the alternate signal stacks noted, written without a lock; a buffer, guarded by
 * lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "kernel.h"

#include <asm/ioctls.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <sys/socket.h>

#include "pages.h"
#include "sys.h"
#include "text.h"
#include "words.h"

#define SIGNALS 64
#define STACKS 64
#define QUEUE 8
#define LARGEST_STACK ((uintptr_t)8 << 20) /* RLIMIT_STACK, as a rule */
#define ANCESTORS 16u

static char buffer[8192] LGR_BIG;

struct finder {
	lgr_kernel_found *found;
	bool (*late)(void *arg);
	void *arg;
};

static void tell(const struct finder *f, uintptr_t value, enum lgr_place place, uint64_t at,
		 uint32_t tid)
{
	f->found(f->arg, value, place, at, tid);
}

/* Its directory has a link for each thread, besides "." and "..". */
uint32_t lgr_kernel_threads(void)
{
	struct stat st = { .st_nlink = 0 };

	lgr_syscall(__NR_newfstatat, AT_FDCWD, (long)"/proc/self/task", (long)&st, 0, 0, 0);
	return st.st_nlink > 2 ? (uint32_t)st.st_nlink - 2 : 0;
}

/* ------------------------------------------------------------------------------------- signals */

/* The kernel's struct sigaction (asm/signal.h). */
struct kernel_action {
	uintptr_t handler;
	unsigned long flags;
#if defined(__x86_64__)
	uintptr_t restorer;
#endif
	uint64_t mask;
};

static void look_at_signals(const struct finder *f)
{
	for (int signal = 1; signal <= SIGNALS; signal++) {
		struct kernel_action action = { 0 };

		if (lgr_syscall(__NR_rt_sigaction, signal, 0, (long)&action, 8, 0, 0) < 0)
			continue;
		tell(f, action.handler, LGR_PL_SIGNAL, (uint64_t)signal, 0);
#if defined(__x86_64__)
		tell(f, action.restorer, LGR_PL_SIGNAL, (uint64_t)signal, 0);
#endif
	}
}

/* ------------------------------------------------------------------- alternate signal stacks */

/*
 * One entry a thread; that of a thread that has ended is taken over when there is no other. Past the
 * last one everything is kept.
 */
static struct {
	_Atomic uint32_t tid;
	_Atomic uintptr_t stack, size;
} noted[STACKS];
static _Atomic bool too_many;

static bool lives(uint32_t tid)
{
	struct lgr_text path;
	char text[48];
	struct lgr_file file;

	lgr_text_init(&path, text, sizeof(text));
	lgr_text_add(&path, "/proc/self/task/");
	lgr_text_add_number(&path, tid);
	return lgr_sys_file(text, &file) == 0;
}

static bool is_entry_of(uint32_t i, uint32_t tid)
{
	return atomic_load(&noted[i].tid) == tid;
}

static bool take_entry(uint32_t i, uint32_t tid)
{
	uint32_t was = atomic_load(&noted[i].tid);

	return (!was || !lives(was)) && atomic_compare_exchange_strong(&noted[i].tid, &was, tid);
}

static stack_t own_stack(void)
{
	stack_t own = { 0 };

	lgr_syscall(__NR_sigaltstack, 0, (long)&own, 0, 0, 0, 0);
	return own;
}

/* An array in a frame of this very thread, as far as that can be told: a bit further up. */
static bool is_in_a_frame(uintptr_t stack)
{
	return stack - (uintptr_t)__builtin_frame_address(0) < LARGEST_STACK;
}

void lgr_kernel_altstack(const void *at, size_t size)
{
	uint32_t tid = lgr_sys_gettid(), i = 0;
	uintptr_t stack = (uintptr_t)at;

	while (i < STACKS && !is_entry_of(i, tid))
		i++;
	/* Any other is of no interest, unless it replaces one that is. */
	if (i == STACKS && !lgr_pages_find(stack) && !is_in_a_frame(stack))
		return;
	if (i == STACKS)
		for (i = 0; i < STACKS && !take_entry(i, tid);)
			i++;
	if (i == STACKS) {
		atomic_store(&too_many, true);
		return;
	}
	atomic_store(&noted[i].size, size);
	atomic_store(&noted[i].stack, stack);
}

uintptr_t lgr_kernel_altstack_below(uint32_t tid, uintptr_t sp)
{
	for (uint32_t i = 0; i < STACKS; i++)
		if (is_entry_of(i, tid) && sp - noted[i].stack < noted[i].size)
			return noted[i].stack;
	return 0;
}

static enum lgr_unseen look_at_stacks(const struct finder *f)
{
	tell(f, (uintptr_t)own_stack().ss_sp, LGR_PL_ALTSTACK, 0, lgr_sys_gettid());
	for (uint32_t i = 0; i < STACKS; i++) {
		uint32_t tid = atomic_load(&noted[i].tid);

		if (tid && lives(tid))
			tell(f, atomic_load(&noted[i].stack), LGR_PL_ALTSTACK, 0, tid);
	}
	return atomic_load(&too_many) ? LGR_UN_SPACE : LGR_UN_NOTHING;
}

/* ------------------------------------------------------------------------------- lists in /proc */

struct list {
	struct finder f;
	uint64_t at;
};

/*
 * Each line of a file, as far as the buffer is long; a line is shorter. False: it cannot be read, or not in
 * time.
 */
static bool each_line(const char *path, void (*visit)(struct list *list, const char *line),
		      struct list *list)
{
	int fd = lgr_sys_openat(path, O_RDONLY, 0);
	size_t have = 0;
	long n;

	if (fd < 0)
		return fd ==
		       -2; /* ENOENT: this kernel has no such list, or what it is of has gone */
	while ((n = lgr_sys_read(fd, buffer + have, sizeof(buffer) - 1 - have)) > 0) {
		char *line = buffer, *end;

		have += (size_t)n;
		buffer[have] = '\0';
		while ((end = (char *)lgr_first(line, '\n'))) {
			*end = '\0';
			visit(list, line);
			line = end + 1;
		}
		have -= (size_t)(line - buffer);
		lgr_copy(buffer, line, have);
		if (list->f.late(list->f.arg))
			break;
	}
	lgr_sys_close(fd);
	return n == 0;
}

/* "ID: 0", "signal: 10/00007f0000001000" (the signal, and its value), ... */
static void take_timer(struct list *list, const char *line)
{
	const char *s;

	if ((s = lgr_after(line, "ID: ")))
		lgr_number(&s, &list->at);
	else if ((s = lgr_after(line, "signal: ")) && (s = lgr_first(s, '/')) && s++)
		tell(&list->f, lgr_hex(&s), LGR_PL_TIMER, list->at, 0);
}

/* "tfd:        5 events:       19 data:     7f0000001000  pos:0 ino:1 sdev:2" */
static void take_member(struct list *list, const char *line)
{
	const char *s = lgr_after(line, "tfd:");

	while (s && (s = lgr_first(s, 'd')) && !lgr_after(s, "data:"))
		s++;
	if (!s)
		return;
	for (s += sizeof("data:") - 1; *s == ' ';)
		s++;
	tell(&list->f, lgr_hex(&s), LGR_PL_EPOLL, list->at, 0);
}

/* ---------------------------------------------------------------------------------- descriptors */

static bool has_unread(int fd)
{
	int n = 0;

	return lgr_sys_ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

/* This process, and those it was forked from, whose sockets it has: a daemon's were made before. */
static struct {
	uint32_t pid[ANCESTORS], n;
} ancestors;

static bool is_ours(uint32_t pid)
{
	for (uint32_t i = 0; i < lgr_min(ancestors.n, ANCESTORS); i++)
		if (ancestors.pid[i] == pid)
			return true;
	return pid == lgr_sys_getpid();
}

/* Both ends of a socket in this process: its other end was made by this very process. */
static bool is_own_socket(int fd)
{
	struct {
		uint32_t pid, uid, gid;
	} other = { 0, 0, 0 };
	uint32_t size = sizeof(other);

	return lgr_syscall(__NR_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, (long)&other, (long)&size,
			   0) == 0 &&
	       is_ours(other.pid);
}

/* What a program reads from its standard input nobody in it has written. */
static bool is_readable_pipe(int fd)
{
	long flags = lgr_syscall(__NR_fcntl, fd, F_GETFL, 0, 0, 0, 0);

	return fd != 0 && flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

static enum lgr_unseen look_at_members(const struct finder *f, int fd)
{
	struct list list = { *f, (uint64_t)fd };
	struct lgr_text path;
	char text[48];

	if (lgr_blind("epoll"))
		return LGR_UN_NOTHING;
	lgr_text_init(&path, text, sizeof(text));
	lgr_text_add(&path, "/proc/self/fdinfo/");
	lgr_text_add_number(&path, (uint64_t)fd);
	return each_line(text, take_member, &list) ? LGR_UN_NOTHING : LGR_UN_PROC;
}

static enum lgr_unseen look_at_descriptor(const struct finder *f, int fd, const char *name)
{
	if (lgr_after(name, "anon_inode:[eventpoll]"))
		return look_at_members(f, fd);
	if (lgr_after(name, "anon_inode:[io_uring]"))
		return LGR_UN_URING;
	if (lgr_after(name, "anon_inode:[userfaultfd]"))
		return LGR_UN_UFFD;
	if (lgr_after(name, "pipe:") && is_readable_pipe(fd) && has_unread(fd))
		return LGR_UN_PIPE;
	if (lgr_after(name, "socket:") && has_unread(fd) && is_own_socket(fd))
		return LGR_UN_PIPE;
	return LGR_UN_NOTHING;
}

static enum lgr_unseen look_at_entry(const struct finder *f, int dir, const char *number)
{
	const char *s = number;
	char name[64];
	uint64_t fd;
	long n;

	if (!lgr_number(&s, &fd) || (int)fd == dir)
		return LGR_UN_NOTHING;
	if (fd % 64 == 0 && f->late(f->arg))
		return LGR_UN_TIME;
	n = lgr_syscall(__NR_readlinkat, dir, (long)number, (long)name, sizeof(name) - 1, 0, 0);
	if (n < 0)
		return LGR_UN_NOTHING; /* another process that shares them has closed it */
	name[n] = '\0';
	return look_at_descriptor(f, (int)fd, name);
}

static enum lgr_unseen look_at_descriptors(const struct finder *f)
{
	static char directory[4096] LGR_BIG;
	int dir = lgr_sys_openat("/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
	enum lgr_unseen unseen = LGR_UN_NOTHING;
	long n = 0;

	if (dir < 0)
		return LGR_UN_PROC;
	while (!unseen && (n = lgr_syscall(__NR_getdents64, dir, (long)directory, sizeof(directory),
					   0, 0, 0)) > 0)
		for (long at = 0; at < n && !unseen;) {
			const struct lgr_directory_entry *e = (const void *)(directory + at);

			unseen = look_at_entry(f, dir, e->name);
			at += e->length;
		}
	lgr_sys_close(dir);
	return n < 0 ? LGR_UN_PROC : unseen;
}

/* ------------------------------------------------------------------------------------------ all */

/*
 * Signals that wait, of the process and of this thread: sigqueue(3) gives them a value, which nobody can
 * look at without taking it away. A child's end has none.
 */
static bool has_queued_signals(void)
{
	uint64_t pending = 0;

	lgr_syscall(__NR_rt_sigpending, (long)&pending, sizeof(pending), 0, 0, 0, 0);
	return pending & ~(UINT64_C(1) << (SIGCHLD - 1));
}

/* Those of another thread, which is traced; its first eight (ptrace(2), PTRACE_PEEKSIGINFO). */
static void look_at_queue(const struct finder *f, uint32_t tid)
{
	struct {
		uint64_t at;
		uint32_t flags;
		int32_t n;
	} which = { 0, 0, QUEUE };
	static siginfo_t queue[QUEUE];
	long n = lgr_syscall(__NR_ptrace, PTRACE_PEEKSIGINFO, (long)tid, (long)&which, (long)queue,
			     0, 0);

	for (long i = 0; i < n; i++)
		tell(f, (uintptr_t)queue[i].si_value.sival_ptr, LGR_PL_SIGNAL,
		     (uint64_t)queue[i].si_signo, tid);
}

void lgr_kernel_look_thread(uint32_t tid, lgr_kernel_found *found, void *arg)
{
	const struct finder f = { .found = found, .arg = arg };
	uintptr_t head = 0;
	size_t size;

	if (!lgr_blind("robust") &&
	    lgr_syscall(__NR_get_robust_list, (long)tid, (long)&head, (long)&size, 0, 0, 0) == 0)
		tell(&f, head, LGR_PL_ROBUST, 0, tid);
	look_at_queue(&f, tid);
}

enum lgr_unseen lgr_kernel_look(lgr_kernel_found *found, bool (*late)(void *arg), void *arg)
{
	struct list timers = { { found, late, arg }, 0 };
	enum lgr_unseen unseen = LGR_UN_NOTHING;

	if (has_queued_signals())
		return LGR_UN_QUEUED;

	if (!lgr_blind("signals"))
		look_at_signals(&timers.f);
	if (!lgr_blind("altstack"))
		unseen = look_at_stacks(&timers.f);
	if (!lgr_blind("timers") && !each_line("/proc/self/timers", take_timer, &timers))
		unseen = LGR_UN_PROC;
	return unseen ? unseen : look_at_descriptors(&timers.f);
}

void lgr_kernel_forked(void)
{
	ancestors.pid[ancestors.n++ % ANCESTORS] = (uint32_t)lgr_syscall(__NR_getppid, 0, 0, 0, 0,
									 0, 0);
	for (uint32_t i = 0; i < STACKS; i++)
		atomic_store(&noted[i].tid, 0);
	stack_t own = own_stack();

	lgr_kernel_altstack(own.ss_sp, own.ss_size);
}
