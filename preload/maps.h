/*
 * maps.h - the process's mappings, as /proc/self/maps has them (proc_pid_maps(5); asked for one by one
 * since Linux 6.11: PROCMAP_QUERY in linux/fs.h).
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_MAPS_H
#define LGR_MAPS_H

#include "base.h"

/* What its pages are pages of. */
enum lgr_backing {
	LGR_ANONYMOUS,
	LGR_HEAP,   /* anonymous, too: what brk(2) gives */
	LGR_FILE,   /* an ordinary file that still has its name */
	LGR_MEMORY, /* memfd, shared memory, a file that was deleted: nobody else has the bytes */
	LGR_DEVICE, /* a device's */
	LGR_KERNEL, /* the kernel's own: vDSO, its data */
	LGR_AIO,    /* the ring of an io_setup(2) context */
};

struct lgr_mapping {
	uintptr_t lo, hi;
	int protection; /* PROT_* */
	bool shared;
	uint64_t offset, inode; /* of the file; inode 0: anonymous */
	uint32_t major, minor;	/* of its device, as profilers get it: stat(2) may differ (btrfs) */
	enum lgr_backing backing; /* of lgr_maps_each alone */
};

/*
 * lgr_maps_read - the mappings that touch [lo, hi), at most max of them.
 * Returns their number, or -1: /proc cannot be read, or there are more.
 * The caller holds lgr_lock_registry.
 */
int lgr_maps_read(uintptr_t lo, uintptr_t hi, struct lgr_mapping *to, int max);

/*
 * lgr_maps_each - every mapping of the process, until visit returns false. Reads /proc/self/maps while
 * it visits: visit makes no call of this file. Returns false: it could not be read to its end.
 * The caller holds lgr_lock_registry, or is alone in the child of a fork.
 */
bool lgr_maps_each(bool (*visit)(void *arg, const struct lgr_mapping *m), void *arg);

/*
 * The same with the flags of /proc/self/smaps (VmFlags, proc_pid_smaps(5)), which takes a walk over all
 * pages.
 */
bool lgr_maps_each_flagged(bool (*visit)(void *arg, const struct lgr_mapping *m, const char *flags),
			   void *arg);

/* How many mappings the process has; 0: /proc cannot be read. Same lock. */
uint32_t lgr_maps_count(void);

/* How many the kernel allows (vm.max_map_count); its default where that cannot be read. */
uint32_t lgr_maps_limit(void);

#endif
