/*
 * relax.c - a library for host_reloads that changes linger's policy in its own process, as a debugger might, and
 * counts what that leaves.
 * SPDX-License-Identifier: MIT
 */
#include "../stress/region.h"

int relax(void);
int tighten(void);
int kept(void);
int mappings(void);
int descriptors(void);

static int set_policy(unsigned policy)
{
	struct lgr_region *region = region_find();

	if (region)
		region->policy = policy; /* enum lgr_policy */
	return region ? (int)policy : -1;
}

int relax(void)
{
	return set_policy(3);
}

int tighten(void)
{
	return set_policy(2);
}

int kept(void)
{
	struct lgr_region *region = region_find();

	return region ? (int)region->kept : -1;
}

int mappings(void)
{
	return count_maps("");
}

int descriptors(void)
{
	return count_descriptors();
}
