/*
 * known.c - which file had which content. See known.h.
 *
 * Owns: the process's table. Guard: the caller is the one thread that archives.
 * SPDX-License-Identifier: MIT
 */
#include "known.h"

#include "sys.h"
#include "text.h"

#define OWN 256u     /* records: 40 KiB, of which only the used ones take memory */
#define SHARED 8192u /* 1.3 MiB, with holes */

static struct lgr_known own[OWN] LGR_BIG;

static uint64_t mixed(uint64_t dev, uint64_t ino)
{
	uint64_t x = (ino + dev * 31) * UINT64_C(0x9e3779b97f4a7c15);

	return x ^ x >> 29;
}

static bool same_file(const struct lgr_identity *a, const struct lgr_identity *b)
{
	return lgr_same(a, b, sizeof(*a));
}

static uint64_t check_of(const struct lgr_known *record)
{
	const uint64_t *word = (const void *)record;
	uint64_t x = 0;

	for (size_t i = 0; i < offsetof(struct lgr_known, check) / sizeof(*word); i++)
		x = (x ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15) + i + 1;
	return x;
}

/* ------------------------------------------------------------------------------------- for everybody */

static char path[LGR_STORE_PATH] LGR_BIG;

static uint64_t place_of(const struct lgr_identity *file)
{
	return mixed(file->dev, file->ino) / OWN % SHARED * sizeof(struct lgr_known);
}

static bool read_shared(const struct lgr_identity *file, struct lgr_known *record)
{
	int fd = lgr_sys_openat(lgr_store_path(path, "known", "", NULL), O_RDONLY, 0);
	bool found;

	if (fd < 0)
		return false;
	found = lgr_sys_pread(fd, record, sizeof(*record), place_of(file)) == sizeof(*record) &&
		same_file(&record->file, file) && record->check == check_of(record);
	lgr_sys_close(fd);
	record->key.text[LGR_KEY_MAX - 1] = '\0';
	record->seen_ns = 0;
	record->fresh = record->absent = 0;
	return found && *record->key.text && !lgr_first(record->key.text, '/');
}

static void write_shared(const struct lgr_known *record)
{
	struct lgr_known copy = *record;
	int fd;

	if (SHARED * sizeof(copy) > lgr_sys_file_limit())
		return;
	fd = lgr_store_write(lgr_store_path(path, "known", "", NULL), O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return;
	copy.seen_ns = 0;
	copy.check = check_of(&copy);
	lgr_sys_pwrite(fd, &copy, sizeof(copy), (long)place_of(&copy.file));
	lgr_sys_close(fd);
}

/* ------------------------------------------------------------------------------------- for the process */

struct lgr_known *lgr_known_find(const struct lgr_identity *file)
{
	struct lgr_known *mine = &own[mixed(file->dev, file->ino) % OWN], found;

	if (same_file(&mine->file, file))
		return mine;
	if (!read_shared(file, &found))
		return NULL;
	*mine = found;
	return mine;
}

struct lgr_known *lgr_known_recall(uint64_t dev, uint64_t ino)
{
	struct lgr_known *mine = &own[mixed(dev, ino) % OWN];

	return mine->file.ino == ino && mine->file.dev == dev ? mine : NULL;
}

void lgr_known_add(const struct lgr_known *record)
{
	own[mixed(record->file.dev, record->file.ino) % OWN] = *record;
	if (!record->fresh && !record->absent)
		write_shared(record);
}

void lgr_known_forget(struct lgr_known *record)
{
	*record = (struct lgr_known){ .seen_ns = 0 };
}
