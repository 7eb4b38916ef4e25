/*
 * permission.c - may this user record, and if not, what has to be changed?
 *
 * Owns no state. The kernel is asked; what it says is put into words with the settings that decide it.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>

#include "perf.h"

#define WHO "linger perf record"

/* A setting in /proc/sys/kernel; @otherwise where it is not there. */
static int kernel_setting(const char *name, int otherwise)
{
	_cleanup_free_ char *path = lgr_format("/proc/sys/kernel/%s", name);
	_cleanup_fclose_ FILE *in = path ? fopen(path, "re") : NULL;
	int value;

	return in && fscanf(in, "%d", &value) == 1 ? value : otherwise;
}

/* The least that perf asks for: no kernel, and a clock that every machine has. 0 or a negative errno. */
static int try_event(bool system_wide, bool build_id)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_CPU_CLOCK,
					.disabled = 1,
					.mmap = build_id,
					.mmap2 = build_id,
					.build_id = build_id,
					.exclude_kernel = 1,
					.exclude_hv = 1 };
	int fd = (int)syscall(__NR_perf_event_open, &attr, system_wide ? -1 : 0,
			      system_wide ? 0 : -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

bool lgr_perf_has_build_ids(void)
{
	return try_event(false, true) != -EINVAL;
}

/* Where the kernel's functions would be recorded, and nobody may know their names. */
static void warn_of_kernel(int paranoid)
{
	_cleanup_fclose_ FILE *in = fopen("/proc/kallsyms", "re");
	uint64_t at = 0;

	if ((paranoid > 1 && geteuid() != 0) || !in || fscanf(in, "%" SCNx64, &at) != 1 || at)
		return;
	lgr_say(WHO,
		"functions of the kernel get no names: kernel.kptr_restrict is %d; as root, "
		"`sysctl "
		"kernel.kptr_restrict=0` shows them",
		kernel_setting("kptr_restrict", 1));
}

int lgr_perf_may_record(bool system_wide)
{
	int paranoid = kernel_setting("perf_event_paranoid", 2), most = system_wide ? 0 : 2;
	int r = try_event(system_wide, false);

	if (r == 0) {
		warn_of_kernel(paranoid);
		return 0;
	}
	if (r == -ENOSYS)
		lgr_say(WHO, "this kernel has no performance events (perf_event_open)");
	else if ((r == -EACCES || r == -EPERM) && paranoid > most)
		lgr_say(WHO,
			"this user may not record%s: kernel.perf_event_paranoid is %d; as root, "
			"`sysctl kernel.perf_event_paranoid=%d` allows it",
			system_wide ? " the whole system" : "", paranoid, most);
	else if (r == -EACCES || r == -EPERM)
		lgr_say(WHO,
			"the kernel refuses to record (perf_event_open: %s), although "
			"kernel.perf_event_paranoid is %d: so does the system-call filter of a "
			"container; give it the capability CAP_PERFMON, or a filter that lets it",
			strerror(-r), paranoid);
	else
		return 0; /* something else than permission: perf itself says it better */
	return LGR_EXIT_FAILED;
}
