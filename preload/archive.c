/*
 * archive.c - what is archived, and when. See archive.h; how: store.h; what is said of it: manifest.h.
 *
 * Owns: which thread archives (`busy`: whoever sets it works with everything in store.c, and nobody waits
 * for it), how far the objects have been listed. Guard of the latter: lgr_lock_registry.
 *
 * Files are read and written with no lock of ours: what has to be known of an object is copied under
 * the lock, and what comes of it is noted under the lock, if the object is still there.
 * SPDX-License-Identifier: MIT
 */
#include "archive.h"

#include <dlfcn.h>

#include "arena.h"
#include "environment.h"
#include "filter.h"
#include "hold.h"
#include "lock.h"
#include "log.h"
#include "manifest.h"
#include "opening.h"
#include "pages.h"
#include "path.h"
#include "publish.h"
#include "region.h"
#include "registry.h"
#include "source.h"
#include "store.h"
#include "sys.h"
#include "text.h"
#include "trim.h"

#define BUDGET UINT64_C(50000000) /* ns of a call of the program */

enum mode { COPY, LINK, OPEN }; /* as in the settings */

static _Atomic bool on, busy;
static _Atomic uint64_t listed; /* ids up to this one stand in the manifest */
static _Atomic uint32_t pid;	/* whose manifest it is; 0: none yet */
static uint64_t start_ns;	/* of that process */
static bool inherited;		/* what is loaded was there when it began */
static uint64_t deadline;	/* CLOCK_MONOTONIC, for who is busy */
static __thread uint64_t spent; /* ns, in the call that is under way */

/* What the hook of this very call has archived. */
static __thread struct {
	uint64_t dev, ino; /* ino 0: nothing */
	struct lgr_key key;
} hooked;

/* The object that is looked at, as it was under the lock. */
static struct lgr_source now LGR_BIG;
static char scratch[LGR_STORE_PATH] LGR_BIG;

/* ---------------------------------------------------------------------------------- who is at work */

static void switch_off(void)
{
	if (atomic_exchange_explicit(&on, false, memory_order_relaxed))
		lgr_log_error(LGR_RSN_E_ARCHIVE, lgr_store_dir);
}

/* In a sandbox that the program has made for itself nothing is tried: it may kill who opens a file. */
static bool is_sandboxed(void)
{
	bool is_new;

	if (!lgr_lock(&lgr_lock_registry))
		return true;
	is_new = lgr_filter_is_new();
	lgr_unlock(&lgr_lock_registry);
	if (is_new)
		switch_off();
	return is_new;
}

static uint64_t began_ns; /* for who is busy; 0: nothing has taken time yet */

static uint64_t begin_clock(void)
{
	if (!began_ns) {
		began_ns = lgr_sys_clock(CLOCK_MONOTONIC);
		deadline = began_ns + BUDGET - lgr_min(spent, BUDGET);
	}
	return began_ns;
}

static void leave(void)
{
	if (began_ns)
		spent += lgr_sys_clock(CLOCK_MONOTONIC) - began_ns;
	atomic_store_explicit(&busy, false, memory_order_release);
}

/* False: another thread is at it, or this one, which a signal has interrupted. */
static bool enter(void)
{
	if (atomic_exchange_explicit(&busy, true, memory_order_acquire))
		return false;
	began_ns = 0;
	if (!is_sandboxed())
		return true;
	leave();
	return false;
}

/* This process's manifest, also in a child of a fork that ran no handlers (_Fork, clone). */
static bool begin_manifest(void)
{
	uint32_t self = lgr_sys_getpid();

	if (atomic_load_explicit(&pid, memory_order_relaxed) == self && lgr_manifest_begun())
		return true;
	if (atomic_load_explicit(&pid, memory_order_relaxed)) {
		lgr_archive_forked();
		atomic_store_explicit(&busy, true, memory_order_relaxed);
	}
	atomic_store_explicit(&pid, self, memory_order_relaxed);
	if (lgr_sys_readlink("/proc/self/exe", scratch, sizeof(scratch)) < 0)
		*scratch = '\0';
	if (lgr_manifest_begin(self, start_ns, scratch) < 0)
		return false;
	begin_clock();
	lgr_trim_count(LGR_PAGE, deadline); /* most never take more */
	return true;
}

/* ---------------------------------------------------------------------------------- a file's key */

static void say(enum lgr_stored result, const char *path)
{
	switch (result) {
	case LGR_STORED: break;
	case LGR_STORE_SLOW: lgr_log_error(LGR_RSN_E_SLOW, path); break;
	case LGR_STORE_NO_ELF: lgr_log_error(LGR_RSN_E_GONE, path); break;
	case LGR_STORE_BROKEN: switch_off(); break;
	}
}

/* Archives what is open at fd. */
static enum lgr_stored put(int fd, const char *path, const char *name, struct lgr_key *ret)
{
	struct lgr_wish wish = {
		.fd = fd,
		.path = path,
		.name = name,
		.link = lgr_settings.of[LGR_SET_ARCHIVE_MODE].number == LINK,
	};
	enum lgr_stored result;
	uint64_t bytes;

	begin_clock();
	wish.deadline = deadline;
	result = lgr_publish(&wish, ret, &bytes);
	lgr_count_by(LGR_N_ARCHIVED_BYTES, bytes);
	return result;
}

/* The object's file, wherever it can be had from, or what the hook of dlopen has made of it. */
static void find_key(struct lgr_key *key)
{
	struct stat st;
	bool by_path = lgr_source_stat(&now, &st);
	int fd = by_path ? -1 : lgr_source_open(&now, false, &st);
	enum lgr_stored result = LGR_STORED;
	struct lgr_identity file;
	uint64_t dev, ino;

	if (!by_path && fd < 0) {
		lgr_source_file(&now, &dev, &ino);
		if (!lgr_store_recall(dev, ino, key))
			say(LGR_STORE_NO_ELF, now.path);
		return;
	}
	file = lgr_store_identity(&st);
	if (!lgr_store_find(&file, true, key)) {
		if (by_path)
			fd = lgr_source_open(&now, true, &st);
		result = fd < 0 ? LGR_STORE_NO_ELF
				: put(fd, by_path ? now.path : "", lgr_source_name(now.path), key);
	}
	if (fd >= 0)
		lgr_sys_close(fd);
	say(result, now.path);
}

/* A path whose file was exchanged between two looks has given the key of another one. */
static bool is_key_of_object(const struct lgr_key *key)
{
	char text[2 * LGR_BUILD_ID_MAX + 2];
	struct lgr_text t;

	lgr_text_init(&t, text, sizeof(text));
	lgr_text_add_bytes(&t, now.build_id, now.build_id_len);
	if (now.build_id_len)
		lgr_text_add(&t, "-");
	return now.build_id_len ? lgr_after(key->text, text) != NULL : !lgr_first(key->text, '-');
}

/* Writes the key of the object's file, "" for none, and the path that it is listed under. */
static const char *settle(struct lgr_key *key)
{
	const char *original = lgr_opening_original(now.path, key->text);

	if (original)
		return original;
	*key = now.key;
	if (*key->text || lgr_path_is_systems(now.path))
		return now.path;
	if (now.ino && hooked.ino == now.ino && hooked.dev == now.dev) {
		*key = hooked.key;
		return now.path;
	}
	find_key(key);
	if (*key->text && !is_key_of_object(key)) {
		*key->text = '\0';
		say(LGR_STORE_NO_ELF, now.path);
	}
	return now.path;
}

/* ------------------------------------------------------------------------------------- the objects */

/* The oldest one that is not listed yet, into `now`. False: there is none, or nobody may ask. */
static bool take_next(bool *ret_done)
{
	const struct lgr_object *object = NULL, *next = NULL;
	uint64_t last = atomic_load_explicit(&listed, memory_order_relaxed), best = UINT64_MAX;

	*ret_done = false;
	if (!lgr_lock(&lgr_lock_registry))
		return false;
	while ((object = lgr_registry_next(object))) {
		uint64_t id = atomic_load_explicit(&object->id, memory_order_relaxed);

		if (id > last && id < best) {
			best = id;
			next = object;
		}
	}
	if (next) {
		lgr_source_fill(&now, next);
	} else {
		atomic_store_explicit(&listed, lgr_registry_last_id(), memory_order_relaxed);
		*ret_done = true;
	}
	lgr_unlock(&lgr_lock_registry);
	return next;
}

/* For who has lgr_lock_registry. */
static void remember(struct lgr_object *object, const struct lgr_key *key)
{
	struct lgr_key *copy;

	if (*key->text && !object->archived) {
		copy = lgr_arena_alloc(sizeof(*copy));
		if (copy)
			*copy = *key;
		object->archived = (uint64_t)(uintptr_t)copy;
	}
	/* A link has changed the time by which a change of the file is seen. */
	if (object->file.known_ns && lgr_settings.of[LGR_SET_ARCHIVE_MODE].number == LINK)
		lgr_hold_note_file(object);
}

/* The line is written: from here on its end is, too. */
static void commit(const struct lgr_key *key)
{
	struct lgr_object *object;

	if (!lgr_lock(&lgr_lock_registry))
		return;
	atomic_store_explicit(&listed, now.id, memory_order_relaxed);
	object = lgr_registry_object(lgr_word(now.id, now.slot, 0, 0));
	if (object)
		remember(object, key);
	else
		lgr_manifest_unload(lgr_sys_clock(CLOCK_MONOTONIC), now.id);
	lgr_unlock(&lgr_lock_registry);
}

static void log_archived(const char *key)
{
	struct lgr_log_entry entry = { .event = LGR_EV_ARCHIVE, .id = now.id };

	lgr_count(LGR_N_ARCHIVED);
	if (!lgr_log_is_on())
		return;
	entry.path = lgr_store_path(scratch, "objects/", key, "/elf");
	lgr_log_write(&entry);
}

/* False: the archive is off. */
static bool list(uint64_t since)
{
	struct lgr_key key = { .relative = 0 };
	struct lgr_manifest_object line = {
		.time_ns = since,
		.id = now.id,
		.lo = now.lo,
		.hi = now.hi,
		.major = now.first.major,
		.minor = now.first.minor,
		.inode = now.first.inode,
		.build_id = now.build_id,
		.build_id_len = now.build_id_len,
		.key = key.text,
	};

	if (!(now.flags & LGR_FL_VDSO)) {
		line.path = settle(&key);
		if (!atomic_load_explicit(&on, memory_order_relaxed))
			return false;
		if (lgr_manifest_open(&line) < 0) {
			switch_off();
			return false;
		}
		if (*key.text)
			log_archived(key.text);
	}
	commit(&key);
	return true;
}

/* Returns whether all is listed. */
static bool list_all(void)
{
	bool done;

	if (!begin_manifest()) {
		switch_off();
		return true;
	}
	while (take_next(&done))
		if (!list(inherited ? start_ns : begin_clock()))
			return true;
	inherited = false;
	return done;
}

static bool is_new(void)
{
	return atomic_load_explicit(&lgr_region.loads, memory_order_relaxed) !=
	       atomic_load_explicit(&listed, memory_order_relaxed);
}

void lgr_archive_look(bool call)
{
	bool done = true;

	if (!atomic_load_explicit(&on, memory_order_relaxed))
		return;
	if (call)
		spent = hooked.ino = 0;
	/* What another thread brings while this one is at it is left to this one. */
	while (done && is_new() && atomic_load_explicit(&on, memory_order_relaxed) && enter()) {
		done = list_all();
		leave();
	}
}

void lgr_archive_end(void)
{
	if (lgr_manifest_begun())
		lgr_archive_look(true);
}

/* ---------------------------------------------------------------------------------------- opening */

/* What the loader is to open: path is file, made absolute. */
static const char *open_file(const char *file, const char *path, const struct stat *st, int mode,
			     bool replaces)
{
	bool opens = replaces && lgr_settings.of[LGR_SET_ARCHIVE_MODE].number == OPEN;
	struct lgr_identity identity = lgr_store_identity(st);
	enum lgr_stored result;
	struct lgr_key key;
	const char *copy;
	int fd;

	if (!lgr_store_find(&identity, mode & RTLD_NOLOAD, &key)) {
		if (mode & RTLD_NOLOAD)
			return file;
		fd = lgr_sys_openat(path, O_RDONLY | O_NONBLOCK, 0);
		if (fd < 0)
			return file;
		result = put(fd, path, lgr_source_name(path), &key);
		lgr_sys_close(fd);
		if (result != LGR_STORE_NO_ELF) /* the loader will say so */
			say(result, path);
	}
	hooked.dev = identity.dev;
	hooked.ino = identity.ino;
	hooked.key = key;
	if (!opens || !*key.text)
		return file;
	copy = lgr_opening_path(path, lgr_source_name(path), &identity, &key,
				!(mode & RTLD_NOLOAD));
	return copy ? copy : file;
}

const char *lgr_archive_before_open(const char *file, int mode, bool replaces)
{
	static char path[LGR_STORE_PATH] LGR_BIG;
	struct stat st;

	if (!atomic_load_explicit(&on, memory_order_relaxed) || !file || !lgr_first(file, '/') ||
	    lgr_first(file, '$') || lgr_path_is_systems(file) ||
	    lgr_sys_stat(AT_FDCWD, file, &st) < 0 || !S_ISREG(st.st_mode) || !enter())
		return file;
	if (begin_manifest() && lgr_path_absolute(file, path, sizeof(path)) &&
	    !lgr_path_is_systems(path))
		file = open_file(file, path, &st, mode, replaces);
	leave();
	return file;
}

/* --------------------------------------------------------------------------------- what becomes of it */

/* Does its line stand in the manifest of this very process? */
static bool is_listed(uint64_t id)
{
	return atomic_load_explicit(&on, memory_order_relaxed) && lgr_manifest_begun() &&
	       id <= atomic_load_explicit(&listed, memory_order_relaxed) &&
	       atomic_load_explicit(&pid, memory_order_relaxed) == lgr_sys_getpid();
}

void lgr_archive_moved(const struct lgr_object *object)
{
	struct lgr_manifest_object line = {
		.id = atomic_load_explicit(&object->id, memory_order_relaxed),
		.lo = object->lo,
		.hi = object->hi,
	};
	struct lgr_mapping first;

	if (!is_listed(line.id) || lgr_maps_read(object->lo, object->lo + LGR_PAGE, &first, 1) != 1)
		return;
	line.time_ns = lgr_sys_clock(CLOCK_MONOTONIC);
	line.major = first.major;
	line.minor = first.minor;
	line.inode = first.inode;
	if (lgr_manifest_map(&line) < 0)
		switch_off();
}

void lgr_archive_gone(struct lgr_object *object)
{
	uint64_t id = atomic_load_explicit(&object->id, memory_order_relaxed);

	lgr_arena_free((void *)(uintptr_t)object->archived, sizeof(struct lgr_key));
	object->archived = 0;
	if (is_listed(id) && lgr_manifest_unload(lgr_sys_clock(CLOCK_MONOTONIC), id) < 0)
		switch_off();
}

/* Ours are made with this mode (publish.c); a link has that of its file. */
static bool is_own(const char *path)
{
	struct stat st;

	return lgr_sys_stat(AT_FDCWD, path, &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_mode & 07777) == 0500;
}

bool lgr_archive_is_copy(const char *path)
{
	const char *rest = *lgr_store_dir ? lgr_after(path, lgr_store_dir) : NULL;

	return rest && lgr_after(rest, "/objects/") && is_own(path);
}

int lgr_archive_copy(const struct lgr_object *object)
{
	static char folder[LGR_KEY_MAX + 16] LGR_BIG, path[LGR_STORE_PATH] LGR_BIG;
	const struct lgr_key *key = (const struct lgr_key *)(uintptr_t)object->archived;
	struct lgr_text t;

	if (!key || !atomic_load_explicit(&on, memory_order_relaxed))
		return -1;
	lgr_text_init(&t, folder, sizeof(folder));
	lgr_text_add(&t, "objects/");
	lgr_text_add(&t, key->text);
	lgr_store_path(path, folder, "/", lgr_path_base(lgr_path_of(object)));
	return is_own(path) ? lgr_sys_openat(path, O_RDONLY, 0) : -1;
}

/* ------------------------------------------------------------------------------------- start, fork */

void lgr_archive_start(void)
{
	const char *dir = lgr_settings.of[LGR_SET_ARCHIVE].text;

	if (!lgr_settings.of[LGR_SET_ARCHIVE].given || lgr_equal(dir, "off"))
		return;
	if (!lgr_path_absolute(dir, scratch, sizeof(scratch)) || lgr_store_open(scratch) < 0) {
		lgr_log_error(LGR_RSN_E_ARCHIVE, dir);
		return;
	}
	lgr_trim_limit(lgr_settings.of[LGR_SET_ARCHIVE_MAX].number);
	start_ns = lgr_region.start_ns;
	atomic_store_explicit(&on, true, memory_order_relaxed);
	lgr_archive_look(true);
}

void lgr_archive_forked(void)
{
	lgr_manifest_forget();
	inherited = true;
	atomic_store_explicit(&pid, 0, memory_order_relaxed);
	atomic_store_explicit(&listed, 0, memory_order_relaxed);
	atomic_store_explicit(&busy, false, memory_order_relaxed);
	start_ns = lgr_sys_clock(CLOCK_MONOTONIC);
}
