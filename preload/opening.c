/*
 * opening.c - archive_mode:open. See opening.h.
 *
 * Owns: which copies were opened for which files. Guard: the caller is the one thread that archives.
 * SPDX-License-Identifier: MIT
 */
#include "opening.h"

#include "arena.h"
#include "fields.h"
#include "lock.h"
#include "log.h"
#include "registry.h"
#include "sys.h"
#include "text.h"

#define BUCKETS 64u

/* One for each content: copies of it under other names are the same file to the loader. */
static struct opened {
	struct opened *next;
	struct lgr_identity file;
	char key[LGR_KEY_MAX];
	char *copy, *original;
} * opened[BUCKETS];

/* For who has lgr_lock_registry. */
static char *keep(const char *s)
{
	size_t n = lgr_len(s) + 1;
	char *copy = lgr_arena_alloc(n);

	if (copy)
		lgr_copy(copy, s, n);
	return copy;
}

static struct opened **bucket_of(const char *key)
{
	uint32_t x = 0;

	for (; *key; key++)
		x = x * 31 + (uint8_t)*key;
	return &opened[x % BUCKETS];
}

static struct opened *find(const char *key)
{
	struct opened *one = *bucket_of(key);

	while (one && !lgr_equal(one->key, key))
		one = one->next;
	return one;
}

/* The copy's name stays readable for ever: a dlopen of another thread may have it. */
static struct opened *set(struct opened *one, const char *key, const char *copy, const char *path,
			  const struct lgr_identity *file)
{
	if (!lgr_lock(&lgr_lock_registry))
		return NULL;
	if (!one) {
		one = lgr_arena_alloc(sizeof(*one));
		if (one) {
			lgr_copy(one->key, key, lgr_len(key) + 1);
			one->next = *bucket_of(key);
			*bucket_of(key) = one;
		}
	}
	if (one) {
		if (one->original)
			lgr_arena_free(one->original, lgr_len(one->original) + 1);
		one->original = keep(path);
		if (!one->copy || !lgr_equal(one->copy, copy))
			one->copy = keep(copy);
		one->file = *file;
	}
	lgr_unlock(&lgr_lock_registry);
	return one && one->copy && one->original ? one : NULL;
}

/* DIR/objects/KEY/NAME: NAME, where this is the key. */
static const char *behind_key(const char *path, const char *key)
{
	path = lgr_after(path, lgr_store_dir);
	path = path ? lgr_after(path, "/objects/") : NULL;
	path = path ? lgr_after(path, key) : NULL;
	return path ? lgr_after(path, "/") : NULL;
}

/*
 * What was there at the start was noted before it was known where the loader has its note. It is never
 * unloaded, so the note can be read.
 */
static bool is_of_file(const struct lgr_object *object, const struct lgr_identity *file)
{
	const uint64_t *id = lgr_field_at(lgr_map_of(object), LGR_FIELD_FILE);

	if (object->namespace)
		return false;
	if (lgr_is(object, LGR_FL_STARTUP))
		return id[0] == file->dev && id[1] == file->ino;
	return object->file.dev == file->dev && object->file.ino == file->ino;
}

/* Is anything loaded from the copy, or from the very file? Not known: yes. */
static bool is_loaded(const char *key, const struct lgr_identity *file)
{
	const struct lgr_object *object = NULL;
	bool loaded = false;

	if (!lgr_lock(&lgr_lock_registry))
		return true;
	while (!loaded && (object = lgr_registry_next(object)))
		loaded = key ? behind_key(lgr_path_of(object), key) != NULL
			     : is_of_file(object, file);
	lgr_unlock(&lgr_lock_registry);
	return loaded;
}

/* A file system that is mounted noexec opens everything, and maps nothing to be executed. */
static bool may_execute(const char *copy)
{
	static enum { UNTRIED, YES, NO } tried;
	void *page;
	int fd;

	if (tried != UNTRIED)
		return tried == YES;
	fd = lgr_sys_openat(copy, O_RDONLY, 0);
	if (fd < 0)
		return false;
	page = lgr_sys_mmap(LGR_PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd);
	lgr_sys_close(fd);
	tried = page ? YES : NO;
	if (page)
		lgr_sys_munmap(page, LGR_PAGE);
	else
		lgr_log_error(LGR_RSN_E_NOEXEC, lgr_store_dir);
	return page;
}

/* As a rule it has the name since the file was archived. */
static const char *write_copy(const char *key, const char *wanted)
{
	static char copy[LGR_STORE_PATH] LGR_BIG, name[LGR_KEY_MAX + 16] LGR_BIG;
	struct lgr_text t;
	struct stat st;

	lgr_text_init(&t, name, sizeof(name));
	lgr_text_add(&t, "objects/");
	lgr_text_add(&t, key);
	lgr_store_path(copy, name, "/", wanted);
	if (!*wanted)
		return NULL;
	if (lgr_sys_stat(AT_FDCWD, copy, &st) == 0)
		return copy;
	lgr_store_name("objects/", key, wanted);
	return lgr_sys_stat(AT_FDCWD, copy, &st) == 0 ? copy : NULL;
}

const char *lgr_opening_path(const char *path, const char *name, const struct lgr_identity *file,
			     const struct lgr_key *key, bool loads)
{
	struct opened *one = find(key->text);
	const char *copy;

	/* The very file, with the same content: the same library, also if it was rewritten. */
	if (one && one->file.dev == file->dev && one->file.ino == file->ino)
		return one->copy;
	/* What is loaded from where is told by the loader's note of each object's file. */
	if (!loads || key->relative || !lgr_field_known(LGR_FIELD_FILE) || is_loaded(NULL, file) ||
	    is_loaded(key->text, NULL))
		return NULL;
	copy = write_copy(key->text, name);
	if (!copy || !may_execute(copy))
		return NULL;
	one = set(one, key->text, copy, path, file);
	return one ? one->copy : NULL;
}

const char *lgr_opening_original(const char *path, char ret_key[LGR_KEY_MAX])
{
	const char *key = lgr_after(path, lgr_store_dir);
	const struct opened *one;
	struct lgr_text t;
	const char *end;

	key = key ? lgr_after(key, "/objects/") : NULL;
	end = key ? lgr_first(key, '/') : NULL;
	if (!end)
		return NULL;
	lgr_text_init(&t, ret_key, LGR_KEY_MAX);
	lgr_text_add_n(&t, key, (size_t)(end - key));
	one = find(ret_key);
	return one ? one->original : path;
}
