/*
 * names.c - taking a kept object out of every lookup by name. See names.h.
 *
 * Owns: struct lgr_names of each object that is or was unnamed. Nothing here is freed before the
 * object is gone: a dl_iterate_phdr of another thread may have the name in its hand.
 * SPDX-License-Identifier: MIT
 */
#include "names.h"

#include "arena.h"
#include "detach.h"
#include "fields.h"
#include "real.h"
#include "registry.h"
#include "sys.h"
#include "text.h"

struct lgr_names {
	char *name; /* ours: l_name while unnamed */
	size_t size;
	char copy[48]; /* or, for that of a private copy of the file: /proc/PID/fd/N */
	char *real_name;
	struct lgr_alias alias; /* the only one while unnamed: our name */
	struct lgr_alias *real_aliases;
	const ElfW(Dyn) *real_soname;
	uint64_t real_inode; /* while hidden */
};

/* Aliases that nobody needs any more; guarded by lgr_lock_registry. */
static struct lgr_alias *spare;

static struct lgr_names *names_of(const struct lgr_object *object)
{
	return (struct lgr_names *)(uintptr_t)object->names;
}

static struct lgr_alias **aliases(const struct lgr_object *object)
{
	return lgr_field_at(lgr_map_of(object), LGR_FIELD_ALIASES);
}

static const ElfW(Dyn) **soname(const struct lgr_object *object)
{
	return lgr_field_at(lgr_map_of(object), LGR_FIELD_SONAME);
}

/* ------------------------------------------------------------------------------- the global scope */

static struct lgr_scope *global_scope(void)
{
	return lgr_field_at(lgr_libc.head, LGR_FIELD_SCOPE);
}

static bool in_global_scope(const struct link_map *map)
{
	const struct lgr_scope *scope = global_scope();
	uint32_t i = scope->count;

	/* Those that were loaded last are at the end. */
	while (i && scope->list[i - 1] != map)
		i--;
	return i;
}

/*
 * Takes the object out of the program's search list as the loader's own dlclose does, in place, which
 * lookups of other threads bear with (elf/dl-close.c). The link map is not freed, so there is nobody
 * to wait for.
 */
static void leave_global_scope(struct link_map *map)
{
	struct lgr_scope *scope = global_scope();
	uint32_t to = 0;

	for (uint32_t i = 0; i < scope->count; i++) {
		if (scope->list[i] == map)
			continue;
		if (to != i)
			scope->list[to] = scope->list[i];
		to++;
	}
	scope->count = to;
	lgr_field_clear_global(map);
}

/* ------------------------------------------------------------------------------------- the name */

/*
 * An equivalent path that nobody asks for: "/dir/lib.so" becomes "/dir/./lib.so". One that is
 * relative stays so, as the loader's own. A name that is no path is left to the caller.
 */
static bool make_name(struct lgr_names *names, const char *path)
{
	const char *slash = lgr_last(path, '/');
	struct lgr_text text;

	names->size = lgr_len(path) + sizeof("./");
	names->name = slash ? lgr_arena_alloc(names->size) : NULL;
	if (!names->name)
		return false;
	lgr_text_init(&text, names->name, names->size);
	lgr_text_add_n(&text, path, (size_t)(slash - path) + 1);
	lgr_text_add(&text, "./");
	lgr_text_add(&text, slash + 1);
	return true;
}

static struct lgr_names *make_names(struct lgr_object *object)
{
	struct lgr_names *names = names_of(object);

	if (names)
		return names;
	names = lgr_arena_alloc(sizeof(*names));
	if (!names)
		return NULL;
	if (!make_name(names, lgr_map_of(object)->l_name)) {
		lgr_arena_free(names, sizeof(*names));
		return NULL;
	}
	object->names = (uint64_t)(uintptr_t)names;
	return names;
}

static void set_name(struct link_map *map, char *name)
{
	/* Read without a lock by whoever has the map from dl_iterate_phdr or dlinfo. */
	__atomic_store_n(&map->l_name, name, __ATOMIC_RELEASE);
}

/* Whether everything that names an object, and only that, can be changed. */
static bool possible(const struct lgr_object *object)
{
	return lgr_field_known(LGR_FIELD_ALIASES) && lgr_field_known(LGR_FIELD_SONAME) &&
	       lgr_field_known(LGR_FIELD_SCOPE) &&
	       (lgr_field_known(LGR_FIELD_GLOBAL) || !in_global_scope(lgr_map_of(object)));
}

static void unname(struct lgr_object *object, struct lgr_names *names)
{
	struct link_map *map = lgr_map_of(object);

	names->real_name = map->l_name;
	set_name(map, names->name);
	names->real_aliases = *aliases(object);
	names->alias = (struct lgr_alias){ .name = names->name, .dont_free = 1 };
	*aliases(object) = &names->alias;
	names->real_soname = *soname(object);
	*soname(object) = NULL;
	lgr_registry_set_flags(object, LGR_FL_UNNAMED, 0);
}

/* The one of this name, or the last of the list. */
static struct lgr_alias *find_alias(struct lgr_alias *list, const char *name)
{
	while (list->next && !lgr_equal(list->name, name))
		list = list->next;
	return list;
}

/*
 * Those that the loader added to the end of ours, when a search ended here, go to the end of its own
 * list, which it frees. Of those that were there already there would be one more with each open, so
 * they are freed like there, later: not under a lock of ours.
 */
static void move_new_aliases(struct lgr_names *names)
{
	struct lgr_alias *alias, *next = names->alias.next;

	names->alias.next = NULL;
	while ((alias = next)) {
		struct lgr_alias *same = find_alias(names->real_aliases, alias->name);

		next = alias->next;
		if (lgr_equal(same->name, alias->name)) {
			alias->next = spare;
			spare = alias;
		} else {
			alias->next = NULL;
			same->next = alias;
		}
	}
}

void lgr_names_free(struct lgr_alias *list)
{
	struct lgr_alias *alias;

	while ((alias = list)) {
		list = alias->next;
		lgr_libc.free(alias);
	}
}

struct lgr_alias *lgr_names_spare(void)
{
	struct lgr_alias *list = spare;

	spare = NULL;
	return list;
}

bool lgr_names_take(struct lgr_object *object)
{
	struct lgr_names *names = possible(object) ? make_names(object) : NULL;

	if (!names)
		return false;
	if (lgr_is(object, LGR_FL_UNNAMED))
		move_new_aliases(names);
	else
		unname(object, names);
	if (in_global_scope(lgr_map_of(object)))
		leave_global_scope(lgr_map_of(object));
	return true;
}

void lgr_names_give_back(struct lgr_object *object)
{
	struct lgr_names *names = names_of(object);

	if (!lgr_is(object, LGR_FL_UNNAMED))
		return;
	if (lgr_is(object, LGR_FL_HIDDEN))
		((uint64_t *)lgr_field_at(lgr_map_of(object),
					  LGR_FIELD_FILE))[1] = names->real_inode;
	move_new_aliases(names);
	*aliases(object) = names->real_aliases;
	*soname(object) = names->real_soname;
	set_name(lgr_map_of(object), names->real_name);
	lgr_registry_set_flags(object, 0, LGR_FL_UNNAMED | LGR_FL_HIDDEN);
}

bool lgr_names_hide(struct lgr_object *object)
{
	uint64_t *inode = (uint64_t *)lgr_field_at(lgr_map_of(object), LGR_FIELD_FILE) + 1;

	if (!lgr_field_known(LGR_FIELD_FILE) || !lgr_is(object, LGR_FL_UNNAMED))
		return false;
	names_of(object)->real_inode = *inode;
	*inode = ~*inode; /* no file's: no file system has that many */
	lgr_registry_set_flags(object, LGR_FL_HIDDEN, 0);
	lgr_count(LGR_N_HIDES);
	return true;
}

/* Read by other processes, so not through /proc/self; all but the id has been there before. */
static void write_copy(const struct lgr_object *object)
{
	struct lgr_names *names = names_of(object);
	struct lgr_text text;

	lgr_text_init(&text, names->copy, sizeof(names->copy));
	lgr_text_add(&text, "/proc/");
	lgr_text_add_number(&text, lgr_sys_getpid());
	lgr_text_add(&text, "/fd/");
	lgr_text_add_number(&text, (uint64_t)object->copy);
}

void lgr_names_use_copy(struct lgr_object *object)
{
	struct lgr_names *names = names_of(object);

	if (!lgr_is(object, LGR_FL_UNNAMED) || !lgr_has_copy(object) ||
	    names->alias.name == names->copy)
		return;
	write_copy(object);
	names->alias.name = names->copy;
	set_name(lgr_map_of(object), names->copy);
}

void lgr_names_forked(void)
{
	struct lgr_object *object = NULL;

	while ((object = lgr_registry_next_kept(object)))
		if (object->names && names_of(object)->alias.name == names_of(object)->copy)
			write_copy(object);
}

const char *lgr_names_real(const struct lgr_object *object)
{
	return names_of(object) ? names_of(object)->real_name : lgr_map_of(object)->l_name;
}

bool lgr_names_match(const struct lgr_object *object, const char *name)
{
	const struct lgr_alias *alias = lgr_field_known(LGR_FIELD_ALIASES) ? *aliases(object)
									   : NULL;

	for (; alias; alias = alias->next)
		if (lgr_equal(alias->name, name))
			return true;
	return false;
}

void lgr_names_forget(struct lgr_object *object)
{
	struct lgr_names *names = names_of(object);

	if (!names)
		return;
	object->names = 0;
	lgr_arena_free(names->name, names->size);
	lgr_arena_free(names, sizeof(*names));
}
