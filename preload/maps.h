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

struct lgr_mapping {
	uintptr_t lo, hi;
	int protection; /* PROT_* */
	bool shared;
	uint64_t offset, inode; /* of the file; inode 0: anonymous */
};

/*
 * lgr_maps_read - the mappings that touch [lo, hi), at most max of them.
 * Returns their number, or -1: /proc cannot be read, or there are more.
 * The caller holds lgr_lock_registry.
 */
int lgr_maps_read(uintptr_t lo, uintptr_t hi, struct lgr_mapping *to, int max);

/* How many mappings the process has; 0: /proc cannot be read. Same lock. */
uint32_t lgr_maps_count(void);

/* How many the kernel allows (vm.max_map_count); its default where that cannot be read. */
uint32_t lgr_maps_limit(void);

#endif
