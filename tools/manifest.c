/*
 * manifest.c - reads what the shim wrote down about the files of a process.
 *
 * An archive has one manifest a process, ARCHIVE/manifest/PID.START: a line for each object that was
 * loaded (open), whose pages come from another file since (map), or that went (unload). See
 * linger-archive in linger(1). A process may write while we read: what ends without a newline is not
 * there yet.
 * Owns no state.
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "perf.h"

/* One manifest while it is read. */
struct reading {
	struct lgr_manifest *manifest;
	size_t first; /* its first object */
	pid_t pid;
	uint64_t process_ns;
};

static void archived_deinit(struct lgr_archived *o)
{
	free(o->key);
	free(o->path);
}

void lgr_manifest_deinit(struct lgr_manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++)
		archived_deinit(&manifest->object[i]);
	free(manifest->object);
	memset(manifest, 0, sizeof(*manifest));
}

static int add(struct lgr_manifest *manifest, const struct lgr_archived *o)
{
	if (manifest->count == manifest->cap) {
		void *grown = lgr_grow(manifest->object, &manifest->cap, manifest->count,
				       sizeof(*manifest->object));

		if (!grown)
			return -ENOMEM;
		manifest->object = grown;
	}
	manifest->object[manifest->count++] = *o;
	return 0;
}

/* ---------------------------------------------------------------- the words */

/* Cuts the next word off @line: "" at the end. */
static char *next_word(char **line)
{
	char *word = *line;

	*line += strcspn(*line, " ");
	if (**line)
		*(*line)++ = '\0';
	return word;
}

/* A whole word as a number; false: it is none. */
static bool number(const char *word, int base, uint64_t *ret)
{
	char *end;

	if (!*word || *word == '-' || *word == '+')
		return false;
	errno = 0;
	*ret = strtoull(word, &end, base);
	return errno == 0 && *end == '\0';
}

/* LO-HI */
static bool range(char *word, uint64_t *ret_lo, uint64_t *ret_hi)
{
	char *dash = strchr(word, '-');

	if (!dash)
		return false;
	*dash = '\0';
	return number(word, 16, ret_lo) && number(dash + 1, 16, ret_hi) && *ret_lo < *ret_hi;
}

/* MAJOR:MINOR:INODE */
static bool file(const char *word, struct lgr_archived *o)
{
	int used = 0;

	return sscanf(word, "%" SCNu32 ":%" SCNu32 ":%" SCNu64 "%n", &o->major, &o->minor,
		      &o->inode, &used) == 3 &&
	       word[used] == '\0';
}

static int digit(char c)
{
	const char *all = "0123456789abcdef", *at = c ? strchr(all, c) : NULL;

	return at ? (int)(at - all) : -1;
}

void lgr_build_id_parse(const char *word, struct lgr_build_id *ret)
{
	size_t n = strlen(word);

	ret->size = 0;
	if (n % 2 || n > sizeof(ret->bytes) * 2)
		return;
	for (size_t i = 0; i < n / 2; i++) {
		int high = digit(word[2 * i]), low = digit(word[2 * i + 1]);

		if (high < 0 || low < 0)
			return;
		ret->bytes[i] = (uint8_t)(high << 4 | low);
	}
	ret->size = (uint8_t)(n / 2);
}

/* Takes back \012 and \134, in place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (!strncmp(s, "\\012", 4) || !strncmp(s, "\\134", 4)) {
			*to++ = s[1] == '0' ? '\n' : '\\';
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* ---------------------------------------------------------------- the lines */

/* The object of this manifest that has the number @id and is loaded, or NULL. */
static struct lgr_archived *find(const struct reading *r, uint64_t id)
{
	for (size_t i = r->manifest->count; i-- > r->first;)
		if (r->manifest->object[i].id == id)
			return &r->manifest->object[i];
	return NULL;
}

/* open TIME ID LO-HI MAJOR:MINOR:INODE BUILDID KEY PATH */
static int take_open(struct reading *r, char *line)
{
	struct lgr_archived o = { .pid = r->pid,
				  .process_ns = r->process_ns,
				  .unload_ns = UINT64_MAX };
	const char *key;
	int result;

	if (!number(next_word(&line), 10, &o.open_ns) || !number(next_word(&line), 10, &o.id) ||
	    !range(next_word(&line), &o.lo, &o.hi) || !file(next_word(&line), &o))
		return 0;
	lgr_build_id_parse(next_word(&line), &o.build_id);
	key = next_word(&line);
	unescape(line);
	o.path = strdup(line);
	if (*key && strcmp(key, "-") && !strchr(key, '/')) {
		o.key = strdup(key);
		result = o.key && o.path ? add(r->manifest, &o) : -ENOMEM;
	} else {
		result = o.path ? add(r->manifest, &o) : -ENOMEM;
	}
	if (result < 0)
		archived_deinit(&o);
	return result;
}

/* map TIME ID LO-HI MAJOR:MINOR:INODE: the same object, from then on in another file. */
static int take_map(struct reading *r, char *line)
{
	uint64_t time, id, lo, hi;
	const struct lgr_archived *before;
	struct lgr_archived o;
	int result;

	if (!number(next_word(&line), 10, &time) || !number(next_word(&line), 10, &id) ||
	    !range(next_word(&line), &lo, &hi))
		return 0;
	before = find(r, id);
	if (!before)
		return 0;
	o = *before;
	o.open_ns = time;
	if (!file(next_word(&line), &o))
		return 0;
	o.path = strdup(before->path);
	o.key = before->key ? strdup(before->key) : NULL;
	result = o.path && (o.key || !before->key) ? add(r->manifest, &o) : -ENOMEM;
	if (result < 0)
		archived_deinit(&o);
	return result;
}

/* unload TIME ID */
static void take_unload(struct reading *r, char *line)
{
	uint64_t time, id;

	if (!number(next_word(&line), 10, &time) || !number(next_word(&line), 10, &id))
		return;
	for (size_t i = r->first; i < r->manifest->count; i++)
		if (r->manifest->object[i].id == id)
			r->manifest->object[i].unload_ns = time;
}

static int take_line(struct reading *r, char *line)
{
	const char *verb = next_word(&line);

	if (!strcmp(verb, "open"))
		return take_open(r, line);
	if (!strcmp(verb, "map"))
		return take_map(r, line);
	if (!strcmp(verb, "unload"))
		take_unload(r, line);
	return 0;
}

/* ---------------------------------------------------------------- the files */

/* PID.START */
static bool parse_name(const char *name, pid_t *ret_pid, uint64_t *ret_ns)
{
	char pid[16];
	size_t n = strcspn(name, ".");

	if (n >= sizeof(pid) || name[n] != '.')
		return false;
	memcpy(pid, name, n);
	pid[n] = '\0';
	return lgr_parse_pid(pid, ret_pid) && number(name + n + 1, 10, ret_ns);
}

static int read_file(struct reading *r, const char *name)
{
	_cleanup_fclose_ FILE *in = fopen(name, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	bool known = false;
	int result = 0;
	ssize_t n;

	if (!in)
		return errno == ENOENT ? 0 : -errno; /* it made room for others just now */
	r->first = r->manifest->count;
	while (result == 0 && (n = getline(&line, &size, in)) > 0) {
		if (line[n - 1] != '\n' || strlen(line) != (size_t)n)
			break;
		line[n - 1] = '\0';
		if (known)
			result = take_line(r, line);
		else if (!strncmp(line, "linger-manifest 1 ", 18))
			known = true;
		else
			break; /* of another format */
	}
	return result;
}

static bool wanted(const pid_t *pid, size_t pids, pid_t one)
{
	for (size_t i = 0; i < pids; i++)
		if (pid[i] == one)
			return true;
	return false;
}

static int by_process(const void *a, const void *b)
{
	const struct lgr_archived *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->open_ns != y->open_ns)
		return x->open_ns < y->open_ns ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int lgr_manifest_read(const char *dir, const pid_t *pid, size_t pids, struct lgr_manifest *ret)
{
	_cleanup_(closedirp) DIR *names = NULL;
	_cleanup_free_ char *folder = NULL;
	const struct dirent *entry;
	int result = 0;

	if (asprintf(&folder, "%s/manifest", dir) < 0) {
		folder = NULL;
		return -ENOMEM;
	}
	names = opendir(folder);
	if (!names)
		return -errno;
	while (result == 0 && (entry = readdir(names))) {
		struct reading r = { .manifest = ret };
		_cleanup_free_ char *name = NULL;

		if (!parse_name(entry->d_name, &r.pid, &r.process_ns) || !wanted(pid, pids, r.pid))
			continue;
		if (asprintf(&name, "%s/%s", folder, entry->d_name) < 0) {
			name = NULL;
			return -ENOMEM;
		}
		result = read_file(&r, name);
	}
	if (ret->count)
		qsort(ret->object, ret->count, sizeof(*ret->object), by_process);
	return result;
}
