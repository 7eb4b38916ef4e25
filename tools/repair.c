/*
 * repair.c - which object each mapping of a recording is of.
 *
 * perf knows a mapped file by its name, device and inode; whether that is still the file that was
 * mapped, nobody can tell from the recording. A manifest can: what was loaded in that process at that
 * address is the last object that came before the next one there. The shim writes its line when the
 * object is mapped and has not run yet, so a mapping belongs to the first object from its own time on
 * that has its addresses and its file. perf writes no time for what was mapped when it began; that is
 * what was loaded then.
 *
 * Instances. perf unwinds every instance of one file with the addresses of the lowest one. Two bytes in
 * front of the build-id, which perf compares and does not use, tell instances apart: they are counted
 * there, from 0.
 *
 * Owns no state.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/stat.h>

#include "perf.h"

#define DELETED " (deleted)"
/* Time between a mapping and its line, by which the fastest one may be slower than another. */
#define JITTER_NS 20000

/* A file that was put into the archive just now. */
struct added {
	const char *name;
	uint64_t inode;
	struct lgr_build_id id; /* size 0: it could not be */
};

void lgr_repairs_deinit(struct lgr_repairs *repairs)
{
	lgr_recording_deinit(&repairs->recording);
	lgr_manifest_deinit(&repairs->manifest);
	free(repairs->of);
}

/* -------------------------------------------------------------- one mapping */

static bool is_file(const struct lgr_perf_map *map)
{
	return map->name[0] == '/' && map->name[1] != '/' &&
	       (map->misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_USER;
}

static bool is_deleted(const struct lgr_perf_map *map)
{
	size_t n = strlen(map->name), end = strlen(DELETED);

	return n > end && !strcmp(map->name + n - end, DELETED);
}

static bool has_path(const struct lgr_perf_map *map, const char *path)
{
	size_t n = strlen(map->name) - (is_deleted(map) ? strlen(DELETED) : 0);

	return strlen(path) == n && !memcmp(map->name, path, n);
}

/* May this mapping be one of the object? */
static bool is_of(const struct lgr_perf_map *map, const struct lgr_archived *o)
{
	if (map->lo < (o->lo & ~(uint64_t)0xfff) || map->lo >= o->hi || map->pid != o->pid)
		return false;
	/* The kernel read that from what it mapped; perf reads it from whatever has the name by then. */
	if (map->build_id.size)
		return lgr_build_id_is(&map->build_id, &o->build_id) ||
		       (map->time_ns == 0 && has_path(map, o->path));
	return map->inode == o->inode || has_path(map, o->path);
}

/* The first object of process @pid in the manifest: its end is where another pid begins. */
static size_t first_of(const struct lgr_manifest *manifest, pid_t pid)
{
	size_t lo = 0, hi = manifest->count;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (manifest->object[middle].pid < pid)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

/* The object that was loaded there at @time_ns, by the clock of the manifests. */
static const struct lgr_archived *find(const struct lgr_repairs *repairs,
				       const struct lgr_perf_map *map, uint64_t time_ns)
{
	const struct lgr_manifest *manifest = &repairs->manifest;
	const struct lgr_archived *before = NULL, *after = NULL;

	for (size_t i = first_of(manifest, map->pid);
	     i < manifest->count && manifest->object[i].pid == map->pid; i++) {
		const struct lgr_archived *o = &manifest->object[i];

		if (!is_of(map, o))
			continue;
		if (o->open_ns >= time_ns && !after)
			after = o;
		else if (o->open_ns < time_ns && o->unload_ns > time_ns)
			before = o;
	}
	if (map->time_ns == 0)
		return before ? before : after;
	return after ? after : before;
}

/* ---------------------------------------------------------------- the clocks */

/* The object, where there is only one that the mapping can be of. */
static const struct lgr_archived *find_only(const struct lgr_repairs *repairs,
					    const struct lgr_perf_map *map)
{
	const struct lgr_manifest *manifest = &repairs->manifest;
	const struct lgr_archived *only = NULL;

	for (size_t i = first_of(manifest, map->pid);
	     i < manifest->count && manifest->object[i].pid == map->pid; i++) {
		if (!is_of(map, &manifest->object[i]))
			continue;
		if (only)
			return NULL;
		only = &manifest->object[i];
	}
	return only;
}

/*
 * What has to be added to a time of the recording to get one of CLOCK_MONOTONIC. perf's own clock runs
 * from about the same moment, but drifts from it. A line is never written before what it is about, so
 * the smallest distance of the two is the best guess.
 */
static int64_t find_shift(const struct lgr_repairs *repairs)
{
	int64_t least = INT64_MAX;

	if (repairs->recording.monotonic)
		return 0;
	for (size_t i = 0; i < repairs->recording.maps; i++) {
		const struct lgr_perf_map *map = &repairs->recording.map[i];
		const struct lgr_archived *o = map->time_ns && is_file(map)
						       ? find_only(repairs, map)
						       : NULL;

		if (o && (int64_t)(o->open_ns - map->time_ns) < least)
			least = (int64_t)(o->open_ns - map->time_ns);
	}
	return least == INT64_MAX ? 0 : least - JITTER_NS;
}

/* --------------------------------------------------------------- all of them */

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

static int read_manifests(const char *dir, struct lgr_repairs *repairs)
{
	const struct lgr_recording *recording = &repairs->recording;
	_cleanup_free_ pid_t *pid = calloc(recording->maps + 1, sizeof(*pid));
	size_t n = 0;

	if (!pid)
		return -ENOMEM;
	for (size_t i = 0; i < recording->maps; i++)
		if (is_file(&recording->map[i]))
			pid[i] = recording->map[i].pid;
	qsort(pid, recording->maps, sizeof(*pid), by_number);
	for (size_t i = 0; i < recording->maps; i++)
		if (pid[i] && (n == 0 || pid[n - 1] != pid[i]))
			pid[n++] = pid[i];
	return lgr_manifest_read(dir, pid, n, &repairs->manifest);
}

static int by_file(const void *a, const void *b)
{
	const struct lgr_archived *x = *(struct lgr_archived *const *)a,
				  *y = *(struct lgr_archived *const *)b;
	int r;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->process_ns != y->process_ns)
		return x->process_ns < y->process_ns ? -1 : 1;
	if (x->build_id.size != y->build_id.size)
		return x->build_id.size < y->build_id.size ? -1 : 1;
	r = memcmp(x->build_id.bytes, y->build_id.bytes, x->build_id.size);
	return r ? r : x < y ? -1 : x > y;
}

static bool is_same_file(const struct lgr_archived *a, const struct lgr_archived *b)
{
	return a->pid == b->pid && a->process_ns == b->process_ns &&
	       lgr_build_id_is(&a->build_id, &b->build_id);
}

/* Numbers the places at which a process had one file, each with the first object that was there. */
static int count_instances(struct lgr_manifest *manifest)
{
	_cleanup_free_ struct lgr_archived **o = calloc(manifest->count + 1,
							sizeof(struct lgr_archived *));
	size_t group = 0; /* the first objects of the places, at [group, group + places) */
	uint16_t places = 0;

	if (!o)
		return -ENOMEM;
	for (size_t i = 0; i < manifest->count; i++)
		o[i] = &manifest->object[i];
	qsort(o, manifest->count, sizeof(struct lgr_archived *), by_file);
	for (size_t i = 0; i < manifest->count; i++) {
		size_t k = group;

		if (i == 0 || !is_same_file(o[i], o[i - 1])) {
			group = k = i;
			places = 0;
		}
		while (k < group + places && o[k]->lo != o[i]->lo)
			k++;
		o[i]->instance = (uint16_t)(k - group);
		if (k == group + places && places < UINT16_MAX) {
			o[k] = o[i];
			places++;
		}
	}
	return 0;
}

static void find_one(struct lgr_repairs *repairs, size_t i, int64_t shift)
{
	const struct lgr_perf_map *map = &repairs->recording.map[i];
	struct lgr_repair *repair = &repairs->of[i];
	uint64_t time_ns = map->time_ns ? map->time_ns : repairs->recording.first_ns;

	if (!is_file(map))
		return;
	repairs->without += map->build_id.size == 0;
	if (time_ns != UINT64_MAX)
		time_ns += (uint64_t)shift;
	repair->object = find(repairs, map, time_ns);
	if (!repair->object || repair->object->build_id.size == 0)
		return;
	repair->id = repair->object->build_id;
	repair->instance = repair->object->instance;
	repairs->named += map->build_id.size == 0;
}

int lgr_repairs_find(const char *dir, const char *name, struct lgr_repairs *ret, char *why,
		     size_t n)
{
	int64_t shift;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = lgr_recording_read(name, &ret->recording, why, n);
	if (r < 0)
		return r;
	r = read_manifests(dir, ret);
	if (r < 0) {
		snprintf(why, n, "cannot be repaired from the archive %s: %s", dir,
			 r == -ENOENT ? "there is none" : strerror(-r));
		return r;
	}
	ret->of = calloc(ret->recording.maps + 1, sizeof(*ret->of));
	if (!ret->of || count_instances(&ret->manifest) < 0) {
		snprintf(why, n, "cannot be repaired: there is not enough memory");
		return -ENOMEM;
	}
	shift = find_shift(ret);
	for (size_t i = 0; i < ret->recording.maps; i++)
		find_one(ret, i, shift);
	return 0;
}

/* ----------------------------------------------------- files that are there */

/* Is the file open as @fd the one that was mapped? */
static bool is_mapped_file(const struct lgr_perf_map *map, int fd)
{
	struct lgr_build_id id;
	struct stat st;

	if (map->build_id.size)
		return lgr_elf_build_id(fd, &id) == 0 && lgr_build_id_is(&id, &map->build_id);
	return fstat(fd, &st) == 0 && st.st_ino == map->inode;
}

static void add_file(const char *dir, const struct lgr_perf_map *map, struct added *ret)
{
	_cleanup_close_ int fd = open(map->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *key = NULL;

	*ret = (struct added){ .name = map->name, .inode = map->inode };
	if (fd < 0 || !is_mapped_file(map, fd))
		return;
	if (lgr_archive_add(dir, fd, map->name, &key, &ret->id) < 0) {
		ret->id.size = 0;
		return;
	}
	if (!strchr(key, '-'))
		lgr_archive_note(dir, key);
}

void lgr_repairs_add_files(const char *dir, struct lgr_repairs *repairs)
{
	const struct lgr_recording *recording = &repairs->recording;
	_cleanup_free_ struct added *added = calloc(recording->maps + 1, sizeof(*added));
	size_t n = 0;

	for (size_t i = 0; added && i < recording->maps; i++) {
		const struct lgr_perf_map *map = &recording->map[i];
		struct lgr_repair *repair = &repairs->of[i];
		size_t k = 0;

		if (!is_file(map) || is_deleted(map) || (repair->object && repair->object->key))
			continue;
		while (k < n && (strcmp(added[k].name, map->name) || added[k].inode != map->inode))
			k++;
		if (k == n && (!map->executable || lgr_archive_has(dir, &map->build_id)))
			continue;
		if (k == n)
			add_file(dir, map, &added[n++]);
		if (map->build_id.size == 0 && added[k].id.size)
			repair->id = added[k].id;
	}
}

/* ------------------------------------------------------------------- writing */

static bool is_changed(const struct lgr_perf_map *map, const struct lgr_repair *repair)
{
	return repair->id.size &&
	       (!lgr_build_id_is(&map->build_id, &repair->id) || map->reserved != repair->instance);
}

int64_t lgr_repairs_write(const char *dir, struct lgr_repairs *repairs, int fd)
{
	const struct lgr_archived *noted = NULL;
	int64_t changed = 0;

	for (size_t i = 0; i < repairs->recording.maps; i++) {
		const struct lgr_perf_map *map = &repairs->recording.map[i];
		const struct lgr_repair *repair = &repairs->of[i];
		const struct lgr_archived *o = repair->object;
		int r;

		if (o && o != noted && o->key && !strchr(o->key, '-'))
			lgr_archive_note(dir, o->key);
		noted = o;
		if (!is_changed(map, repair))
			continue;
		r = lgr_recording_set_build_id(fd, map, &repair->id, repair->instance);
		if (r < 0)
			return r;
		changed++;
	}
	return changed;
}
