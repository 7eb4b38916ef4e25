/*
 * detach.c - making a kept object independent of its file. See detach.h.
 *
 * Owns: the copies (lgr_object's descriptor). Guard: lgr_lock_registry, under the loads' lock.
 * SPDX-License-Identifier: MIT
 */
#include "detach.h"

#include "archive.h"
#include "maps.h"
#include "path.h"
#include "real.h"
#include "region.h"
#include "registry.h"
#include "sys.h"
#include "text.h"

#define LARGEST ((uint64_t)64 << 20)
#define HIGH UINT64_C(4096) /* where our descriptors begin at most */
#define MAPPINGS 32	    /* of one object; four or five as a rule */

/*
 * Within this time of a change another one may bear the same time: the clock of file systems ticks
 * every 1 to 10 ms. A file that young is compared byte by byte.
 */
#define TICK 20000000u

/* ------------------------------------------------------------------------------------ the copy */

/*
 * A program that makes itself a daemon closes every descriptor there may be, ours too, and has its own
 * under their numbers soon. So ours is known by its file.
 */
bool lgr_has_copy(struct lgr_object *object)
{
	struct lgr_file now;

	if (object->copy >= 0 && (lgr_sys_file_at(object->copy, "", &now) < 0 ||
				  now.ino != object->copy_ino || now.dev != object->copy_dev))
		object->copy = -1;
	return object->copy >= 0;
}

static void close_copy(struct lgr_object *object)
{
	if (lgr_has_copy(object))
		lgr_sys_close(object->copy);
	object->copy = -1;
}

/* -------------------------------------------------------------------------------- has it changed? */

/* Compares the file with our copy of it. */
static bool same_bytes(const struct lgr_object *object)
{
	static uint8_t a[4096] LGR_BIG, b[4096] LGR_BIG;
	int fd = lgr_sys_openat(lgr_path_of(object), O_RDONLY, 0);
	uint64_t at = 0;
	bool same = fd >= 0;

	while (same) {
		long n = lgr_sys_pread(fd, a, sizeof(a), at);
		long m = lgr_sys_pread(object->copy, b, sizeof(b), at);

		same = n == m && n >= 0 && lgr_same(a, b, (size_t)n);
		if (n <= 0)
			break;
		at += (uint64_t)n;
	}
	if (fd >= 0)
		lgr_sys_close(fd);
	return same;
}

enum lgr_change lgr_file_changed(struct lgr_object *object)
{
	struct lgr_file *was = &object->file;
	struct lgr_file now;
	uint64_t when;

	if (!was->known_ns)
		return LGR_SAME; /* nobody knows */
	if (lgr_sys_file(lgr_path_of(object), &now) < 0 || now.ino != was->ino ||
	    now.dev != was->dev)
		return LGR_REPLACED;
	if (now.size != was->size || now.changed_ns != was->changed_ns)
		return LGR_REWRITTEN;
	if (was->changed_ns + TICK < was->known_ns || !lgr_has_copy(object))
		return LGR_SAME;
	when = lgr_sys_clock(CLOCK_REALTIME_COARSE);
	if (!same_bytes(object))
		return LGR_REWRITTEN;
	was->known_ns = when; /* not so young any more, next time */
	return LGR_SAME;
}

/* ------------------------------------------------------------------------------------ one mapping */

/*
 * Pages of the process that differ from the file's (relocated, patched, breakpoints) are carried over.
 * Of data, which another thread may be writing, until nothing has changed between two looks.
 */
static void carry_over(uint8_t *to, const uint8_t *from, size_t n, int looks)
{
	bool changed = true;

	while (changed && looks--) {
		changed = false;
		for (size_t at = 0; at < n; at += LGR_PAGE) {
			if (lgr_same(to + at, from + at, LGR_PAGE))
				continue;
			lgr_copy(to + at, from + at, LGR_PAGE);
			changed = true;
		}
	}
}

/*
 * Data, and what relocation has made of constants (RELRO): no page is as in the file. It goes to
 * memory of its own, once and for all.
 */
static bool is_private(const struct lgr_object *object, const struct lgr_mapping *m)
{
	const struct link_map *map = lgr_map_of(object);
	size_t n = 0;
	const ElfW(Phdr) *h = lgr_elf_headers(object->lo, object->hi, &n);

	for (size_t i = 0; i < n; i++) {
		uintptr_t lo = map->l_addr + h[i].p_vaddr;

		if (h[i].p_type == PT_GNU_RELRO && m->lo >= lgr_page_down(lo) &&
		    m->hi <= lgr_page_up(lo + h[i].p_memsz))
			return true;
	}
	return m->protection & PROT_WRITE;
}

/* Puts pages of fd, or of nothing, in the place of those of m, with the same bytes. */
static bool replace(const struct lgr_object *object, const struct lgr_mapping *m, int fd)
{
	size_t n = m->hi - m->lo;
	bool data = is_private(object, m);
	void *new = lgr_sys_mmap_at(n, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | (data ? MAP_ANONYMOUS : 0), data ? -1 : fd,
				    data ? 0 : m->offset);

	if (!new)
		return false;
	if (data)
		lgr_copy(new, (const void *)m->lo, n);
	carry_over(new, (const uint8_t *)m->lo, n, m->protection & PROT_WRITE ? 8 : 1);
	if (lgr_sys_mprotect(new, n, m->protection) == 0 && lgr_sys_move(new, n, (void *)m->lo))
		return true;
	lgr_sys_munmap(new, n);
	return false;
}

/* Another object may stand in a hole between two segments. */
static bool is_of(const struct lgr_object *object, const struct lgr_mapping *m)
{
	for (uint32_t i = 0; i < object->segments; i++)
		if (m->lo >= object->segment[i].lo && m->hi <= object->segment[i].hi)
			return true;
	return false;
}

/* Replaces every mapping of a file within the object; where fd is negative, those of data alone. */
static bool replace_all(const struct lgr_object *object, int fd, uint64_t size)
{
	struct lgr_mapping m[MAPPINGS];
	int n = lgr_maps_read(object->lo, object->hi, m, MAPPINGS);

	for (int i = 0; i < n; i++) {
		bool beyond = m[i].offset + (m[i].hi - m[i].lo) > lgr_page_up(size);

		if (!m[i].inode || !m[i].protection || !is_of(object, &m[i]))
			continue; /* anonymous, or a hole that nobody may touch */
		if (fd < 0 && !is_private(object, &m[i]))
			continue;
		if (m[i].shared || beyond || !(m[i].protection & PROT_READ) ||
		    !replace(object, &m[i], fd))
			return false;
	}
	return n > 0;
}

/* ----------------------------------------------------------------------------- copying the file */

/*
 * High up, out of the way of programs that count on the lowest free one, but not in the millions: each
 * fork copies a table as long as the highest. Most of what there may be is left to the program: past
 * that there is none, and the mappings alone keep the copy. Negative: none.
 */
static int move_up(int fd)
{
	uint64_t limit = lgr_sys_descriptor_limit();
	uint64_t from = lgr_min(limit / 4 * 3, HIGH);
	int high = lgr_sys_dup_from(fd, from);

	if (high >= 0 && (uint64_t)high - from >= limit / 4) {
		lgr_sys_close(high);
		high = -1;
	}
	lgr_sys_close(fd);
	return high;
}

/* Past the limit of file sizes the kernel sends SIGXFSZ, which kills, for a file in memory as well. */
static bool fill(int to, int from, uint64_t size)
{
	if (size > lgr_sys_file_limit())
		return false;
	while (size) {
		long n = lgr_sys_sendfile(to, from, size);

		if (n <= 0)
			return false;
		size -= (uint64_t)n;
	}
	return true;
}

/* Is what was opened by the object's path the file that was loaded? The path may lead elsewhere by now. */
static bool is_loaded_file(const struct lgr_object *object, int fd)
{
	const struct lgr_file *was = &object->file;
	struct lgr_file now;

	return lgr_sys_file_at(fd, "", &now) == 0 && now.ino == was->ino && now.dev == was->dev &&
	       now.size == was->size && now.changed_ns == was->changed_ns;
}

/* The archive's copy has a name, by which those who read the maps find it. Negative: there is none. */
static int archived(const struct lgr_object *object)
{
	int fd = lgr_archive_copy(object);
	struct lgr_file now;

	if (fd >= 0 && (lgr_sys_file_at(fd, "", &now) < 0 || now.size != object->file.size)) {
		lgr_sys_close(fd);
		fd = -1;
	}
	return fd;
}

/* A copy in memory. Negative: there is none. */
static int copied(const struct lgr_object *object, int from)
{
	const char *name = lgr_last(lgr_path_of(object), '/');
	int to = object->file.size <= LARGEST ? lgr_sys_memfd(name ? name + 1 : "") : -1;

	/* Still, when it has been copied, which takes a while. */
	if (to >= 0 && (!fill(to, from, object->file.size) || !is_loaded_file(object, from))) {
		lgr_sys_close(to);
		to = -1;
	}
	return to;
}

/*
 * The file's inode must stay though no page of it is in use any more: a new file would be given its
 * number, and be taken for the kept object. A page of it that nobody can touch sees to that.
 */
static bool hold_inode(struct lgr_object *object, int from)
{
	if (!object->pin)
		object->pin = (uintptr_t)lgr_sys_mmap(LGR_PAGE, PROT_NONE, MAP_PRIVATE, from);
	return object->pin;
}

/* What the copy is known by from now on. */
static void keep_copy(struct lgr_object *object, int fd)
{
	struct lgr_file now = { 0 };

	lgr_sys_file_at(fd, "", &now);
	object->copy_dev = now.dev;
	object->copy_ino = now.ino;
	object->copy = move_up(fd);
}

static bool may_be_overwritten(const struct lgr_object *object)
{
	return *lgr_path_of(object) == '/' && !lgr_path_is_systems(lgr_path_of(object)) &&
	       object->file.known_ns && !lgr_archive_is_copy(lgr_path_of(object));
}

void lgr_detach_data(struct lgr_object *object)
{
	if (may_be_overwritten(object) && !*lgr_libc.single_threaded)
		replace_all(object, -1, object->file.size);
}

/* Maps the copy at fd in the file's place, and keeps it. */
static bool move_to(struct lgr_object *object, int fd)
{
	bool done = fd >= 0 && replace_all(object, fd, object->file.size);

	if (done)
		keep_copy(object, fd);
	else if (fd >= 0)
		lgr_sys_close(fd);
	return done;
}

void lgr_detach(struct lgr_object *object)
{
	bool done = false;
	int from;

	if (object->pin || !may_be_overwritten(object) || lgr_file_changed(object) == LGR_REPLACED)
		return;
	from = lgr_sys_openat(lgr_path_of(object), O_RDONLY, 0);
	if (from >= 0 && is_loaded_file(object, from) && hold_inode(object, from))
		done = move_to(object, archived(object)) || move_to(object, copied(object, from));
	if (from >= 0)
		lgr_sys_close(from);
	if (!done) {
		lgr_registry_refuse(object, LGR_RSN_E_DETACH);
		return;
	}
	lgr_registry_set_flags(object, LGR_FL_DETACHED, 0);
	lgr_archive_moved(object);
	lgr_count(LGR_N_DETACHES);
}

void lgr_attach(struct lgr_object *object)
{
	int fd;

	if (!lgr_is(object, LGR_FL_DETACHED) || lgr_file_changed(object) != LGR_SAME)
		return;
	fd = lgr_sys_openat(lgr_path_of(object), O_RDONLY, 0);
	if (fd < 0)
		return;
	if (is_loaded_file(object, fd) && replace_all(object, fd, object->file.size)) {
		lgr_registry_set_flags(object, 0, LGR_FL_DETACHED);
		lgr_archive_moved(object);
		lgr_detach_forget(object);
	}
	lgr_sys_close(fd);
}

void lgr_detach_forget(struct lgr_object *object)
{
	close_copy(object);
	if (object->pin)
		lgr_sys_munmap((void *)(uintptr_t)object->pin, LGR_PAGE);
	object->pin = 0;
}
