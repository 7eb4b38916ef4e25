/*
 * source.c - where the bytes of a loaded object can be had. See source.h.
 *
 * Owns: a buffer. Guard: the caller is the one thread that archives.
 * SPDX-License-Identifier: MIT
 */
#include "source.h"

#include "lock.h"
#include "path.h"
#include "registry.h"
#include "sys.h"
#include "text.h"

#define DESCRIPTORS 256 /* of the program's own are looked at */
#define PLAIN 4
#define OVERLAYFS 0x794c7630u /* linux/magic.h */

static char buffer[4096] LGR_BIG;

/* A device's number as stat(2) has it: the low bits of the minor number, the major one, the rest. */
static uint64_t device_of(const struct lgr_mapping *m)
{
	return (m->minor & 0xff) | (uint64_t)(m->major & 0xfff) << 8 |
	       (uint64_t)(m->minor & ~0xffu) << 12 | (uint64_t)(m->major & ~0xfffu) << 32;
}

/*
 * stat(2) and the maps may speak of one file differently: btrfs and overlayfs have devices, and the
 * latter inodes, of their own in stat. A device on which they were seen to say the same is asked for
 * in the maps no more, which saves 5 us of 25.
 */
static uint64_t plain[PLAIN];

static bool is_plain(uint64_t device)
{
	for (int i = 0; i < PLAIN; i++)
		if (plain[i] == device)
			return device;
	return false;
}

static void learn(const struct lgr_source *s)
{
	static uint32_t next;
	uint64_t fs[16]; /* struct statfs begins with the type */

	if (!s->ino || s->first.inode != s->ino || device_of(&s->first) != s->dev ||
	    lgr_syscall(__NR_statfs, (long)s->path, (long)fs, 0, 0, 0, 0) < 0 || fs[0] == OVERLAYFS)
		return;
	plain[next++ % PLAIN] = s->dev;
}

/* Not for an object whose pages were moved to another file. */
static void fill_mapping(struct lgr_source *s)
{
	s->first = (struct lgr_mapping){ .inode = 0 };
	if (s->ino && is_plain(s->dev) && !(s->flags & LGR_FL_DETACHED)) {
		s->first.inode = s->ino;
		s->first.major = (uint32_t)(s->dev >> 8 & 0xfff) |
				 (uint32_t)(s->dev >> 32 & ~0xfffu);
		s->first.minor = (uint32_t)(s->dev & 0xff) | (uint32_t)(s->dev >> 12 & ~0xffu);
	} else if (lgr_maps_read(s->lo, s->lo + LGR_PAGE, &s->first, 1) == 1) {
		learn(s);
	}
}

void lgr_source_fill(struct lgr_source *source, const struct lgr_object *object)
{
	struct lgr_text t;

	source->id = atomic_load_explicit(&object->id, memory_order_relaxed);
	source->slot = object->slot;
	source->flags = atomic_load_explicit(&object->flags, memory_order_relaxed);
	source->lo = object->lo;
	source->hi = object->hi;
	source->dev = object->file.dev;
	source->ino = object->file.ino;
	source->build_id_len = lgr_min((uint32_t)object->build_id_len, LGR_BUILD_ID_MAX);
	if (source->build_id_len < LGR_BUILD_ID_MIN)
		source->build_id_len = 0;
	lgr_copy(source->build_id, object->build_id, source->build_id_len);
	fill_mapping(source);
	source->key = (struct lgr_key){ .relative = 0 };
	if (object->archived)
		source->key = *(const struct lgr_key *)(uintptr_t)object->archived;
	lgr_text_init(&t, source->path, sizeof(source->path));
	if ((source->flags & LGR_FL_MAIN) &&
	    lgr_sys_readlink("/proc/self/exe", source->path, sizeof(source->path)) > 0)
		return;
	lgr_text_add(&t, lgr_path_of(object));
}

static bool is_mapped(const struct lgr_source *s, const struct stat *st)
{
	return s->first.inode == st->st_ino && device_of(&s->first) == st->st_dev;
}

void lgr_source_file(const struct lgr_source *s, uint64_t *ret_dev, uint64_t *ret_ino)
{
	*ret_dev = s->ino ? s->dev : device_of(&s->first);
	*ret_ino = s->ino ? s->ino : s->first.inode;
}

/*
 * Where the maps and stat(2) differ, what the loader was told by stat decides, if that is known; else the
 * build-id does.
 */
static bool is_loaded(const struct lgr_source *s, int fd, const struct stat *st)
{
	static struct lgr_image image LGR_BIG;

	if (!S_ISREG(st->st_mode))
		return false;
	if (is_mapped(s, st))
		return true;
	if (s->ino)
		return s->ino == st->st_ino && s->dev == st->st_dev;
	if (!s->build_id_len || s->first.backing == LGR_MEMORY)
		return false;
	if (fd < 0) {
		fd = lgr_sys_openat(s->path, O_RDONLY | O_NONBLOCK, 0);
		if (fd < 0 || !lgr_image_read(fd, &image))
			image.build_id_len = 0;
		if (fd >= 0)
			lgr_sys_close(fd);
	} else if (!lgr_image_read(fd, &image)) {
		return false;
	}
	return image.build_id_len == s->build_id_len &&
	       lgr_same(image.build_id, s->build_id, s->build_id_len);
}

bool lgr_source_stat(const struct lgr_source *s, struct stat *ret_st)
{
	return lgr_sys_stat(AT_FDCWD, s->path, ret_st) == 0 && is_loaded(s, -1, ret_st);
}

/* Opened anew, so that it is readable whatever the program's own descriptor is for. */
static int open_if_loaded(const struct lgr_source *s, const char *path, struct stat *ret_st)
{
	int fd = lgr_sys_openat(path, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0)
		return fd;
	if (lgr_sys_stat(fd, "", ret_st) == 0 && is_loaded(s, fd, ret_st))
		return fd;
	lgr_sys_close(fd);
	return -1;
}

static int open_descriptor(const struct lgr_source *s, struct stat *ret_st)
{
	struct lgr_text t;
	struct stat st;

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		if (lgr_sys_stat(fd, "", &st) < 0 || !S_ISREG(st.st_mode) || !is_mapped(s, &st))
			continue;
		lgr_text_init(&t, buffer, sizeof(buffer));
		lgr_text_add(&t, "/proc/self/fd/");
		lgr_text_add_number(&t, (uint64_t)fd);
		return open_if_loaded(s, buffer, ret_st);
	}
	return -1;
}

static int open_mapping(const struct lgr_source *s, struct stat *ret_st)
{
	struct lgr_mapping m;
	struct lgr_text t;
	bool mapped;

	if (!lgr_lock(&lgr_lock_registry))
		return -1;
	mapped = lgr_maps_read(s->lo, s->lo + LGR_PAGE, &m, 1) == 1;
	lgr_unlock(&lgr_lock_registry);
	if (!mapped || !m.inode)
		return -1;
	lgr_text_init(&t, buffer, sizeof(buffer));
	lgr_text_add(&t, "/proc/self/map_files/");
	lgr_text_add_hex(&t, m.lo);
	lgr_text_add(&t, "-");
	lgr_text_add_hex(&t, m.hi);
	return open_if_loaded(s, buffer, ret_st);
}

int lgr_source_open(const struct lgr_source *s, bool by_path, struct stat *ret_st)
{
	int fd;

	if (by_path)
		return open_if_loaded(s, s->path, ret_st);
	fd = s->flags & LGR_FL_MAIN ? open_if_loaded(s, "/proc/self/exe", ret_st) : -1;
	if (fd < 0)
		fd = open_mapping(s, ret_st);
	return fd < 0 ? open_descriptor(s, ret_st) : fd;
}

const char *lgr_source_name(const char *path)
{
	static const char gone[] = " (deleted)";
	static char name[256] LGR_BIG;
	struct lgr_text t;
	size_t n;

	if (!lgr_after(path, "/proc/"))
		return lgr_path_base(path);
	if (lgr_sys_readlink(path, buffer, sizeof(buffer)) <= 0)
		return "";
	n = lgr_len(buffer);
	if (n > sizeof(gone) && lgr_equal(buffer + n - (sizeof(gone) - 1), gone))
		buffer[n - (sizeof(gone) - 1)] = '\0';
	path = lgr_path_base(buffer);
	if (lgr_after(path, "memfd:"))
		path = lgr_after(path, "memfd:");
	lgr_text_init(&t, name, sizeof(name));
	lgr_text_add(&t, path);
	if (!lgr_glob("*.so*", path))
		lgr_text_add(&t, ".so");
	return *path && !t.cut ? name : "";
}
