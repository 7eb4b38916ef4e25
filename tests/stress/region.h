/*
 * region.h - for test programs: linger's region in their own process, found as readers outside find it
 * (core/wire.h), and the process's mappings and descriptors counted.
 * SPDX-License-Identifier: MIT
 */
#ifndef TEST_REGION_H
#define TEST_REGION_H

#include <dirent.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

static inline int region_visit(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct lgr_region **ret = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		const char *at = (const char *)(info->dlpi_addr + h->p_vaddr),
			   *end = at + h->p_memsz;

		while (h->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) < end) {
			const ElfW(Nhdr) *note = (const void *)at;
			const char *name = at + sizeof(*note);
			const char *data = name + ((note->n_namesz + 3) & ~3u);
			int64_t distance;

			at = data + ((note->n_descsz + 3) & ~3u);
			if (note->n_type != LGR_NOTE_TYPE || note->n_descsz != sizeof(distance) ||
			    note->n_namesz != sizeof(LGR_NOTE_NAME) ||
			    memcmp(name, LGR_NOTE_NAME, sizeof(LGR_NOTE_NAME)))
				continue;
			memcpy(&distance, data, sizeof(distance));
			*ret = (struct lgr_region *)(data + distance);
			return 1;
		}
	}
	return 0;
}

/* NULL: linger is not in this process, or another version of it. */
static inline struct lgr_region *region_find(void)
{
	struct lgr_region *region = NULL;

	dl_iterate_phdr(region_visit, &region);
	return region && region->version == LGR_WIRE_VERSION && region->size == sizeof(*region)
		       ? region
		       : NULL;
}

/* Lines of /proc/self/maps that contain a text; -1: it cannot be read. */
static inline int count_maps(const char *text)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096 + 128];
	int n = 0;

	while (maps && fgets(line, sizeof(line), maps))
		n += strstr(line, text) != NULL;
	if (!maps)
		return -1;
	fclose(maps);
	return n;
}

static inline int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (!dir)
		return -1;
	closedir(dir);
	return n - 3; /* two are names of folders, one is this reader */
}

#endif
