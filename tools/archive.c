/*
 * archive.c - puts files into the archive, as the shim does.
 *
 *	ARCHIVE/.build-id/xx/yyyy -> ../../objects/KEY	where perf and others look, xx/yyyy the build-id
 *	ARCHIVE/objects/KEY/elf, debug, NAME.so		the copy, its separate debug file, the copy's own name
 *	ARCHIVE/manifest/PID.START			see manifest.c
 *	ARCHIVE/tmp, ARCHIVE/used			what is being made; how much there is
 *
 * KEY is BUILDID-CONTENT, or CONTENT where there is no build-id; CONTENT, the hash of the file, then is
 * the build-id. Everything is made in tmp and gets its name by rename(2) when it is complete, so that any
 * number of processes may do this at once, and the shim too (preload/store.h).
 * Owns no state.
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "hash.h"
#include "perf.h"

#define HEX_MAX (2 * LGR_PERF_ID_MAX + 1)
#define PIECE (1u << 20)

/* What a file says of itself. */
struct facts {
	struct lgr_build_id id; /* size 0: none */
	char content[2 * LGR_HASH_SIZE + 1];
	bool symbols;	  /* has a .symtab, or lines */
	char *debug_name; /* of its separate debug file; NULL: none */
};

static void facts_deinit(struct facts *facts)
{
	free(facts->debug_name);
}

static void elf_endp(Elf **elf)
{
	if (*elf)
		elf_end(*elf);
}

static void put_hex(char *to, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

/* ------------------------------------------------------------------ the file */

static void get_id(Elf *elf, struct lgr_build_id *ret)
{
	const void *bytes;
	ssize_t n = dwelf_elf_gnu_build_id(elf, &bytes);

	ret->size = n > 0 && (size_t)n <= sizeof(ret->bytes) ? (uint8_t)n : 0;
	if (ret->size)
		memcpy(ret->bytes, bytes, ret->size);
}

int lgr_elf_build_id(int fd, struct lgr_build_id *ret)
{
	_cleanup_(elf_endp) Elf *elf = NULL;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		return -ENOEXEC;
	get_id(elf, ret);
	return ret->size ? 0 : -ENOENT;
}

static bool has_symbols(Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
			return true;
	return false;
}

/* Copies @from to @to and hashes it on the way; @to -1: hashes only. */
static int copy(int from, int to, char content[2 * LGR_HASH_SIZE + 1])
{
	_cleanup_free_ char *piece = malloc(PIECE);
	uint8_t hash[LGR_HASH_SIZE];
	struct lgr_hash h;
	off_t at = 0;
	ssize_t n;

	if (!piece)
		return -ENOMEM;
	lgr_hash_init(&h);
	while ((n = pread(from, piece, PIECE, at)) != 0) {
		if (n < 0)
			return -errno;
		lgr_hash_add(&h, piece, (size_t)n);
		if (to >= 0 && pwrite(to, piece, (size_t)n, at) != n)
			return errno ? -errno : -EIO;
		at += n;
	}
	lgr_hash_end(&h, hash);
	put_hex(content, hash, sizeof(hash));
	return 0;
}

static int facts_read(int fd, struct facts *ret)
{
	_cleanup_(elf_endp) Elf *elf = NULL;
	const char *name;
	GElf_Word crc;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64)
		return -ENOEXEC;
	get_id(elf, &ret->id);
	ret->symbols = has_symbols(elf);
	name = dwelf_elf_gnu_debuglink(elf, &crc);
	if (!name || strchr(name, '/'))
		return 0;
	ret->debug_name = strdup(name);
	return ret->debug_name ? 0 : -ENOMEM;
}

/* --------------------------------------------------------------- the archive */

static int make_directory(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

int lgr_archive_open(const char *who, const char *dir)
{
	static const char *const folders[] = { ".build-id", "manifest", "objects", "tmp" };
	int r = lgr_folder_make(who, dir);

	for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(folders[0]); i++) {
		_cleanup_free_ char *path = lgr_format("%s/%s", dir, folders[i]);

		r = path ? make_directory(path) : -ENOMEM;
		if (r < 0)
			lgr_say(who, "the archive %s cannot be made: %s", dir, strerror(-r));
	}
	return r;
}

/* ARCHIVE/.build-id/xx/yyyy, allocated. */
static char *link_path(const char *dir, const struct lgr_build_id *id)
{
	char hex[HEX_MAX] = "";

	put_hex(hex, id->bytes, id->size);
	return lgr_format("%s/.build-id/%.2s/%s", dir, hex, hex + 2);
}

bool lgr_archive_has(const char *dir, const struct lgr_build_id *id)
{
	_cleanup_free_ char *path = id->size ? link_path(dir, id) : NULL;

	return path && access(path, F_OK) == 0;
}

/* A file in ARCHIVE/tmp, open. @ret_path: its name, allocated. */
static int make_temporary(const char *dir, char **ret_path)
{
	char *path = lgr_format("%s/tmp/perf.XXXXXX", dir);
	int fd = path ? mkostemp(path, O_CLOEXEC) : -1;

	if (fd < 0) {
		int r = path ? -errno : -ENOMEM;

		free(path);
		return r;
	}
	*ret_path = path;
	return fd;
}

static int publish(const char *temporary, const char *path)
{
	return chmod(temporary, 0500) == 0 && rename(temporary, path) == 0 ? 0 : -errno;
}

/* Adds the size of @fd to what the archive has, which the shim keeps below a limit. */
static void count(const char *dir, int fd)
{
	_cleanup_free_ char *name = lgr_format("%s/used", dir);
	_cleanup_close_ int used = name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	char line[24] = "";
	struct stat st;

	/* Nobody waits here: when there is too much, everything is counted anew. */
	if (used < 0 || fstat(fd, &st) < 0 || flock(used, LOCK_EX | LOCK_NB) < 0)
		return;
	if (pread(used, line, sizeof(line) - 1, 0) >= 0) {
		snprintf(line, sizeof(line), "%-20llu\n",
			 strtoull(line, NULL, 10) + (unsigned long long)st.st_size);
		if (pwrite(used, line, strlen(line), 0) < 0)
			return;
	}
}

/* Is what the build-id leads to now a file without symbols? Then one that has them takes its place. */
static bool leads_to_less(const char *link)
{
	_cleanup_free_ char *path = lgr_format("%s/elf", link);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	_cleanup_(facts_deinit) struct facts facts = { 0 };

	return fd < 0 || facts_read(fd, &facts) < 0 || !facts.symbols;
}

static int make_link(const char *dir, const struct lgr_build_id *id, const char *key, bool symbols)
{
	_cleanup_free_ char *link = link_path(dir, id);
	_cleanup_free_ char *target = lgr_format("../../objects/%s", key);
	_cleanup_free_ char *temporary = link ? lgr_format("%s.%d", link, getpid()) : NULL;
	int r;

	if (!link || !target || !temporary)
		return -ENOMEM;
	*strrchr(link, '/') = '\0';
	r = make_directory(link);
	link[strlen(link)] = '/';
	if (r < 0)
		return r;
	if (symlink(target, link) == 0 || (errno == EEXIST && !symbols))
		return 0;
	if (errno != EEXIST || !leads_to_less(link))
		return errno == EEXIST ? 0 : -errno;
	if (symlink(target, temporary) < 0)
		return -errno;
	return rename(temporary, link) == 0 ? 0 : -errno;
}

/* The copy under the name that the file has: pprof and gdb go by it. What cannot be linked, is not. */
static void make_name(const char *folder, const char *elf, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	_cleanup_free_ char *name = NULL;
	size_t n;

	base = strncmp(base, "memfd:", 6) ? base : base + 6;
	n = strcspn(base, " ");
	name = lgr_format("%s/%.*s%s", folder, (int)n, base, strstr(base, ".so") ? "" : ".so");
	if (n && name && link(elf, name) < 0)
		return;
}

/* The separate debug file of @path, open, or -1. */
static int open_debug(const char *path, const struct facts *facts)
{
	static const char *const where[] = { "", "/.debug" };
	_cleanup_free_ char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	struct lgr_build_id id;

	if (!slash || !facts->debug_name)
		return -1;
	*slash = '\0';
	for (size_t i = 0; i <= sizeof(where) / sizeof(where[0]); i++) {
		bool beside = i < sizeof(where) / sizeof(where[0]);
		_cleanup_free_ char *name = lgr_format("%s%s%s/%s", beside ? "" : "/usr/lib/debug",
						       folder, beside ? where[i] : "",
						       facts->debug_name);
		int fd = name ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

		if (fd < 0)
			continue;
		/* Of another build it would be worse than none. */
		if (lgr_elf_build_id(fd, &id) == 0 && lgr_build_id_is(&id, &facts->id))
			return fd;
		close(fd);
	}
	return -1;
}

/* A copy of @fd as @path. Returns 0 or a negative errno. */
static int copy_as(int fd, const char *path, char content[2 * LGR_HASH_SIZE + 1])
{
	_cleanup_close_ int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);

	return out < 0 ? -errno : copy(fd, out, content);
}

static void add_debug(const char *folder, const char *path, const struct facts *facts)
{
	_cleanup_close_ int fd = open_debug(path, facts);
	_cleanup_free_ char *debug = lgr_format("%s/debug", folder);
	char content[2 * LGR_HASH_SIZE + 1];

	if (fd >= 0 && debug && copy_as(fd, debug, content) < 0)
		unlink(debug);
}

static void remove_folder(const char *folder)
{
	DIR *names = opendir(folder);
	const struct dirent *entry;

	while (names && (entry = readdir(names)))
		unlinkat(dirfd(names), entry->d_name, 0); /* not . and .. */
	if (names)
		closedir(names);
	rmdir(folder);
}

/* Fills the new directory @folder. */
static int fill(const char *dir, const char *folder, int from, const char *path,
		const struct facts *facts)
{
	_cleanup_free_ char *elf = lgr_format("%s/elf", folder);
	char content[2 * LGR_HASH_SIZE + 1];
	int r = elf ? copy_as(from, elf, content) : -ENOMEM;

	if (r == 0 && strcmp(content, facts->content))
		r = -ESTALE; /* somebody writes to it */
	if (r < 0)
		return r;
	count(dir, from);
	make_name(folder, elf, path);
	add_debug(folder, path, facts);
	return 0;
}

/* The copy in a directory of its own; where there is one under this key, it is the same. */
static int add_object(const char *dir, int from, const char *path, const struct facts *facts,
		      const char *key)
{
	_cleanup_free_ char *object = lgr_format("%s/objects/%s", dir, key);
	_cleanup_free_ char *folder = lgr_format("%s/tmp/perf.XXXXXX", dir);
	int r;

	if (!object || !folder)
		return -ENOMEM;
	if (access(object, F_OK) == 0) {
		utimensat(AT_FDCWD, object, NULL, 0); /* it is in use: others go first */
		return 0;
	}
	if (!mkdtemp(folder))
		return -errno;
	r = fill(dir, folder, from, path, facts);
	if (r == 0 && rename(folder, object) == 0)
		return 0;
	if (r == 0 && errno != EEXIST && errno != ENOTEMPTY)
		r = -errno;
	remove_folder(folder);
	return r;
}

int lgr_archive_add(const char *dir, int fd, const char *path, char **ret_key,
		    struct lgr_build_id *ret_id)
{
	_cleanup_(facts_deinit) struct facts facts = { 0 };
	_cleanup_free_ char *key = NULL;
	char hex[HEX_MAX] = "";
	int r = facts_read(fd, &facts);

	if (r == 0)
		r = copy(fd, -1, facts.content);
	if (r < 0)
		return r;
	put_hex(hex, facts.id.bytes, facts.id.size);
	key = lgr_format("%s%s%s", hex, *hex ? "-" : "", facts.content);
	if (!key)
		return -ENOMEM;
	r = add_object(dir, fd, path, &facts, key);
	if (r < 0)
		return r;
	if (facts.id.size == 0)
		lgr_build_id_parse(facts.content, &facts.id);
	r = make_link(dir, &facts.id, key, facts.symbols);
	if (r < 0)
		return r;
	*ret_id = facts.id;
	*ret_key = key;
	key = NULL;
	return 0;
}

/* -------------------------------------------------------------------- notes */

/*
 * perf reads symbols and lines from what is called debug, too, so that is what gets a note: the debug file,
 * or else a second copy. The first one stays what it is, for who knows it by its size.
 */
int lgr_archive_note(const char *dir, const char *key)
{
	_cleanup_free_ char *debug = lgr_format("%s/objects/%s/debug", dir, key);
	_cleanup_free_ char *elf = lgr_format("%s/objects/%s/elf", dir, key);
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int in = -1;
	_cleanup_close_ int out = -1;
	char content[2 * LGR_HASH_SIZE + 1];
	struct lgr_build_id id, has;
	int r;

	lgr_build_id_parse(key, &id);
	if (!debug || !elf || id.size == 0)
		return -EINVAL;
	in = open(debug, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		in = open(elf, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return -errno;
	if (lgr_elf_build_id(in, &has) == 0)
		return 0;
	out = make_temporary(dir, &temporary);
	if (out < 0)
		return out;
	r = copy(in, out, content);
	if (r == 0)
		r = lgr_note_add(out, &id);
	if (r == 0)
		r = publish(temporary, debug);
	if (r < 0)
		unlink(temporary);
	else
		count(dir, out);
	return r;
}
