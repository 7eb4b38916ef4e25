/*
 * maps.c - the process's mappings. See maps.h.
 *
 * Owns: a buffer. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "maps.h"

#include <linux/ioctl.h>

#include "sys.h"
#include "text.h"

static char buffer[8192] LGR_BIG; /* a line has at most 4096 bytes of path and 73 before it */

static bool ends_with(const char *s, const char *end)
{
	size_t n = lgr_len(s), m = lgr_len(end);

	return n >= m && lgr_equal(s + n - m, end);
}

static enum lgr_backing backing_of(const char *name)
{
	if (lgr_after(name, "[v"))
		return LGR_KERNEL; /* vdso, vvar, vvar_vclock, vsyscall */
	if (lgr_after(name, "[uprobes]"))
		return LGR_KERNEL;
	if (lgr_after(name, "[heap]"))
		return LGR_HEAP;
	if (*name != '/' && !lgr_after(name, "anon_inode:"))
		return LGR_ANONYMOUS;
	if (lgr_after(name, "/[aio]"))
		return LGR_AIO;
	if (lgr_after(name, "/memfd:") || lgr_after(name, "/SYSV") ||
	    lgr_after(name, "/dev/shm/") || lgr_after(name, "/dev/zero") ||
	    lgr_after(name, "/anon_hugepage") || ends_with(name, " (deleted)"))
		return LGR_MEMORY;
	return lgr_after(name, "/dev/") || *name != '/' ? LGR_DEVICE : LGR_FILE;
}

/* "lo-hi rwxp offset major:minor inode  name": the digits of the inode are decimal. */
static void parse(const char *s, struct lgr_mapping *m)
{
	m->lo = lgr_hex(&s);
	s++;
	m->hi = lgr_hex(&s);
	s++;
	m->protection = (s[0] == 'r' ? PROT_READ : 0) | (s[1] == 'w' ? PROT_WRITE : 0) |
			(s[2] == 'x' ? PROT_EXEC : 0);
	m->shared = s[3] == 's';
	s += 5;
	m->offset = lgr_hex(&s);
	s++;
	m->major = (uint32_t)lgr_hex(&s);
	s++;
	m->minor = (uint32_t)lgr_hex(&s);
	s++;
	m->inode = 0;
	lgr_number(&s, &m->inode);
	while (*s == ' ')
		s++;
	m->backing = backing_of(s);
}

/* Hands over complete lines, until the end or until visit wants no more. False: it cannot be read. */
static bool each_line(int fd, bool (*visit)(void *arg, const char *line), void *arg)
{
	size_t have = 0;
	long n;

	while ((n = lgr_sys_read(fd, buffer + have, sizeof(buffer) - 1 - have)) > 0) {
		char *line = buffer, *end;

		have += (size_t)n;
		buffer[have] = '\0';
		while ((end = (char *)lgr_first(line, '\n'))) {
			*end = '\0';
			if (!visit(arg, line))
				return true;
			line = end + 1;
		}
		have -= (size_t)(line - buffer);
		lgr_copy(buffer, line, have);
	}
	return n == 0;
}

struct wanted {
	uintptr_t lo, hi;
	struct lgr_mapping *to;
	int n, max;
	bool full;
};

/* Whether there may be more to come: mappings are in the order of their addresses. */
static bool take(struct wanted *wanted, const struct lgr_mapping *m)
{
	if (m->lo >= wanted->hi)
		return false;
	if (m->hi <= wanted->lo)
		return true;
	wanted->full = wanted->n == wanted->max;
	if (!wanted->full)
		wanted->to[wanted->n++] = *m;
	return !wanted->full && m->hi < wanted->hi;
}

static bool take_line(void *arg, const char *line)
{
	struct lgr_mapping m;

	parse(line, &m);
	return take(arg, &m);
}

/* linux/fs.h has it since 6.11; the kernel may be newer than the headers. */
struct query {
	uint64_t size, flags, address;
	uint64_t lo, hi, vma_flags, page_size, offset, inode;
	uint32_t dev_major, dev_minor, name_size, build_id_size;
	uint64_t name, build_id;
};
#define QUERY _IOWR('f', 17, struct query)
#define QUERY_COVERING_OR_NEXT 0x10u
#define VMA_SHARED 0x08u
#define ENOENT_ (-2)

/* One by one. Returns false where the kernel cannot do it. */
static bool ask(int fd, struct wanted *wanted)
{
	struct query q = { .size = sizeof(q) };
	uintptr_t next = wanted->lo;
	struct lgr_mapping m;
	long r;

	do {
		q.flags = QUERY_COVERING_OR_NEXT;
		q.address = next;
		r = lgr_sys_ioctl(fd, QUERY, &q);
		if (r < 0)
			return r == ENOENT_; /* there is none behind */
		m = (struct lgr_mapping){
			.lo = q.lo,
			.hi = q.hi,
			.protection = (int)(q.vma_flags & (PROT_READ | PROT_WRITE | PROT_EXEC)),
			.shared = q.vma_flags & VMA_SHARED,
			.offset = q.offset,
			.inode = q.inode,
			.major = q.dev_major,
			.minor = q.dev_minor,
		};
		next = q.hi;
	} while (take(wanted, &m));
	return true;
}

int lgr_maps_read(uintptr_t lo, uintptr_t hi, struct lgr_mapping *to, int max)
{
	struct wanted wanted = { .lo = lo, .hi = hi, .to = to, .max = max };
	int fd = lgr_sys_openat("/proc/self/maps", O_RDONLY, 0);
	bool read;

	if (fd < 0)
		return -1;
	read = ask(fd, &wanted) || each_line(fd, take_line, &wanted);
	lgr_sys_close(fd);
	return read && !wanted.full ? wanted.n : -1;
}

struct visit {
	bool (*visit)(void *arg, const struct lgr_mapping *m);
	void *arg;
};

static bool visit_line(void *arg, const char *line)
{
	const struct visit *v = arg;
	struct lgr_mapping m;

	parse(line, &m);
	return v->visit(v->arg, &m);
}

bool lgr_maps_each(bool (*visit)(void *arg, const struct lgr_mapping *m), void *arg)
{
	struct visit v = { visit, arg };
	int fd = lgr_sys_openat("/proc/self/maps", O_RDONLY, 0);
	bool read;

	if (fd < 0)
		return false;
	read = each_line(fd, visit_line, &v);
	lgr_sys_close(fd);
	return read;
}

struct flagged {
	bool (*visit)(void *arg, const struct lgr_mapping *m, const char *flags);
	void *arg;
	struct lgr_mapping m;
};

/* A mapping's own line begins with a number; "VmFlags: rd wr ..." is the last of those about it. */
static bool visit_flags(void *arg, const char *line)
{
	struct flagged *v = arg;
	const char *flags = lgr_after(line, "VmFlags:");

	if (flags)
		return v->visit(v->arg, &v->m, flags);
	if ((*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f'))
		parse(line, &v->m);
	return true;
}

bool lgr_maps_each_flagged(bool (*visit)(void *arg, const struct lgr_mapping *m, const char *flags),
			   void *arg)
{
	struct flagged v = { .visit = visit, .arg = arg };
	int fd = lgr_sys_openat("/proc/self/smaps", O_RDONLY, 0);
	bool read;

	if (fd < 0)
		return false;
	read = each_line(fd, visit_flags, &v);
	lgr_sys_close(fd);
	return read;
}

static bool count_line(void *arg, const char *line)
{
	++*(uint32_t *)arg;
	return true;
}

uint32_t lgr_maps_count(void)
{
	int fd = lgr_sys_openat("/proc/self/maps", O_RDONLY, 0);
	uint32_t n = 0;

	if (fd < 0)
		return 0;
	each_line(fd, count_line, &n);
	lgr_sys_close(fd);
	return n;
}

uint32_t lgr_maps_limit(void)
{
	uint64_t limit = 65530;
	char text[32] = "";
	const char *s = text;
	int fd = lgr_sys_openat("/proc/sys/vm/max_map_count", O_RDONLY, 0);

	if (fd < 0)
		return (uint32_t)limit;
	if (lgr_sys_read(fd, text, sizeof(text) - 1) > 0)
		lgr_number(&s, &limit);
	lgr_sys_close(fd);
	return (uint32_t)limit;
}
