/*
 * rescue.c - `linger perf rescue`: saves the files that a running process has mapped and that nobody can
 * open by their names any more.
 *
 * The kernel keeps a mapped file for as long as it is mapped, and shows it in /proc/PID/map_files to who
 * may look there. What is saved goes into the archive, with a manifest that says where it was mapped, so
 * a recording of that process can be repaired like one of a process that has linger.
 * Owns no state.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "perf.h"

#define WHO "linger perf rescue"
#define DELETED " (deleted)"

/* An instance of a mapped file. */
struct mapped {
	uint64_t lo, hi;	 /* of all its mappings */
	uint64_t map_lo, map_hi; /* one of them */
	uint64_t inode;
	char *name; /* the mapping's own */
	bool executable;
};

struct rescue {
	const char *dir;
	pid_t pid;
	FILE *manifest;
	uint64_t time_ns;
	uint64_t id; /* of the next line */
};

/* ----------------------------------------------------------- what is mapped */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/*
 * The instance that begins with mapping @i, and the number of the first mapping behind it. It goes on as
 * long as the same file follows with higher offsets: a loader maps its segments in that order.
 */
static size_t take_mapped(const struct lgr_maps *maps, size_t i, struct mapped *ret)
{
	const struct lgr_mapping *m = &maps->mapping[i];
	uint64_t offset = m->offset;

	*ret = (struct mapped){ .lo = m->lo,
				.hi = m->hi,
				.map_lo = m->lo,
				.map_hi = m->hi,
				.inode = m->inode,
				.name = m->name };
	for (; i < maps->count; i++) {
		const struct lgr_mapping *next = &maps->mapping[i];

		/* What is not file, is what the loader made zero within it. */
		if (next->inode == 0 && !*next->name)
			continue;
		if (next->inode != ret->inode || next->offset < offset ||
		    strcmp(next->name, ret->name))
			break;
		offset = next->offset;
		ret->hi = next->hi;
		ret->executable |= next->executable;
	}
	return i;
}

/* Can nobody open this file by its name any more? As the process sees names. */
static bool is_gone(pid_t pid, const struct mapped *m)
{
	_cleanup_free_ char *path = lgr_format("/proc/%d/root%s", (int)pid, m->name);
	struct stat st;

	if (ends_with(m->name, DELETED))
		return true;
	return path && (stat(path, &st) < 0 || st.st_ino != m->inode);
}

/* ---------------------------------------------------------------- the manifest */

static void put_path(FILE *out, const char *path)
{
	size_t n = strlen(path) - (ends_with(path, DELETED) ? strlen(DELETED) : 0);

	for (size_t i = 0; i < n; i++) {
		if (path[i] == '\n')
			fputs("\\012", out);
		else if (path[i] == '\\')
			fputs("\\134", out);
		else
			fputc(path[i], out);
	}
}

/* One line, in one write: the stream is flushed behind each. */
static void put_open(struct rescue *rescue, const struct mapped *m, const struct stat *st,
		     const struct lgr_build_id *id, const char *key)
{
	FILE *out = rescue->manifest;

	fprintf(out, "open %" PRIu64 " %" PRIu64 " %" PRIx64 "-%" PRIx64 " %u:%u:%" PRIu64 " ",
		rescue->time_ns, rescue->id++, m->lo, m->hi, major(st->st_dev), minor(st->st_dev),
		m->inode);
	for (size_t i = 0; i < id->size; i++)
		fprintf(out, "%02x", id->bytes[i]);
	fprintf(out, "%s %s ", id->size ? "" : "-", key ? key : "-");
	put_path(out, m->name);
	fputc('\n', out);
	fflush(out);
}

/* The start of the process in ns since the system's: with its number, a name that nobody else gets. */
static uint64_t start_of(pid_t pid)
{
	_cleanup_fclose_ FILE *in = lgr_proc_file(pid, "stat");
	char line[1024], *at;
	unsigned long long ticks = 0;

	if (!in || !fgets(line, sizeof(line), in))
		return 0;
	at = strrchr(line, ')'); /* a process may be called anything */
	if (!at || sscanf(at + 1,
			  " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			  "%*s %*s %*s %*s %llu",
			  &ticks) != 1)
		return 0;
	return ticks * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t now(clockid_t clock)
{
	struct timespec t = { 0, 0 };

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Opens the manifest, and writes its head where it is new. A second rescue goes on in the first one's. */
static int manifest_open(struct rescue *rescue)
{
	uint64_t start = start_of(rescue->pid);
	_cleanup_free_ char *name = lgr_format("%s/manifest/%d.%" PRIu64, rescue->dir,
					       (int)rescue->pid, start);
	_cleanup_free_ char *exe = lgr_format("/proc/%d/exe", (int)rescue->pid);
	char path[4096] = "";

	if (!name || !exe)
		return -ENOMEM;
	rescue->manifest = fopen(name, "ae");
	if (!rescue->manifest)
		return -errno;
	rescue->time_ns = now(CLOCK_MONOTONIC);
	rescue->id = rescue->time_ns; /* no other rescue's */
	if (ftell(rescue->manifest) == 0 && fseek(rescue->manifest, 0, SEEK_END) == 0 &&
	    ftell(rescue->manifest) == 0) {
		if (readlink(exe, path, sizeof(path) - 1) < 0)
			path[0] = '\0';
		fprintf(rescue->manifest, "linger-manifest 1 %d %" PRIu64 " %" PRIu64 " ",
			(int)rescue->pid, start, now(CLOCK_REALTIME));
		put_path(rescue->manifest, path);
		fputc('\n', rescue->manifest);
	}
	return 0;
}

/* ------------------------------------------------------------------- saving */

enum { NO_OBJECT, LISTED, SAVED };

/* What it has become, or a negative errno. */
static int save(struct rescue *rescue, const struct mapped *m, bool wanted)
{
	_cleanup_free_ char *path = lgr_format("/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
					       (int)rescue->pid, m->map_lo, m->map_hi);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	_cleanup_free_ char *key = NULL;
	struct lgr_build_id id = { 0 };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return path ? -errno : -ENOMEM;
	if (!S_ISREG(st.st_mode))
		return NO_OBJECT;
	if (wanted) {
		r = lgr_archive_add(rescue->dir, fd, m->name, &key, &id);
		if (r < 0)
			return r == -ENOEXEC ? NO_OBJECT : r;
	} else if (lgr_elf_build_id(fd, &id) < 0) {
		return NO_OBJECT;
	}
	put_open(rescue, m, &st, &id, key);
	return wanted ? SAVED : LISTED;
}

static int rescue_one(struct rescue *rescue, const struct mapped *m, bool all,
		      struct lgr_rescue *ret)
{
	bool gone = is_gone(rescue->pid, m);
	int r;

	if (!m->executable || m->inode == 0 || *m->name != '/')
		return 0;
	r = save(rescue, m, gone || all);
	if (r == -ENOENT) /* unmapped meanwhile */
		return 0;
	ret->saved += gone && r == SAVED;
	ret->others += !gone && r != NO_OBJECT;
	return r < 0 ? r : 0;
}

int lgr_rescue_process(const char *dir, pid_t pid, bool all, struct lgr_rescue *ret)
{
	_cleanup_(lgr_maps_deinit) struct lgr_maps maps = { 0 };
	struct rescue rescue = { .dir = dir, .pid = pid };
	int r;

	memset(ret, 0, sizeof(*ret));
	r = lgr_maps_read(pid, &maps);
	if (r == 0)
		r = manifest_open(&rescue);
	for (size_t i = 0; r == 0 && i < maps.count;) {
		struct mapped m;

		i = take_mapped(&maps, i, &m);
		r = rescue_one(&rescue, &m, all, ret);
	}
	if (rescue.manifest && fclose(rescue.manifest) < 0 && r == 0)
		r = -errno;
	return r;
}

/* ------------------------------------------------------------------- command */

static int refuse(pid_t pid, const char *dir, int r)
{
	switch (r) {
	case -ESRCH:
	case -ENOENT: lgr_say(WHO, "there is no process %d", (int)pid); break;
	case -EPERM:
	case -EACCES:
		lgr_say(WHO,
			"the mapped files of process %d may not be read; it takes root, or the "
			"capability CAP_CHECKPOINT_RESTORE, and write access to %s",
			(int)pid, dir);
		break;
	default: lgr_say(WHO, "cannot save to %s: %s", dir, strerror(-r)); break;
	}
	return LGR_EXIT_FAILED;
}

static int usage(void)
{
	fputs("usage: linger perf [--archive DIR] rescue [--all] [-o DIR] PID\n"
	      "Saves the programs and libraries that process PID has mapped and that were deleted "
	      "or\n"
	      "replaced, with a list of where all of them are. `linger perf --archive DIR fix` "
	      "and\n"
	      "`report` then name them. The process needs no linger.\n\n"
	      "  -o DIR           the archive to save to\n"
	      "      --all        save also those that are still there\n"
	      "      --help       show this\n",
	      stdout);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

int lgr_perf_rescue(const char *dir, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct lgr_rescue rescue;
	static char who[] = WHO;
	bool all = false;
	pid_t pid;
	int c, r;

	argv[0] = who;
	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'a': all = true; break;
		case 'h': return usage();
		case 'o': dir = optarg; break;
		default: return LGR_EXIT_USAGE;
		}
	}
	if (argc - optind != 1 || !lgr_parse_pid(argv[optind], &pid)) {
		lgr_say(WHO,
			"name one process by its number; `linger perf rescue --help` says more");
		return LGR_EXIT_USAGE;
	}
	if (lgr_archive_open(WHO, dir) < 0)
		return LGR_EXIT_FAILED;
	r = lgr_rescue_process(dir, pid, all, &rescue);
	if (r < 0)
		return refuse(pid, dir, r);
	printf("%zu deleted or replaced files are in %s now; %zu are %s\n", rescue.saved, dir,
	       rescue.others,
	       all ? "there too, and still where they were" : "still where they were");
	return lgr_finish(WHO, LGR_EXIT_DONE);
}
