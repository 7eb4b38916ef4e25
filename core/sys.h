/*
 * sys.h - system calls, made directly.
 *
 * Inside another program's process the C library's wrappers are out of bounds: sanitizers and other
 * preloads interpose them, they write errno, and they may not be ready yet. Everything here returns
 * a negative errno on failure and touches nothing else: MT-safe, async-signal-safe, errno-safe.
 *
 * Rank 1: may include base.h, wire.h. Numbers: <asm/unistd.h>; conventions: syscall(2), "Architecture
 * calling conventions".
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_SYS_H
#define LGR_SYS_H

#include <asm/unistd.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base.h"
#include "wire.h"

#if defined(__x86_64__)
static inline long lgr_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long lgr_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "linger supports x86-64 and aarch64"
#endif

static inline int lgr_sys_openat(const char *path, int flags, unsigned mode)
{
	return (int)lgr_syscall(__NR_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, mode, 0, 0);
}

static inline void lgr_sys_close(int fd)
{
	lgr_syscall(__NR_close, fd, 0, 0, 0, 0, 0);
}

static inline long lgr_sys_read(int fd, void *to, size_t n)
{
	return lgr_syscall(__NR_read, fd, (long)to, (long)n, 0, 0, 0);
}

static inline long lgr_sys_write(int fd, const void *from, size_t n)
{
	return lgr_syscall(__NR_write, fd, (long)from, (long)n, 0, 0, 0);
}

static inline long lgr_sys_pwrite(int fd, const void *from, size_t n, long at)
{
	return lgr_syscall(__NR_pwrite64, fd, (long)from, (long)n, at, 0, 0);
}

/* Returns NULL on failure. */
static inline void *lgr_sys_mmap_at(size_t n, int prot, int flags, int fd, uint64_t offset)
{
	long r = lgr_syscall(__NR_mmap, 0, (long)n, prot, flags, fd, (long)offset);

	return r < 0 && r > -4096 ? NULL : (void *)r;
}

static inline void *lgr_sys_mmap(size_t n, int prot, int flags, int fd)
{
	return lgr_sys_mmap_at(n, prot, flags, fd, 0);
}

/* Moves the pages at from over those at to; nobody sees a moment without either. */
static inline bool lgr_sys_move(void *from, size_t n, void *to)
{
	return lgr_syscall(__NR_mremap, (long)from, (long)n, (long)n, MREMAP_MAYMOVE | MREMAP_FIXED,
			   (long)to, 0) == (long)to;
}

/* Reserves exactly these addresses, without access. False: somebody has some of them. */
static inline bool lgr_sys_reserve(void *at, size_t n)
{
	long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | 0x100000 /* FIXED_NOREPLACE */;
	long r = lgr_syscall(__NR_mmap, (long)at, (long)n, PROT_NONE, flags, -1, 0);

	if (r == (long)at)
		return true;
	if (r >= 0 || r <= -4096) /* before Linux 4.17 it is a hint */
		lgr_syscall(__NR_munmap, r, (long)n, 0, 0, 0, 0);
	return false;
}

static inline void lgr_sys_munmap(void *p, size_t n)
{
	lgr_syscall(__NR_munmap, (long)p, (long)n, 0, 0, 0, 0);
}

static inline int lgr_sys_madvise(void *p, size_t n, int advice)
{
	return (int)lgr_syscall(__NR_madvise, (long)p, (long)n, advice, 0, 0, 0);
}

static inline int lgr_sys_mprotect(void *p, size_t n, int prot)
{
	return (int)lgr_syscall(__NR_mprotect, (long)p, (long)n, prot, 0, 0, 0);
}

/* A file in memory that may be mapped to be executed. */
static inline int lgr_sys_memfd(const char *name)
{
	int fd = (int)lgr_syscall(__NR_memfd_create, (long)name, 0x11 /* MFD_CLOEXEC | MFD_EXEC */,
				  0, 0, 0, 0);

	/* Before Linux 6.3 there is no MFD_EXEC, and it may always be executed. */
	return fd == -22 /* EINVAL */
		       ? (int)lgr_syscall(__NR_memfd_create, (long)name, 1, 0, 0, 0, 0)
		       : fd;
}

static inline long lgr_sys_sendfile(int to, int from, size_t n)
{
	return lgr_syscall(__NR_sendfile, to, from, 0, (long)n, 0, 0);
}

static inline long lgr_sys_pread(int fd, void *to, size_t n, uint64_t at)
{
	return lgr_syscall(__NR_pread64, fd, (long)to, (long)n, (long)at, 0, 0);
}

/* What getdents64(2) fills a buffer with. */
struct lgr_directory_entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

/* Fills to with entries of the directory; returns the bytes, 0 at the end. */
static inline long lgr_sys_getdents(int fd, void *to, size_t n)
{
	return lgr_syscall(__NR_getdents64, fd, (long)to, (long)n, 0, 0, 0);
}

/* The lowest free descriptor from at on. */
static inline int lgr_sys_dup_from(int fd, uint64_t at)
{
	return (int)lgr_syscall(__NR_fcntl, fd, F_DUPFD_CLOEXEC, (long)at, 0, 0, 0);
}

/* A limit of the process as it is now (getrlimit(2)); which: RLIMIT_... in asm-generic/resource.h. */
static inline uint64_t lgr_sys_limit(int which)
{
	struct {
		uint64_t now, most;
	} limit = { 0, 0 };

	lgr_syscall(__NR_prlimit64, 0, which, 0, (long)&limit, 0, 0);
	return limit.now;
}

/* How many descriptors there may be (RLIMIT_NOFILE). */
static inline uint64_t lgr_sys_descriptor_limit(void)
{
	return lgr_sys_limit(7);
}

static inline long lgr_sys_ioctl(int fd, unsigned long request, void *arg)
{
	return lgr_syscall(__NR_ioctl, fd, (long)request, (long)arg, 0, 0, 0);
}

static inline int lgr_sys_ftruncate(int fd, long n)
{
	return (int)lgr_syscall(__NR_ftruncate, fd, n, 0, 0, 0, 0);
}

static inline int lgr_sys_fallocate(int fd, long n)
{
	return (int)lgr_syscall(__NR_fallocate, fd, 0, 0, n, 0, 0);
}

/* How large a file may become (RLIMIT_FSIZE). Past it the kernel sends SIGXFSZ, which kills. */
static inline uint64_t lgr_sys_file_limit(void)
{
	return lgr_sys_limit(1);
}

/* Like rename(2), but fails with -EEXIST instead of replacing. */
static inline int lgr_sys_rename_new(const char *from, const char *to)
{
	return (int)lgr_syscall(__NR_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 1, 0);
}

static inline void lgr_sys_unlink(const char *path)
{
	lgr_syscall(__NR_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
}

static inline int lgr_sys_mkdir(const char *path, unsigned mode)
{
	return (int)lgr_syscall(__NR_mkdirat, AT_FDCWD, (long)path, mode, 0, 0, 0);
}

static inline void lgr_sys_rmdir(const char *path)
{
	lgr_syscall(__NR_unlinkat, AT_FDCWD, (long)path, AT_REMOVEDIR, 0, 0, 0);
}

/* Replaces what has the name, but no directory that has something in it. */
static inline int lgr_sys_rename(const char *from, const char *to)
{
	return (int)lgr_syscall(__NR_renameat2, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0, 0);
}

static inline int lgr_sys_link(const char *from, const char *to)
{
	return (int)lgr_syscall(__NR_linkat, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0, 0);
}

static inline int lgr_sys_symlink(const char *text, const char *path)
{
	return (int)lgr_syscall(__NR_symlinkat, (long)text, AT_FDCWD, (long)path, 0, 0, 0);
}

/* Follows links. path "": the descriptor at. */
static inline int lgr_sys_stat(int at, const char *path, struct stat *ret)
{
	return (int)lgr_syscall(__NR_newfstatat, at, (long)path, (long)ret, AT_EMPTY_PATH, 0, 0);
}

/* Both times become now. */
static inline void lgr_sys_touch(const char *path)
{
	lgr_syscall(__NR_utimensat, AT_FDCWD, (long)path, 0, 0, 0, 0);
}

/* operation: flock(2). */
static inline int lgr_sys_flock(int fd, int operation)
{
	return (int)lgr_syscall(__NR_flock, fd, operation, 0, 0, 0, 0);
}

/* Both NUL-terminate; return the length, or a negative errno. */
static inline long lgr_sys_readlink(const char *path, char *to, size_t size)
{
	long r = lgr_syscall(__NR_readlinkat, AT_FDCWD, (long)path, (long)to, (long)size - 1, 0, 0);

	if (r >= 0)
		to[r] = '\0';
	return r;
}

static inline long lgr_sys_getcwd(char *to, size_t size)
{
	long r = lgr_syscall(__NR_getcwd, (long)to, (long)size, 0, 0, 0, 0);

	return r > 0 ? r - 1 : r; /* the kernel counts the NUL */
}

/* What the path leads to, or where it is "", the descriptor at. 0 or a negative errno. */
static inline long lgr_sys_file_at(int at, const char *path, struct lgr_file *ret)
{
	struct stat st = { .st_size = 0 };
	long r = lgr_syscall(__NR_newfstatat, at, (long)path, (long)&st, AT_EMPTY_PATH, 0, 0);
	uint64_t m, c;

	if (r < 0)
		return r;
	m = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	c = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->size = (uint64_t)st.st_size;
	ret->changed_ns = m > c ? m : c;
	ret->known_ns = 0;
	return 0;
}

static inline long lgr_sys_file(const char *path, struct lgr_file *ret)
{
	return lgr_sys_file_at(AT_FDCWD, path, ret);
}

static inline uint32_t lgr_sys_getpid(void)
{
	return (uint32_t)lgr_syscall(__NR_getpid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t lgr_sys_getppid(void)
{
	return (uint32_t)lgr_syscall(__NR_getppid, 0, 0, 0, 0, 0, 0);
}

static inline uint32_t lgr_sys_gettid(void)
{
	return (uint32_t)lgr_syscall(__NR_gettid, 0, 0, 0, 0, 0, 0);
}

/*
 * Waits for a child of ours, or a thread that we trace, none of which sends a signal at its end (__WALL in
 * wait4(2)); goes on when a signal interrupts it. block: until there is something to say; else returns 0.
 */
static inline long lgr_sys_wait(long pid, int *ret_status, bool block)
{
	int flags = 0x40000000 | (block ? 0 : 1 /* WNOHANG */);
	long r;

	do
		r = lgr_syscall(__NR_wait4, pid, (long)ret_status, flags, 0, 0, 0);
	while (r == -4 /* EINTR */);
	return r;
}

/* timeout: relative, NULL for ever; for FUTEX_WAIT alone. */
static inline void lgr_sys_futex(const void *word, int op, uint32_t value,
				 const struct timespec *timeout)
{
	lgr_syscall(__NR_futex, (long)word, op, value, (long)timeout, 0, 0);
}

static inline uint64_t lgr_sys_clock(int clock)
{
	struct timespec t = { 0, 0 };

	lgr_syscall(__NR_clock_gettime, clock, (long)&t, 0, 0, 0, 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
