/*
 * fix.c - `linger perf fix`: gives the mappings of a recording the build-ids of what was really mapped.
 *
 * Owns no state. The recording is copied, the copy is changed, and only then takes a name.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include "perf.h"

#define WHO "linger perf fix"

static int fail(const char *name, int r)
{
	lgr_say(WHO, "%s cannot be written: %s", name, strerror(-r));
	return LGR_EXIT_FAILED;
}

/* ------------------------------------------------------------------ the copy */

static int copy_slowly(int from, int to, uint64_t size)
{
	_cleanup_free_ char *piece = malloc(1 << 20);
	uint64_t at = 0;

	if (!piece)
		return -ENOMEM;
	while (at < size) {
		ssize_t n = pread(from, piece, 1 << 20, (off_t)at);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		if (pwrite(to, piece, (size_t)n, (off_t)at) != n)
			return errno ? -errno : -EIO;
		at += (uint64_t)n;
	}
	return 0;
}

static int copy(int from, int to, uint64_t size)
{
	off_t in = 0, out = 0;

	while ((uint64_t)in < size) {
		ssize_t n = copy_file_range(from, &in, to, &out, size - (uint64_t)in, 0);

		if (n <= 0)
			return copy_slowly(from, to, size);
	}
	return 0;
}

/* Makes a changed copy beside @out. @ret: its name, allocated. Returns the number of changes. */
static int64_t write_copy(const char *dir, struct lgr_repairs *repairs, const char *out, char **ret)
{
	char *name = lgr_format("%s.XXXXXX", out);
	_cleanup_close_ int fd = name ? mkostemp(name, O_CLOEXEC) : -1;
	struct stat st;
	int64_t changed;
	int r;

	if (fd < 0) {
		r = name ? -errno : -ENOMEM;
		free(name);
		return r;
	}
	r = copy(repairs->recording.fd, fd, repairs->recording.size);
	changed = r < 0 ? r : lgr_repairs_write(dir, repairs, fd);
	if (changed >= 0 && fstat(repairs->recording.fd, &st) == 0) {
		/* Whose it was; where that may not be, it is ours, and as private. */
		if (fchown(fd, st.st_uid, st.st_gid) < 0)
			errno = 0;
		fchmod(fd, st.st_mode & 0777);
		*ret = name;
		return changed;
	}
	unlink(name);
	free(name);
	return changed;
}

/* Gives the copy its name. What had it is NAME.old then, where @old says so: there is one at any moment. */
static int publish(const char *copy_name, const char *out, bool old)
{
	_cleanup_free_ char *old_name = lgr_format("%s.old", out);
	_cleanup_free_ char *linked = lgr_format("%s.link", copy_name);
	int r = old_name && linked ? 0 : -ENOMEM;

	if (r == 0 && old && (link(out, linked) < 0 || rename(linked, old_name) < 0))
		r = -errno;
	if (r == 0 && rename(copy_name, out) < 0)
		r = -errno;
	if (r < 0)
		unlink(copy_name);
	return r;
}

/* ------------------------------------------------------------------- command */

/* What somebody who repairs a recording wants to know. */
static void report(const struct lgr_repairs *repairs, const char *out, int64_t changed)
{
	if (changed == 0)
		printf("%s: there is nothing to repair", out);
	else
		printf("%s: %lld mappings have a build-id now", out, (long long)changed);
	if (repairs->without > repairs->named)
		printf("; %zu have none, of files that no manifest has",
		       repairs->without - repairs->named);
	putchar('\n');
}

static int fix(const char *dir, const char *name, const char *out)
{
	_cleanup_(lgr_repairs_deinit) struct lgr_repairs repairs;
	_cleanup_free_ char *copy_name = NULL;
	bool own = !out || !strcmp(out, name);
	char why[512];
	int64_t changed;
	int r;

	if (lgr_repairs_find(dir, name, &repairs, why, sizeof(why)) < 0) {
		lgr_say(WHO, "%s %s", name, why);
		return LGR_EXIT_FAILED;
	}
	out = own ? name : out;
	changed = write_copy(dir, &repairs, out, &copy_name);
	if (changed < 0)
		return fail(out, (int)changed);
	if (own && changed == 0) {
		unlink(copy_name);
	} else {
		r = publish(copy_name, out, own);
		if (r < 0)
			return fail(out, r);
	}
	report(&repairs, out, changed);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

void lgr_fix_recorded(const char *dir, const char *name)
{
	_cleanup_(lgr_repairs_deinit) struct lgr_repairs repairs;
	_cleanup_close_ int fd = -1;
	char why[512];
	int64_t r = lgr_repairs_find(dir, name, &repairs, why, sizeof(why));

	if (r == 0) {
		lgr_repairs_add_files(dir, &repairs);
		fd = open(name, O_RDWR | O_CLOEXEC);
		r = fd < 0 ? -errno : lgr_repairs_write(dir, &repairs, fd);
		snprintf(why, sizeof(why), "cannot be written: %s", strerror((int)-r));
	}
	if (r < 0)
		lgr_say("linger perf record",
			"%s %s. What has no build-id, or was mapped when perf began, may stay "
			"without "
			"names",
			name, why);
}

static int usage(void)
{
	fputs("usage: linger perf [--archive DIR] fix [-o OUT] FILE\n"
	      "Repairs FILE, a recording that perf made of programs that had linger with an "
	      "archive, so\n"
	      "that `linger perf report` names what was deleted or replaced since. It takes the "
	      "place of\n"
	      "FILE, which is FILE.old then.\n\n"
	      "  -o OUT           leave FILE as it is, and write OUT\n"
	      "      --help       show this\n",
	      stdout);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

int lgr_perf_fix(const char *dir, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static char who[] = WHO;
	const char *out = NULL;
	int c;

	argv[0] = who;
	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'h': return usage();
		case 'o': out = optarg; break;
		default: return LGR_EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		lgr_say(WHO, "name one recording; `linger perf fix --help` says more");
		return LGR_EXIT_USAGE;
	}
	return fix(dir, argv[optind], out);
}
