/*
 * filter.c - may a look make its system calls? See filter.h.
 *
 * Owns: how many filters there were, and what trying has shown. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "filter.h"

#include <linux/prctl.h>
#include <linux/ptrace.h>

#include "sys.h"
#include "text.h"

#define ALLOWED 77 /* how the child ends */

static uint64_t inherited;
static enum { NOT_TRIED, GOOD, BAD } tried;

static long mode(void)
{
	return lgr_syscall(__NR_prctl, PR_GET_SECCOMP, 0, 0, 0, 0, 0);
}

static bool any(void)
{
	return mode() != 0;
}

/* "Seccomp_filters:\t1" in /proc/self/status since Linux 5.9; 0: not known. */
static uint64_t count(void)
{
	static char text[4096];
	int fd = lgr_sys_openat("/proc/self/status", O_RDONLY, 0);
	uint64_t n = 0;
	const char *s;
	long len;

	if (fd < 0)
		return 0;
	len = lgr_sys_read(fd, text, sizeof(text) - 1);
	lgr_sys_close(fd);
	text[len > 0 ? len : 0] = '\0';
	for (const char *line = text; line; line = lgr_first(line, '\n')) {
		line += *line == '\n';
		s = lgr_after(line, "Seccomp_filters:\t");
		if (s && lgr_number(&s, &n))
			break;
	}
	return n;
}

void lgr_filter_find(void)
{
	if (any())
		inherited = count();
}

/* What only a look does; what every program does itself is not worth a try. Errors are no matter. */
static _Noreturn void try(void)
{
	static const long calls[][4] = {
		{ __NR_process_vm_readv, 0, 0, 0 },
		{ __NR_ptrace, PTRACE_SEIZE, 0, 0 },
		{ __NR_wait4, -1, 0, 1 },
		{ __NR_get_robust_list, 0, 0, 0 },
		{ __NR_sigaltstack, 0, 0, 0 },
		{ __NR_mincore, 0, 0, 0 },
		{ __NR_sysinfo, 0, 0, 0 },
		{ __NR_getdents64, -1, 0, 0 },
		{ __NR_readlinkat, -1, 0, 0 },
		{ __NR_getsockopt, -1, 1, 17 },
		{ __NR_close_range, 1000000, 1000000, 0 },
		{ __NR_ioctl, -1, 0, 0 },
		{ __NR_nanosleep, 0, 0, 0 },
		{ __NR_rt_sigaction, 1, 0, 0 },
	};

	/* No core file, and no group, of a try that ends badly. */
	lgr_syscall(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0, 0);
	for (size_t i = 0; i < LGR_COUNT(calls); i++)
		lgr_syscall(calls[i][0], calls[i][1], calls[i][2], calls[i][3], 0, 0, 0);
	for (;;)
		lgr_syscall(__NR_exit_group, ALLOWED, 0, 0, 0, 0, 0);
}

static bool child_survives(void)
{
	long child = lgr_syscall(__NR_clone, 0, 0, 0, 0, 0, 0);
	int status = -1;

	if (child == 0)
		try();
	if (child < 0)
		return false;
	lgr_sys_wait(child, &status, true);
	return status == ALLOWED << 8;
}

bool lgr_filter_is_new(void)
{
	long m = mode();

	/* -EINVAL: the kernel has no such thing. */
	return m && m != -22 && (!inherited || count() != inherited);
}

bool lgr_filter_allows(void)
{
	if (lgr_likely(!any()))
		return true;
	if (!inherited || count() != inherited)
		return false;
	if (tried == NOT_TRIED)
		tried = child_survives() ? GOOD : BAD;
	return tried == GOOD;
}
