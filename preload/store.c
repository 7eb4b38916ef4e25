/*
 * store.c - the archive's directory: files by their content. See store.h.
 *
 * Owns: the directory's name. Guard: the caller is the one thread that archives.
 * SPDX-License-Identifier: MIT
 */
#include "store.h"

#include <dirent.h>
#include <errno.h>

#include "known.h"
#include "path.h"
#include "sys.h"
#include "text.h"

/* What was found in the archive is taken to be there for so long, and counts as used then. */
#define TRUSTED UINT64_C(60000000000) /* ns */

char lgr_store_dir[LGR_STORE_DIR] LGR_BIG;

/* Scratch; from and to are filled in directly before they are used. */
static char from[LGR_STORE_PATH] LGR_BIG, to[LGR_STORE_PATH] LGR_BIG;

/* ------------------------------------------------------------------------------------------- names */

char *lgr_store_path(char buffer[LGR_STORE_PATH], const char *a, const char *b, const char *c)
{
	struct lgr_text t;

	lgr_text_init(&t, buffer, LGR_STORE_PATH);
	lgr_text_add(&t, lgr_store_dir);
	lgr_text_add(&t, "/");
	lgr_text_add(&t, a);
	lgr_text_add(&t, b);
	lgr_text_add(&t, c ? c : "");
	if (t.cut)
		*buffer = '\0'; /* nothing has this name */
	return buffer;
}

int lgr_store_write(const char *path, int flags, unsigned mode)
{
	int fd = lgr_sys_openat(path, flags, mode), low = fd;

	if (fd < 0 || fd > 2)
		return fd;
	fd = lgr_sys_dup_from(low, 3);
	lgr_sys_close(low);
	return fd;
}

/* The part before the dash, or all of it, is what profilers know the object by. */
void lgr_store_link_name(const char *key, char *buffer, size_t size)
{
	const char *dash = lgr_first(key, '-');
	size_t n = dash ? (size_t)(dash - key) : lgr_len(key);
	struct lgr_text t;

	lgr_text_init(&t, buffer, size);
	lgr_text_add(&t, ".build-id/");
	lgr_text_add_n(&t, key, 2);
	lgr_text_add(&t, "/");
	lgr_text_add_n(&t, key + 2, n - 2);
}

struct lgr_identity lgr_store_identity(const struct stat *st)
{
	uint64_t m = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
	uint64_t c = (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec;

	return (struct lgr_identity){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.changed_ns = m > c ? m : c,
	};
}

/* --------------------------------------------------------------------------------------- opening */

static int make_folder(const char *path)
{
	int r = lgr_sys_mkdir(path, 0700);

	return r == -EEXIST ? 0 : r;
}

int lgr_store_open(const char *dir)
{
	static const char *const folders[] = { "objects", ".build-id", "manifest", "tmp" };
	struct lgr_text t;
	struct stat st;
	int r;

	lgr_text_init(&t, lgr_store_dir, sizeof(lgr_store_dir));
	lgr_text_add(&t, dir);
	if (t.cut)
		return -ENAMETOOLONG;
	r = make_folder(lgr_store_dir);
	if (r == 0)
		r = lgr_sys_stat(AT_FDCWD, lgr_store_dir, &st);
	if (r == 0 &&
	    (st.st_uid != (uid_t)lgr_syscall(__NR_geteuid, 0, 0, 0, 0, 0, 0) || (st.st_mode & 022)))
		r = -EPERM;
	for (size_t i = 0; r == 0 && i < LGR_COUNT(folders); i++)
		r = make_folder(lgr_store_path(to, folders[i], "", NULL));
	return r;
}

/* --------------------------------------------------------------------------------------- finding */

void lgr_store_link(const char *key, const char *replace)
{
	static char name[LGR_KEY_MAX + 16] LGR_BIG, text[LGR_KEY_MAX + 16] LGR_BIG;
	struct lgr_text t;
	struct stat st;
	int r;

	lgr_store_link_name(key, name, sizeof(name));
	lgr_text_init(&t, text, sizeof(text));
	lgr_text_add(&t, "../../objects/");
	lgr_text_add(&t, key);
	lgr_store_path(to, name, "", NULL);
	if (!replace && lgr_sys_stat(AT_FDCWD, to, &st) == 0)
		return;
	r = lgr_sys_symlink(text, to);
	if (r == -ENOENT) {
		*(char *)lgr_last(to, '/') = '\0';
		lgr_sys_mkdir(to, 0700);
		r = lgr_sys_symlink(text, lgr_store_path(to, name, "", NULL));
	}
	if (r != -EEXIST)
		return;
	if (!replace)
		return;
	lgr_store_path(from, replace, "", NULL);
	if (lgr_sys_symlink(text, from) == 0 && lgr_sys_rename(from, to) < 0)
		lgr_sys_unlink(from);
}

bool lgr_store_has(const char *key, uint64_t size)
{
	struct stat st;

	return lgr_sys_stat(AT_FDCWD, lgr_store_path(to, "objects/", key, "/elf"), &st) == 0 &&
	       (uint64_t)st.st_size == size;
}

bool lgr_store_find(const struct lgr_identity *file, bool fresh, struct lgr_key *ret)
{
	struct lgr_known *known = lgr_known_find(file);
	uint64_t now;

	if (!known || (known->fresh && !fresh))
		return false;
	*ret = known->key;
	now = lgr_sys_clock(CLOCK_MONOTONIC_COARSE);
	if (known->absent || (known->seen_ns && now - known->seen_ns < TRUSTED))
		return true;
	if (!lgr_store_has(known->key.text, file->size)) {
		lgr_known_forget(known);
		return false;
	}
	known->seen_ns = now;
	lgr_sys_touch(lgr_store_path(to, "objects/", known->key.text, NULL));
	lgr_store_link(known->key.text, NULL);
	return true;
}

bool lgr_store_recall(uint64_t dev, uint64_t ino, struct lgr_key *ret)
{
	const struct lgr_known *known = ino ? lgr_known_recall(dev, ino) : NULL;

	if (!known || known->absent)
		return false;
	*ret = known->key;
	return true;
}

void lgr_store_name(const char *folder, const char *key, const char *name)
{
	static char dir[LGR_KEY_MAX + 16] LGR_BIG;
	struct lgr_text t;

	if (!*name || lgr_equal(name, "elf") || lgr_equal(name, "debug"))
		return;
	lgr_text_init(&t, dir, sizeof(dir));
	lgr_text_add(&t, folder);
	lgr_text_add(&t, key);
	lgr_store_path(from, dir, "/elf", NULL);
	lgr_sys_link(from, lgr_store_path(to, dir, "/", name));
}

/* ---------------------------------------------------------------------------------------- removing */

uint64_t lgr_store_empty(const char *folder)
{
	static char names[2048] LGR_BIG;
	int fd = lgr_sys_openat(lgr_store_path(from, folder, "", NULL), O_RDONLY | O_DIRECTORY, 0);
	uint64_t bytes = 0, ino = 0;
	struct stat st;
	long n;

	if (fd < 0)
		return 0;
	while ((n = lgr_sys_getdents(fd, names, sizeof(names))) > 0) {
		for (long at = 0; at < n;) {
			const struct lgr_directory_entry *e = (const void *)(names + at);

			at += e->length;
			if (*e->name == '.')
				continue;
			lgr_store_path(to, folder, "/", e->name);
			if (lgr_sys_stat(AT_FDCWD, to, &st) == 0 && st.st_ino != ino) {
				bytes += e->type == DT_REG ? (uint64_t)st.st_size : 0;
				ino = st.st_ino;
			}
			lgr_sys_unlink(to);
		}
	}
	lgr_sys_close(fd);
	lgr_sys_rmdir(lgr_store_path(to, folder, "", NULL));
	return bytes;
}

uint64_t lgr_store_remove(const char *key)
{
	static char text[LGR_KEY_MAX + 16] LGR_BIG, name[LGR_KEY_MAX + 16] LGR_BIG;
	uint64_t bytes;
	struct lgr_text t;

	lgr_text_init(&t, name, sizeof(name));
	lgr_text_add(&t, "objects/");
	lgr_text_add(&t, key);
	bytes = lgr_store_empty(name);
	lgr_store_link_name(key, name, sizeof(name));
	lgr_store_path(to, name, "", NULL);
	if (lgr_sys_readlink(to, text, sizeof(text)) > 0 && lgr_equal(lgr_path_base(text), key))
		lgr_sys_unlink(to);
	return bytes;
}
