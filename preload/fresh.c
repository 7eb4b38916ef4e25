/*
 * fresh.c - dlopen of a file that has changed gives the new code. See fresh.h.
 *
 * Owns: how many objects have been given up that glibc does not unload. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "fresh.h"

#include "detach.h"
#include "environment.h"
#include "fields.h"
#include "group.h"
#include "names.h"
#include "path.h"
#include "registry.h"
#include "sys.h"
#include "text.h"

static _Atomic uint32_t given_up;

static bool set(enum lgr_setting which) /* to its second choice: fresh, nodelete */
{
	return lgr_settings.of[which].number == 1;
}

/* --------------------------------------------------------------------------------------- hiding */

static uint64_t hidden_of(const struct lgr_file *file)
{
	const struct lgr_object *other = NULL;
	uint64_t n = 0;

	while ((other = lgr_registry_next_kept(other)))
		n += lgr_is(other, LGR_FL_HIDDEN) && other->file.ino == file->ino &&
		     other->file.dev == file->dev;
	return n;
}

/* Why there must not be a second instance of it; NONE: there may. */
static enum lgr_reason objection(const struct lgr_object *object)
{
	if (lgr_is(object, LGR_FL_STATIC_TLS))
		return LGR_RSN_STATIC_TLS;
	/* Both would share the storage of the first one, whatever its size was. */
	if (lgr_is(object, LGR_FL_UNIQUE))
		return LGR_RSN_UNIQUE;
	if (hidden_of(&object->file) >= lgr_settings.of[LGR_SET_KEPT_MAX].number)
		return LGR_RSN_KEPT_MAX;
	return LGR_RSN_NONE;
}

static void hide(struct lgr_object *object)
{
	enum lgr_reason reason = objection(object);

	if (!reason && !lgr_names_hide(object))
		reason = LGR_RSN_E_FIELDS;
	if (reason)
		lgr_registry_refuse(object, reason);
}

void lgr_fresh_kept(struct lgr_object *object)
{
	if (set(LGR_SET_REOPEN))
		hide(object);
}

/* ------------------------------------------------------------------------------- what glibc keeps */

void lgr_fresh_given_up(struct lgr_object *object)
{
	if (!set(LGR_SET_FRESH))
		return;
	lgr_detach(object);
	atomic_fetch_add_explicit(&given_up, 1, memory_order_relaxed);
}

/* Is it this object that the call names: by its path, by its file, by its bare name or by another one
 * that led to it before? */
static bool is_named(const struct lgr_object *object, const char *file)
{
	static char absolute[4096] LGR_BIG;
	const char *slash = lgr_last(lgr_path_of(object), '/');
	struct lgr_file now;

	if (lgr_names_match(object, file))
		return true;
	if (!lgr_first(file, '/'))
		return slash && lgr_equal(file, slash + 1);
	if (lgr_path_absolute(file, absolute, sizeof(absolute)) &&
	    lgr_equal(absolute, lgr_path_of(object)))
		return true;
	return lgr_sys_file(file, &now) == 0 && now.ino == object->file.ino &&
	       now.dev == object->file.dev;
}

static bool is_given_up(const struct lgr_object *object)
{
	const struct link_map *map = lgr_map_of(object);

	return object->let_go && object->let_go >= lgr_field_handles(map) &&
	       lgr_state_of(object) == LGR_ST_LIVE;
}

static bool exists(const struct lgr_object *object)
{
	struct lgr_file now;

	return lgr_sys_file(lgr_path_of(object), &now) == 0;
}

static void replace_given_up(struct lgr_object *object)
{
	enum lgr_reason reason = objection(object);

	if (!reason && (!lgr_group_mark(NULL, object) || lgr_group_uses(object)))
		reason = LGR_RSN_DEPENDENTS;
	if (reason) {
		lgr_registry_refuse(object, reason);
		return;
	}
	lgr_registry_set_state(object, LGR_ST_KEPT, LGR_RSN_NODELETE);
	if (!lgr_names_take(object) || !lgr_names_hide(object))
		lgr_registry_refuse(object, LGR_RSN_E_FIELDS);
	lgr_names_use_copy(object);
}

/* ---------------------------------------------------------------------------------------- opening */

bool lgr_fresh_concerns(void)
{
	return atomic_load_explicit(&lgr_region.kept, memory_order_relaxed) ||
	       atomic_load_explicit(&given_up, memory_order_relaxed);
}

/*
 * Its own path leads elsewhere, so a search finds it only if its file has another name: asked for by
 * that name, it is looked at there.
 */
static bool is_rewritten_elsewhere(const struct lgr_object *object, const char *file)
{
	const struct lgr_file *was = &object->file;
	struct lgr_file now;

	return file && lgr_first(file, '/') && lgr_sys_file(file, &now) == 0 &&
	       now.ino == was->ino && now.dev == was->dev &&
	       (now.size != was->size || now.changed_ns != was->changed_ns);
}

static void look_at_file(struct lgr_object *object, const char *file)
{
	enum lgr_change change = lgr_file_changed(object);

	if (change == LGR_SAME) {
		lgr_registry_set_flags(object, 0, LGR_FL_OUTDATED);
		return;
	}
	if (!lgr_is(object, LGR_FL_HIDDEN) &&
	    (change == LGR_REWRITTEN || is_rewritten_elsewhere(object, file)))
		hide(object);
	/* Where it is gone from its path, a search for it may end elsewhere, or nowhere. */
	lgr_registry_set_flags(object, LGR_FL_OUTDATED, 0);
	lgr_names_use_copy(object);
}

static bool is_current(struct lgr_object *needed, void *arg)
{
	return lgr_state_of(needed) != LGR_ST_KEPT ||
	       !lgr_is(needed, LGR_FL_HIDDEN | LGR_FL_OUTDATED);
}

/*
 * An object is bound to what it needed when it was loaded: given back, it would run the old code of a
 * dependency that has changed. So it is hidden, too. What was opened itself has a list of all that is
 * below it; of the others what they need is looked at, until nothing is hidden any more.
 */
static bool hide_dependents(void)
{
	struct lgr_object *object = NULL;
	bool any = false;

	while ((object = lgr_registry_next_kept(object))) {
		if (lgr_is(object, LGR_FL_HIDDEN) || lgr_group_needs(object, is_current, NULL))
			continue;
		hide(object);
		any |= lgr_is(object, LGR_FL_HIDDEN);
	}
	return any;
}

/* A name that a live object has: then the loader looks at no file. */
static bool is_live(const char *file)
{
	const struct lgr_object *object = NULL;

	while ((object = lgr_registry_next(object)))
		if (lgr_state_of(object) == LGR_ST_LIVE && !object->namespace && !object->let_go &&
		    lgr_names_match(object, file))
			return true;
	return false;
}

void lgr_fresh_before_open(const char *file)
{
	struct lgr_object *object = NULL;

	if (file && is_live(file))
		return;
	while ((object = lgr_registry_next_kept(object)))
		if (!lgr_is(object, LGR_FL_HIDDEN) || !lgr_is(object, LGR_FL_OUTDATED))
			look_at_file(object, file);
	while (lgr_group_known() && hide_dependents())
		;
	if (!file || !atomic_load_explicit(&given_up, memory_order_relaxed))
		return;
	while ((object = lgr_registry_next(object)))
		if (is_given_up(object) && is_named(object, file) && exists(object) &&
		    lgr_file_changed(object) != LGR_SAME)
			replace_given_up(object);
}
