/*
 * copies.c - finds the archived copy of what a process has or had loaded.
 *
 * Owns struct lgr_copies. Reads the archive, of which the shim is the only writer:
 *   DIR/manifest/PID.START   what was loaded, one line each, appended to
 *   DIR/objects/KEY/elf      a copy; beside it a hard link with the file's own name
 *   DIR/.build-id/xx/yy...   leads to objects/KEY
 * A process may write while this reads, and a copy may have been removed to make room: what is found
 * is a proposal, which the caller compares with what is loaded.
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tool.h"

void lgr_copies_deinit(struct lgr_copies *copies)
{
	for (size_t i = 0; i < copies->count; i++)
		free(copies->copy[i].key);
	free(copies->copy);
	free(copies->dir);
}

/* ----------------------------------------------------------------- manifest */

/* "open TIME ID LO-HI DEVICE BUILDID KEY PATH": 0 or -ENOMEM. Anything else is passed over. */
static int take_open(struct lgr_copies *copies, const char *line)
{
	struct lgr_copy c = { 0 }, *grown;
	char key[256];

	if (sscanf(line, "open %*u %" SCNu64 " %" SCNx64 "-%" SCNx64 " %*s %*s %255s", &c.id, &c.lo,
		   &c.hi, key) != 4 ||
	    !strcmp(key, "-") || strchr(key, '/'))
		return 0;
	c.key = strdup(key);
	grown = lgr_grow(copies->copy, &copies->cap, copies->count, sizeof(c));
	if (!grown || !c.key) {
		copies->copy = grown ? grown : copies->copy;
		free(c.key);
		return -ENOMEM;
	}
	copies->copy = grown;
	grown[copies->count++] = c;
	return 0;
}

/* Of this process alone, whose lines begin at @from: numbers are given once in a process. */
static void take_unload(struct lgr_copies *copies, size_t from, const char *line)
{
	uint64_t id;

	if (sscanf(line, "unload %*u %" SCNu64, &id) != 1)
		return;
	for (size_t i = from; i < copies->count; i++)
		copies->copy[i].gone |= copies->copy[i].id == id;
}

static int read_manifest(struct lgr_copies *copies, const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0, from = copies->count;
	int r = 0;

	if (asprintf(&path, "%s/manifest/%s", copies->dir, name) < 0)
		return -ENOMEM;
	file = fopen(path, "re");
	/* The last line may be half written. */
	while (r == 0 && file && getline(&line, &size, file) > 0 && strchr(line, '\n')) {
		r = take_open(copies, line);
		take_unload(copies, from, line);
	}
	return r;
}

/* Orders PID.START by START, the newest first. */
static int newest_first(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*b)->d_name, (*a)->d_name);
}

int lgr_copies_open(const char *dir, pid_t pid, struct lgr_copies *ret)
{
	_cleanup_free_ char *manifests = NULL;
	struct dirent **names = NULL;
	char prefix[32];
	int n, r = 0;

	memset(ret, 0, sizeof(*ret));
	ret->dir = strdup(dir);
	if (!ret->dir || asprintf(&manifests, "%s/manifest", dir) < 0)
		return -ENOMEM;
	n = scandir(manifests, &names, NULL, newest_first);
	snprintf(prefix, sizeof(prefix), "%d.", (int)pid);
	for (int i = 0; i < n; i++) {
		if (r == 0 && !strncmp(names[i]->d_name, prefix, strlen(prefix)))
			r = read_manifest(ret, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

/* -------------------------------------------------------------------- lookup */

/* The copy in @where of the archive: under its own name, if it is there, as gdb and others show it. */
static char *copy_in(const struct lgr_copies *copies, const char *where, const char *name)
{
	const char *slash = strrchr(name, '/');
	char *path;

	if (asprintf(&path, "%s/%s/%s", copies->dir, where, slash ? slash + 1 : name) < 0)
		return NULL;
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	if (asprintf(&path, "%s/%s/elf", copies->dir, where) < 0)
		return NULL;
	if (access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static char *copy_of_build_id(const struct lgr_copies *copies, const char *id, size_t n,
			      const char *name)
{
	char where[32 + 2 * 64] = ".build-id/";
	size_t used = strlen(where);

	if (n < 2 || n > 64)
		return NULL;
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(where + used, sizeof(where) - used, "%02x%s",
					 (unsigned char)id[i], i == 0 ? "/" : "");
	return copy_in(copies, where, name);
}

char *lgr_copies_next(const struct lgr_copies *copies, uint64_t at, const char *build_id,
		      size_t build_id_size, const char *name, size_t *cursor)
{
	while (*cursor < copies->count) {
		const struct lgr_copy *c = &copies->copy[(*cursor)++];
		char where[300], *path;

		if (c->gone || at < c->lo || at >= c->hi)
			continue;
		snprintf(where, sizeof(where), "objects/%s", c->key);
		path = copy_in(copies, where, name);
		if (path)
			return path;
	}
	if ((*cursor)++ > copies->count)
		return NULL;
	return copy_of_build_id(copies, build_id, build_id_size, name);
}
