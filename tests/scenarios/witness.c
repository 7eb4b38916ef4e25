/*
 * witness.c - writes what keeps an object into a process's region, as the shim would.
 *
 * usage: witness PID ID REASON PLACE ENCODING AT VALUE THREAD     Words as in JSON; numbers in C's notation.
 * Linked with the command's proc.c, elf.c, json.c and say.c.
 * SPDX-License-Identifier: MIT
 */
#include <string.h>
#include <sys/uio.h>

#include "tool.h"

static const char *const reasons[] = {
#define X(id, name, text) name,
	LGR_REASONS(X)
#undef X
		NULL
};
static const char *const places[] = {
#define X(id, name) name,
	LGR_PLACES(X)
#undef X
		NULL
};
static const char *const encodings[] = {
#define X(id, name) name,
	LGR_ENCODINGS(X)
#undef X
		NULL
};

static uint32_t number_of(const char *const *names, const char *name)
{
	for (uint32_t i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return (uint32_t)strtoul(name, NULL, 0); /* one that does not exist */
}

static int put(pid_t pid, uint64_t at, void *bytes, size_t n)
{
	struct iovec here = { .iov_base = bytes, .iov_len = n };
	struct iovec there = { .iov_base = (void *)(uintptr_t)at, .iov_len = n };

	return process_vm_writev(pid, &here, 1, &there, 1, 0) == (ssize_t)n ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct lgr_proc proc;
	struct lgr_witness witness = { 0 };
	uint32_t reason;
	uint64_t id;

	if (argc != 9 || lgr_proc_open_on((pid_t)atoi(argv[1]), &proc) < 0)
		return 2;
	id = strtoull(argv[2], NULL, 0);
	reason = number_of(reasons, argv[3]);
	witness.place = number_of(places, argv[4]);
	witness.encoding = number_of(encodings, argv[5]);
	witness.at = strtoull(argv[6], NULL, 0);
	witness.value = strtoull(argv[7], NULL, 0);
	witness.tid = (uint32_t)strtoul(argv[8], NULL, 0);
	witness.time_ns = 12345;
	for (uint64_t i = 0; i < proc.region.slots_used; i++) {
		uint64_t slot = proc.region.chunk[i / LGR_OBJECT_CHUNK] +
				i % LGR_OBJECT_CHUNK * sizeof(struct lgr_object);
		uint64_t found = 0;

		if (lgr_proc_read(proc.pid, slot, &found, sizeof(found)) < 0 || found != id)
			continue;
		return put(proc.pid, slot + offsetof(struct lgr_object, reason), &reason,
			   sizeof(reason)) |
		       put(proc.pid, slot + offsetof(struct lgr_object, witness), &witness,
			   sizeof(witness));
	}
	return 1;
}
