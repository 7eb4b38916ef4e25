/*
 * proc.c - everything that reads another process: /proc, its memory, the shim's region in it.
 *
 * Owns no state. The process runs on while it is read and may end at any moment, so each step can
 * fail; and its memory is a stranger's, so sizes and addresses found there are bounded before use.
 * SPDX-License-Identifier: MIT
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "tool.h"

#define STRING_MAX 65536u /* longest path read from a process */

/* -------------------------------------------------------------------- /proc */

FILE *lgr_proc_file(pid_t pid, const char *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return fopen(path, "re");
}

/* Why opening a file of /proc/PID failed, in the terms of lgr_proc_open. */
static int proc_error(int error)
{
	if (error == ENOENT || error == ESRCH)
		return -ESRCH;
	return error == EACCES ? -EPERM : -error;
}

void lgr_maps_deinit(struct lgr_maps *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		free(maps->mapping[i].name);
	free(maps->mapping);
}

/* Takes a line apart; the name is the caller's then. False: it is no such line. */
static bool read_mapping(const char *line, struct lgr_mapping *ret)
{
	unsigned device_major, device_minor;
	char permissions[5];
	int name = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &ret->lo,
		   &ret->hi, permissions, &ret->offset, &device_major, &device_minor, &ret->inode,
		   &name) != 7)
		return false;
	ret->executable = permissions[2] == 'x';
	ret->device = makedev(device_major, device_minor);
	ret->shared = permissions[3] == 's';
	ret->name = strndup(line + name, strcspn(line + name, "\n"));
	return true;
}

int lgr_maps_read(pid_t pid, struct lgr_maps *maps)
{
	_cleanup_fclose_ FILE *file = lgr_proc_file(pid, "maps");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!file)
		return proc_error(errno);
	errno = 0;
	while (getline(&line, &size, file) > 0) {
		struct lgr_mapping m, *grown;

		if (!read_mapping(line, &m))
			continue;
		grown = lgr_grow(maps->mapping, &maps->cap, maps->count, sizeof(m));
		if (!grown || !m.name) {
			maps->mapping = grown ? grown : maps->mapping;
			free(m.name);
			return -ENOMEM;
		}
		maps->mapping = grown;
		grown[maps->count++] = m;
	}
	return ferror(file) ? proc_error(errno) : 0;
}

const struct lgr_mapping *lgr_maps_find(const struct lgr_maps *maps, uint64_t lo, uint64_t hi)
{
	size_t from = 0, to = maps->count;

	while (from < to) { /* the first mapping that ends behind lo */
		size_t middle = from + (to - from) / 2;

		if (maps->mapping[middle].hi <= lo)
			from = middle + 1;
		else
			to = middle;
	}
	return from < maps->count && maps->mapping[from].lo < hi ? &maps->mapping[from] : NULL;
}

/* A process without a single mapping has ended, or is the kernel's own. */
int lgr_without_memory(pid_t pid)
{
	_cleanup_fclose_ FILE *file = lgr_proc_file(pid, "stat");
	char line[512], *behind;

	if (!file || !fgets(line, sizeof(line), file))
		return -ESRCH;
	/* The name in parentheses may itself hold anything, so the last one counts. */
	behind = strrchr(line, ')');
	if (behind && behind[1] == ' ' && (behind[2] == 'Z' || behind[2] == 'X'))
		return -ECHILD;
	return -ENXIO;
}

void lgr_proc_command(pid_t pid, char *buf, size_t n)
{
	FILE *file = lgr_proc_file(pid, "cmdline");
	size_t got = 0;

	if (file) {
		got = fread(buf, 1, n - 1, file);
		fclose(file);
	}
	while (got && !buf[got - 1])
		got--;
	for (size_t i = 0; i < got; i++)
		if (!buf[i])
			buf[i] = ' ';
	buf[got] = '\0';
	if (got)
		return;
	file = lgr_proc_file(pid, "comm");
	if (!file)
		return;
	if (fgets(buf, (int)n, file))
		buf[strcspn(buf, "\n")] = '\0';
	fclose(file);
}

/* ------------------------------------------------------------------- memory */

int lgr_proc_read(pid_t pid, uint64_t at, void *buf, size_t n)
{
	struct iovec here = { .iov_base = buf, .iov_len = n };
	struct iovec there = { .iov_base = (void *)(uintptr_t)at, .iov_len = n };
	ssize_t got;

	if (n == 0)
		return 0;
	got = process_vm_readv(pid, &here, 1, &there, 1, 0);
	if (got < 0)
		return -errno;
	return (size_t)got == n ? 0 : -EFAULT;
}

int lgr_read_process(void *arg, uint64_t at, void *buf, size_t n)
{
	const pid_t *pid = arg;

	return lgr_proc_read(*pid, at, buf, n);
}

/* A string of @len bytes, as a new NUL-terminated one. */
static int read_string(pid_t pid, uint64_t at, uint32_t len, char **ret)
{
	char *s;
	int r;

	if (len > STRING_MAX)
		return -EBADMSG;
	s = calloc(1, (size_t)len + 1);
	if (!s)
		return -ENOMEM;
	r = at ? lgr_proc_read(pid, at, s, len) : 0;
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* ------------------------------------------------------------------- region */

/* Reads the region the image at @base leads to. -ENOENT: it leads to none. */
static int read_region(struct lgr_proc *proc, uint64_t base)
{
	struct lgr_region *region = &proc->region;
	static const char none[8];
	uint64_t at;
	int64_t distance;
	int r;

	r = lgr_elf_find_note(lgr_read_process, &proc->pid, base, LGR_NOTE_NAME, LGR_NOTE_TYPE,
			      sizeof(distance), &at);
	if (r >= 0)
		r = lgr_proc_read(proc->pid, at, &distance, sizeof(distance));
	if (r < 0)
		return r;
	proc->region_at = at + (uint64_t)distance;
	/* What every version begins with. */
	r = lgr_proc_read(proc->pid, proc->region_at, region, offsetof(struct lgr_region, pid));
	if (r < 0)
		return r;
	if (!memcmp(region->magic, none, sizeof(none)))
		return -EAGAIN;
	if (memcmp(region->magic, LGR_REGION_MAGIC, sizeof(region->magic)))
		return -ENOENT;
	if (region->version != LGR_WIRE_VERSION || region->size < sizeof(*region))
		return -EPROTO;
	r = lgr_proc_read(proc->pid, proc->region_at, region, sizeof(*region));
	region->version_text[sizeof(region->version_text) - 1] = '\0';
	region->log_path[sizeof(region->log_path) - 1] = '\0';
	return r;
}

int lgr_proc_open(pid_t pid, struct lgr_proc *ret)
{
	_cleanup_(lgr_maps_deinit) struct lgr_maps maps = { 0 };
	bool starting = false;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->pid = pid;
	r = lgr_maps_read(pid, &maps);
	if (r < 0)
		return r;
	if (maps.count == 0)
		return lgr_without_memory(pid);
	for (size_t i = 0; i < maps.count; i++) {
		const struct lgr_mapping *m = &maps.mapping[i];

		/* The ELF header of a loaded file; its name may be anything. */
		if (!m->inode || m->offset)
			continue;
		r = read_region(ret, m->lo);
		if (r == 0 || r == -EPROTO || r == -EPERM || r == -ESRCH)
			return r;
		starting |= r == -EAGAIN;
	}
	return starting ? -EAGAIN : -ENOENT;
}

int lgr_proc_open_on(pid_t pid, struct lgr_proc *ret)
{
	int r = lgr_proc_open(pid, ret);

	if (r < 0)
		return r;
	if (ret->region.phase == LGR_PH_OFF)
		return -ECANCELED;
	return ret->region.phase == LGR_PH_ON ? 0 : -EAGAIN;
}

/* --------------------------------------------------------------- for people */

bool lgr_parse_pid(const char *s, pid_t *ret)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	n = strtoul(s, &end, 10);
	if (*end || errno || n == 0 || n > INT_MAX)
		return false;
	*ret = (pid_t)n;
	return true;
}

int lgr_proc_refuse(const char *who, const struct lgr_proc *proc, int r)
{
	uint32_t reason = proc->region.off_reason;
	int n = (int)proc->pid;

	switch (r) {
	case -ESRCH:
		lgr_say(who, "there is no process %d; `linger ls` lists those that have linger", n);
		break;
	case -ECHILD:
		lgr_say(who, "process %d has ended; its parent has not waited for it yet", n);
		break;
	case -ENXIO:
		lgr_say(who, "process %d has no memory of its own: it is a thread of the kernel",
			n);
		break;
	case -EPERM:
		lgr_say(who,
			"process %d may not be read: be the same user or root (and where the "
			"sysctl "
			"kernel.yama.ptrace_scope is not 0, its ancestor or root)",
			n);
		break;
	case -ENOENT:
		lgr_say(who, "process %d has no linger in it; start it with `linger run`", n);
		break;
	case -ECANCELED:
		lgr_say(who, "linger is off in process %d: %s", n,
			reason < LGR_RSN_COUNT ? lgr_reason_text(reason) : "it does not say why");
		break;
	case -EAGAIN: lgr_say(who, "process %d is only starting; ask again", n); break;
	case -EPROTO:
		lgr_say(who,
			"process %d has linger of wire version %u and this command knows version "
			"%u; use the linger it was started with",
			n, proc->region.version, LGR_WIRE_VERSION);
		break;
	default: lgr_say(who, "process %d cannot be read: %s", n, strerror(-r));
	}
	return LGR_EXIT_FAILED;
}

const char *lgr_policy_name(uint32_t policy)
{
	static const char *const names[] = { "safe", "host", "never", "off" };

	return policy < sizeof(names) / sizeof(names[0]) ? names[policy] : "?";
}

/* ------------------------------------------------------------------ objects */

static void object_deinit(struct lgr_proc_object *o)
{
	free(o->path);
	free(o->soname);
}

void lgr_proc_objects_deinit(struct lgr_proc_objects *objects)
{
	for (size_t i = 0; i < objects->count; i++)
		object_deinit(&objects->object[i]);
	free(objects->object);
}

/* Of the program itself the process keeps no path unless it logs: the kernel has it. */
static void read_exe(pid_t pid, char **path)
{
	char name[64], exe[4096];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%d/exe", (int)pid);
	n = readlink(name, exe, sizeof(exe) - 1);
	if (n < 0)
		return;
	free(*path);
	*path = strndup(exe, (size_t)n);
}

/*
 * Completes the copy of the object whose slot is at @at: strings, handles, and last the id again,
 * since a slot that was reused meanwhile makes all of it worthless. 0: worthless; 1: good.
 */
static int complete(const struct lgr_proc *proc, uint64_t at, struct lgr_proc_object *o)
{
	const struct lgr_object *object = &o->object;
	uint32_t handles_at = proc->region.field[LGR_FIELD_HANDLES];
	uint64_t id;
	int r;

	r = read_string(proc->pid, object->path, object->path_len, &o->path);
	if (r >= 0 && (object->flags & LGR_FL_MAIN) && !object->path_len)
		read_exe(proc->pid, &o->path);
	if (r >= 0 && !o->path)
		r = -ENOMEM;
	if (r >= 0)
		r = read_string(proc->pid, object->soname, object->soname ? object->soname_len : 0,
				&o->soname);
	if (r >= 0 && handles_at && object->map)
		o->handles_known = lgr_proc_read(proc->pid, object->map + handles_at, &o->handles,
						 sizeof(o->handles)) == 0;
	if (r >= 0)
		r = lgr_proc_read(proc->pid, at + offsetof(struct lgr_object, id), &id, sizeof(id));
	if (r == -ENOMEM || r == -ESRCH || r == -EPERM)
		return r;
	return r == 0 && id == object->id;
}

static int read_chunk(const struct lgr_proc *proc, uint64_t at, struct lgr_proc_objects *objects)
{
	_cleanup_free_ struct lgr_object *chunk = calloc(LGR_OBJECT_CHUNK, sizeof(*chunk));
	int r;

	if (!chunk)
		return -ENOMEM;
	r = lgr_proc_read(proc->pid, at, chunk, LGR_OBJECT_CHUNK * sizeof(*chunk));
	if (r < 0)
		return r;
	for (size_t i = 0; i < LGR_OBJECT_CHUNK; i++) {
		struct lgr_proc_object *grown, o = { .object = chunk[i] };

		if (!chunk[i].id)
			continue;
		r = complete(proc, at + i * sizeof(*chunk), &o);
		if (r <= 0) {
			object_deinit(&o);
			if (r < 0)
				return r;
			continue;
		}
		grown = lgr_grow(objects->object, &objects->cap, objects->count, sizeof(o));
		if (!grown) {
			object_deinit(&o);
			return -ENOMEM;
		}
		objects->object = grown;
		grown[objects->count++] = o;
	}
	return 0;
}

/* Leaves out what is not mapped any more and the process has not noticed yet. */
static void drop_gone(struct lgr_proc_objects *objects, const struct lgr_maps *maps)
{
	size_t kept = 0;

	for (size_t i = 0; i < objects->count; i++) {
		struct lgr_proc_object *o = &objects->object[i];

		if (lgr_maps_find(maps, o->object.lo, o->object.hi))
			objects->object[kept++] = *o;
		else
			object_deinit(o);
	}
	objects->count = kept;
}

static int by_id(const void *left, const void *right)
{
	const struct lgr_proc_object *a = left, *b = right;
	uint64_t x = a->object.id, y = b->object.id;

	return x < y ? -1 : x > y;
}

int lgr_proc_objects_read(const struct lgr_proc *proc, struct lgr_proc_objects *ret)
{
	_cleanup_(lgr_maps_deinit) struct lgr_maps maps = { 0 };
	uint64_t chunks = (proc->region.slots_used + LGR_OBJECT_CHUNK - 1) / LGR_OBJECT_CHUNK;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	for (uint64_t i = 0; r == 0 && i < chunks && i < LGR_CHUNKS; i++)
		if (proc->region.chunk[i])
			r = read_chunk(proc, proc->region.chunk[i], ret);
	/* After the objects: one loaded between the two readings must not be left out. */
	if (r == 0)
		r = lgr_maps_read(proc->pid, &maps);
	if (r < 0)
		return r;
	if (maps.count == 0)
		return -ESRCH;
	drop_gone(ret, &maps);
	if (ret->count)
		qsort(ret->object, ret->count, sizeof(*ret->object), by_id);
	return 0;
}

/*
 * What is kept and has a handle was opened again, and nothing of linger has run since. (A hidden one
 * nobody can open; its handles are such as glibc does not count down.)
 */
uint32_t lgr_proc_object_state(const struct lgr_proc_object *o)
{
	if (o->object.state == LGR_ST_KEPT && o->handles_known && o->handles &&
	    !(o->object.flags & LGR_FL_HIDDEN))
		return LGR_ST_LIVE;
	return o->object.state;
}
