/*
 * store.c - the archive's directory: files by their content. See store.h.
 *
 * Owns: the directory's name. Guard: the caller is the one thread that archives.
 * SPDX-License-Identifier: MIT
 */
#include "store.h"

#include <dirent.h>
#include <errno.h>

#include "copy.h"
#include "debugfile.h"
#include "known.h"
#include "path.h"
#include "sys.h"
#include "text.h"
#include "trim.h"

/* Within this time of a change another one may bear the same time (see detach.c). */
#define TICK 20000000u
/* What was found in the archive is taken to be there for so long, and counts as used then. */
#define TRUSTED UINT64_C(60000000000) /* ns */

char lgr_store_dir[LGR_STORE_DIR] LGR_BIG;

/* The one being made: DIR/tmp/PID.N/ and what is known of it. */
static struct {
	char folder[64]; /* behind DIR */
	struct lgr_image image;
	char key[LGR_KEY_MAX];
	uint64_t bytes;
} making LGR_BIG;
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

static void write_key(const struct lgr_image *image, const uint8_t hash[LGR_HASH_SIZE], char *key)
{
	struct lgr_text t;

	lgr_text_init(&t, key, LGR_KEY_MAX);
	if (image->build_id_len) {
		lgr_text_add_bytes(&t, image->build_id, image->build_id_len);
		lgr_text_add(&t, "-");
	}
	lgr_text_add_bytes(&t, hash, LGR_HASH_SIZE);
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

/* Where the link is missing, or leads nowhere, it is made. */
static void settle_link(const char *key, bool replace)
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
	lgr_store_path(from, making.folder, ".link", NULL);
	if (*making.folder && lgr_sys_symlink(text, from) == 0)
		lgr_sys_rename(from, to);
}

/* Is the copy there, and whole? After a power failure it may be empty. */
static bool is_there(const char *key, uint64_t size)
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
	if (!is_there(known->key.text, file->size)) {
		lgr_known_forget(known);
		return false;
	}
	known->seen_ns = now;
	lgr_sys_touch(lgr_store_path(to, "objects/", known->key.text, NULL));
	settle_link(known->key.text, false);
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

/* --------------------------------------------------------------------------------------- archiving */

static uint32_t unique;

static bool begin(void)
{
	struct lgr_text t;

	lgr_text_init(&t, making.folder, sizeof(making.folder));
	lgr_text_add(&t, "tmp/");
	lgr_text_add_number(&t, lgr_sys_getpid());
	lgr_text_add(&t, ".");
	lgr_text_add_hex(&t, lgr_sys_clock(CLOCK_MONOTONIC)); /* containers count pids anew */
	lgr_text_add(&t, ".");
	lgr_text_add_number(&t, ++unique);
	making.bytes = 0;
	return lgr_sys_mkdir(lgr_store_path(to, making.folder, "", NULL), 0700) == 0;
}

static void drop(const char *name)
{
	if (*name)
		lgr_sys_unlink(lgr_store_path(to, making.folder, "/", name));
}

static enum lgr_stored verdict(enum lgr_copied copied)
{
	switch (copied) {
	case LGR_COPIED: return LGR_STORED;
	case LGR_COPY_SLOW: return LGR_STORE_SLOW;
	case LGR_COPY_UNREAD: return LGR_STORE_NO_ELF;
	case LGR_COPY_UNWRITTEN: break;
	}
	return LGR_STORE_BROKEN;
}

/* Not across file systems, and not of a file that is somebody else's (fs.protected_hardlinks). */
static bool link_file(const struct lgr_wish *wish, const struct stat *st)
{
	struct stat linked;

	if (!wish->link || !*wish->path ||
	    lgr_sys_link(wish->path, lgr_store_path(to, making.folder, "/elf", NULL)) < 0)
		return false;
	if (lgr_sys_stat(AT_FDCWD, to, &linked) == 0 && linked.st_ino == st->st_ino &&
	    linked.st_dev == st->st_dev)
		return true;
	drop("elf");
	return false;
}

/* Makes tmp/PID.N/elf and its key. */
static enum lgr_stored make_elf(const struct lgr_wish *wish, const struct stat *st)
{
	struct lgr_content content;
	enum lgr_copied copied;
	int fd = -1;

	if (!link_file(wish, st)) {
		fd = lgr_store_write(lgr_store_path(to, making.folder, "/elf", NULL),
				     O_RDWR | O_CREAT | O_EXCL, 0500);
		if (fd < 0)
			return LGR_STORE_BROKEN;
	}
	copied = lgr_copy_file(wish->fd, fd, (uint64_t)st->st_size, false, wish->deadline,
			       &content);
	if (fd >= 0)
		lgr_sys_close(fd);
	if (copied == LGR_COPIED) {
		write_key(&making.image, content.hash, making.key);
		making.bytes += content.size;
	}
	return verdict(copied);
}

/* What cannot be copied in time is linked to: it is where its package put it, as a rule. */
static void make_debug(const struct lgr_wish *wish, int fd, bool check)
{
	struct lgr_content content = { .size = 0 };
	enum lgr_copied copied = LGR_COPY_UNREAD;
	struct stat st;
	int out;

	lgr_store_path(to, making.folder, "/debug", NULL);
	out = lgr_store_write(to, O_RDWR | O_CREAT | O_EXCL, 0400);
	if (out < 0)
		return;
	if (lgr_sys_stat(fd, "", &st) == 0 && S_ISREG(st.st_mode))
		copied = lgr_copy_file(fd, out, (uint64_t)st.st_size, check, wish->deadline,
				       &content);
	lgr_sys_close(out);
	if (copied == LGR_COPIED && (!check || content.crc == making.image.debug_crc)) {
		making.bytes += content.size;
		return;
	}
	lgr_sys_unlink(to);
	if (copied == LGR_COPY_SLOW && !check)
		lgr_sys_symlink(from, to);
}

static bool has_debug(void)
{
	struct stat st;

	return lgr_sys_stat(AT_FDCWD, lgr_store_path(to, making.folder, "/debug", NULL), &st) == 0;
}

/* An object without build-id knows its debug file by the checksum alone. */
static void find_debug(const struct lgr_wish *wish)
{
	int place = 0, fd;

	while (!has_debug()) {
		fd = lgr_debugfile_find(&making.image, wish->path, from, sizeof(from), &place);
		if (fd < 0)
			return;
		make_debug(wish, fd, !making.image.build_id_len);
		lgr_sys_close(fd);
	}
}

static void name_it(const char *folder, const char *key, const char *name)
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

void lgr_store_name(const char *key, const char *name)
{
	name_it("objects/", key, name);
}

static void abandon(const struct lgr_wish *wish)
{
	drop("elf");
	drop("debug");
	drop(wish->name);
	lgr_sys_rmdir(lgr_store_path(to, making.folder, "", NULL));
	*making.folder = '\0';
}

/* Does what is in the folder tell names? */
static bool explains(const char *folder, const char *key)
{
	static struct lgr_image image LGR_BIG;
	static char name[LGR_KEY_MAX + 16] LGR_BIG;
	struct lgr_text t;
	struct stat st;
	int fd;

	lgr_text_init(&t, name, sizeof(name));
	lgr_text_add(&t, folder);
	lgr_text_add(&t, key);
	if (lgr_sys_stat(AT_FDCWD, lgr_store_path(to, name, "/debug", NULL), &st) == 0)
		return true;
	fd = lgr_sys_openat(lgr_store_path(to, name, "/elf", NULL), O_RDONLY, 0);
	if (fd < 0)
		return false;
	if (!lgr_image_read(fd, &image))
		image.symbols = false;
	lgr_sys_close(fd);
	return image.symbols;
}

/* Two files may have one build-id: the first one has the link, unless only the other one has symbols. */
static void publish_link(void)
{
	static char name[LGR_KEY_MAX + 16] LGR_BIG;

	lgr_store_link_name(making.key, name, sizeof(name));
	settle_link(making.key, !explains(name, "") && explains("objects/", making.key));
}

/* Renames what is complete; what is there already stays, unless it is damaged. */
static enum lgr_stored publish(const struct lgr_wish *wish, uint64_t *ret_bytes)
{
	struct stat st;
	int r;

	lgr_sys_stat(AT_FDCWD, lgr_store_path(to, making.folder, "/elf", NULL), &st);
	if (!is_there(making.key, (uint64_t)st.st_size)) {
		find_debug(wish);
		name_it(making.folder, "", wish->name);
		lgr_store_path(from, making.folder, "", NULL);
		r = lgr_sys_rename(from, lgr_store_path(to, "objects/", making.key, NULL));
		if (r < 0 && !is_there(making.key, (uint64_t)st.st_size)) {
			lgr_store_remove(making.key);
			lgr_store_path(from, making.folder, "", NULL);
			r = lgr_sys_rename(from, lgr_store_path(to, "objects/", making.key, NULL));
		}
		if (r == 0) {
			publish_link();
			*ret_bytes = making.bytes;
			*making.folder = '\0';
			return LGR_STORED;
		}
		if (!is_there(making.key, (uint64_t)st.st_size))
			return LGR_STORE_BROKEN;
	}
	/* The same content under another name. */
	lgr_sys_touch(lgr_store_path(to, "objects/", making.key, NULL));
	name_it("objects/", making.key, wish->name);
	publish_link();
	return LGR_STORED;
}

/* Linking has changed the time of the inode, but not that of the content. */
static uint64_t content_changed_ns(const struct lgr_wish *wish, const struct stat *st)
{
	if (wish->link)
		return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
	return lgr_store_identity(st).changed_ns;
}

static void note(const struct lgr_wish *wish, struct stat *st, enum lgr_stored result,
		 const struct lgr_key *key)
{
	struct lgr_known known = { .absent = result != LGR_STORED };

	if (wish->link)
		lgr_sys_stat(wish->fd, "", st);
	known.file = lgr_store_identity(st);
	if (result == LGR_STORED)
		known.key = *key;
	/* A file without a name is seen by this process alone, and its inode is soon another one's. */
	known.fresh = !st->st_nlink ||
		      lgr_sys_clock(CLOCK_REALTIME_COARSE) < content_changed_ns(wish, st) + TICK;
	known.seen_ns = lgr_sys_clock(CLOCK_MONOTONIC_COARSE);
	lgr_known_add(&known);
}

enum lgr_stored lgr_store_put(const struct lgr_wish *wish, struct lgr_key *ret, uint64_t *ret_bytes)
{
	enum lgr_stored result;
	struct stat st;

	*ret_bytes = 0;
	*ret->text = '\0';
	if (lgr_sys_stat(wish->fd, "", &st) < 0 || !S_ISREG(st.st_mode) ||
	    !lgr_image_read(wish->fd, &making.image))
		return LGR_STORE_NO_ELF;
	if (!begin())
		return LGR_STORE_BROKEN;
	result = make_elf(wish, &st);
	if (result == LGR_STORED)
		result = publish(wish, ret_bytes);
	if (*making.folder)
		abandon(wish);
	*ret = (struct lgr_key){ .relative = making.image.relative };
	if (result == LGR_STORED)
		lgr_copy(ret->text, making.key, sizeof(ret->text));
	if (result != LGR_STORE_BROKEN)
		note(wish, &st, result, ret);
	if (*ret_bytes)
		lgr_trim_count(*ret_bytes, wish->deadline);
	return result;
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
