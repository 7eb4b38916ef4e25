/*
 * manifest.c - what was loaded where and when. See manifest.h.
 *
 * Owns: the file's name, which is written before `begun` says that it is there.
 * SPDX-License-Identifier: MIT
 */
#include "manifest.h"

#include <errno.h>
#include <stdatomic.h>

#include "store.h"
#include "sys.h"
#include "text.h"

#define SHORT 256u /* a line without a path */

static char path[LGR_STORE_PATH] LGR_BIG;
static char long_line[4 * 4096 + 1024] LGR_BIG; /* guarded by being the one thread that archives */
static _Atomic bool begun;
static _Atomic uint64_t size; /* of the file */

static int append(const struct lgr_text *line, int flags)
{
	uint64_t end = atomic_fetch_add_explicit(&size, line->len, memory_order_relaxed) +
		       line->len;
	int fd;
	long n;

	if (end > lgr_sys_file_limit()) /* the kernel would send SIGXFSZ, which kills */
		return -EFBIG;
	fd = lgr_store_write(path, O_WRONLY | O_APPEND | flags, 0600);
	if (fd < 0)
		return fd;
	n = lgr_sys_write(fd, line->at, line->len);
	lgr_sys_close(fd);
	return n == (long)line->len ? 0 : n < 0 ? (int)n : -ENOSPC;
}

static void add_number(struct lgr_text *t, uint64_t n)
{
	lgr_text_add(t, " ");
	lgr_text_add_number(t, n);
}

static void add_path(struct lgr_text *t, const char *s)
{
	lgr_text_add(t, " ");
	for (; *s; s++) {
		if (*s == '\n')
			lgr_text_add(t, "\\012");
		else if (*s == '\\')
			lgr_text_add(t, "\\134");
		else
			lgr_text_add_n(t, s, 1);
	}
}

static void begin_line(struct lgr_text *t, char *buffer, size_t n, const char *what,
		       uint64_t time_ns, uint64_t id)
{
	lgr_text_init(t, buffer, n);
	lgr_text_add(t, what);
	add_number(t, time_ns);
	add_number(t, id);
}

/* LO-HI MAJOR:MINOR:INO */
static void add_place(struct lgr_text *t, const struct lgr_manifest_object *object)
{
	lgr_text_add(t, " ");
	lgr_text_add_hex(t, object->lo);
	lgr_text_add(t, "-");
	lgr_text_add_hex(t, object->hi);
	add_number(t, object->major);
	lgr_text_add(t, ":");
	lgr_text_add_number(t, object->minor);
	lgr_text_add(t, ":");
	lgr_text_add_number(t, object->inode);
}

bool lgr_manifest_begun(void)
{
	return atomic_load_explicit(&begun, memory_order_acquire);
}

void lgr_manifest_forget(void)
{
	atomic_store_explicit(&begun, false, memory_order_relaxed);
}

int lgr_manifest_begin(uint32_t pid, uint64_t start_ns, const char *exe)
{
	char name[64];
	struct lgr_text t;
	int r;

	lgr_text_init(&t, name, sizeof(name));
	lgr_text_add_number(&t, pid);
	lgr_text_add(&t, ".");
	lgr_text_add_number(&t, start_ns);
	lgr_store_path(path, "manifest/", name, NULL);
	atomic_store_explicit(&size, 0, memory_order_relaxed);
	lgr_text_init(&t, long_line, sizeof(long_line));
	lgr_text_add(&t, "linger-manifest 1");
	add_number(&t, pid);
	add_number(&t, start_ns);
	add_number(&t, lgr_sys_clock(CLOCK_REALTIME));
	add_path(&t, exe);
	lgr_text_add(&t, "\n");
	r = append(&t, O_CREAT | O_EXCL | O_NOFOLLOW);
	if (r == 0) /* pairs with the acquire in lgr_manifest_begun */
		atomic_store_explicit(&begun, true, memory_order_release);
	return r;
}

int lgr_manifest_open(const struct lgr_manifest_object *object)
{
	const char *dash = lgr_first(object->key, '-');
	struct lgr_text t;

	begin_line(&t, long_line, sizeof(long_line), "open", object->time_ns, object->id);
	add_place(&t, object);
	lgr_text_add(&t, " ");
	if (object->build_id_len)
		lgr_text_add_bytes(&t, object->build_id, object->build_id_len);
	else
		lgr_text_add(&t, *object->key && !dash ? object->key : "-");
	lgr_text_add(&t, " ");
	lgr_text_add(&t, *object->key ? object->key : "-");
	add_path(&t, object->path);
	lgr_text_add(&t, "\n");
	return append(&t, 0);
}

int lgr_manifest_map(const struct lgr_manifest_object *object)
{
	char line[SHORT];
	struct lgr_text t;

	begin_line(&t, line, sizeof(line), "map", object->time_ns, object->id);
	add_place(&t, object);
	lgr_text_add(&t, "\n");
	return append(&t, 0);
}

int lgr_manifest_unload(uint64_t time_ns, uint64_t id)
{
	char line[SHORT];
	struct lgr_text t;

	begin_line(&t, line, sizeof(line), "unload", time_ns, id);
	lgr_text_add(&t, "\n");
	return append(&t, 0);
}
