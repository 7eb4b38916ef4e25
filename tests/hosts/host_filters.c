/*
 * host_filters.c - installs a seccomp filter that refuses some system calls, then runs a command: as
 * in a sandbox that was not made with linger in mind.
 *
 * usage: host_filters ERRNO CALL[,CALL...] COMMAND...    CALL: a number, or "shared" for mmap with
 * MAP_SHARED and PROT_WRITE, as only the log is mapped
 * SPDX-License-Identifier: MIT
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "host.h"

#define LOAD(field)                                                                                \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))

int main(int argc, char **argv)
{
	struct sock_filter filter[64];
	struct sock_fprog program = { .filter = filter };
	unsigned refuse;
	char *call;
	unsigned short n = 0;

	check(argc > 3, "usage: host_filters ERRNO CALLS COMMAND...");
	refuse = SECCOMP_RET_ERRNO | (unsigned)atoi(argv[1]);
	for (call = strtok(argv[2], ","); call && n < 50; call = strtok(NULL, ",")) {
		bool shared = !strcmp(call, "shared");
		unsigned nr = shared ? SYS_mmap : (unsigned)atoi(call);

		filter[n++] = (struct sock_filter)LOAD(nr);
		if (!shared) {
			filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ, nr, 0, 1);
			filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET, refuse);
			continue;
		}
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ, nr, 0, 5);
		filter[n++] = (struct sock_filter)LOAD(args[3]);
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET, MAP_SHARED, 0, 3);
		filter[n++] = (struct sock_filter)LOAD(args[2]);
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET, PROT_WRITE, 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET, refuse);
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW);
	program.len = n;
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs: %s", strerror(errno));
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp: %s",
	      strerror(errno));
	execvp(argv[3], argv + 3);
	fail("%s: %s", argv[3], strerror(errno));
}
