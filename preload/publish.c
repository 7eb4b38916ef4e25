/*
 * publish.c - a file into the archive. See publish.h.
 *
 * Owns: the one being made. Guard: the caller is the one thread that archives.
 * SPDX-License-Identifier: MIT
 */
#include "publish.h"

#include "copy.h"
#include "debugfile.h"
#include "known.h"
#include "sys.h"
#include "text.h"
#include "trim.h"

/* Within this time of a change another one may bear the same time (see detach.c). */
#define TICK 20000000u

/* The one being made: DIR/tmp/PID.N/ and what is known of it. */
static struct {
	char folder[64]; /* behind DIR */
	struct lgr_image image;
	char key[LGR_KEY_MAX];
	uint64_t bytes;
} making LGR_BIG;
/* Scratch; filled in directly before they are used. */
static char from[LGR_STORE_PATH] LGR_BIG, to[LGR_STORE_PATH] LGR_BIG;

/* ------------------------------------------------------------------------------------ making the copy */

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
	copied = lgr_copy_file(wish->fd, fd, st, false, wish->deadline, &content);
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
		copied = lgr_copy_file(fd, out, &st, check, wish->deadline, &content);
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
	char link[sizeof(making.folder) + 8];
	struct lgr_text t;
	bool better;

	lgr_store_link_name(making.key, name, sizeof(name));
	lgr_text_init(&t, link, sizeof(link));
	lgr_text_add(&t, making.folder);
	lgr_text_add(&t, ".link");
	better = !explains(name, "") && explains("objects/", making.key);
	lgr_store_link(making.key, better ? link : NULL);
}

/* Renames what is complete; what is there already stays, unless it is damaged. */
static enum lgr_stored publish(const struct lgr_wish *wish, uint64_t *ret_bytes)
{
	struct stat st;
	int r;

	lgr_sys_stat(AT_FDCWD, lgr_store_path(to, making.folder, "/elf", NULL), &st);
	if (!lgr_store_has(making.key, (uint64_t)st.st_size)) {
		find_debug(wish);
		lgr_store_name(making.folder, "", wish->name);
		lgr_store_path(from, making.folder, "", NULL);
		r = lgr_sys_rename(from, lgr_store_path(to, "objects/", making.key, NULL));
		if (r < 0 && !lgr_store_has(making.key, (uint64_t)st.st_size)) {
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
		if (!lgr_store_has(making.key, (uint64_t)st.st_size))
			return LGR_STORE_BROKEN;
	}
	/* The same content under another name. */
	lgr_sys_touch(lgr_store_path(to, "objects/", making.key, NULL));
	lgr_store_name("objects/", making.key, wish->name);
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

enum lgr_stored lgr_publish(const struct lgr_wish *wish, struct lgr_key *ret, uint64_t *ret_bytes)
{
	enum lgr_stored result;
	struct stat st;

	*ret_bytes = 0;
	*ret->text = '\0';
	if (lgr_sys_stat(wish->fd, "", &st) < 0 || !S_ISREG(st.st_mode) ||
	    !lgr_image_read(wish->fd, &making.image))
		return LGR_STORE_NO_ELF;
	*making.folder = '\0';
	result = LGR_STORE_SLOW;
	if (lgr_copy_possible(&st, wish->link)) {
		if (!begin())
			return LGR_STORE_BROKEN;
		result = make_elf(wish, &st);
	}
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
