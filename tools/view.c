/*
 * view.c - one process as `linger why` looks at it: linger's objects in it, its mappings, names.
 *
 * Owns struct lgr_view. It is a copy of one moment; memory is read anew each time.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <string.h>

#include "tool.h"

int lgr_view_open(pid_t pid, struct lgr_view *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = lgr_proc_open_on(pid, &ret->proc);
	if (r == 0)
		r = lgr_proc_objects_read(&ret->proc, &ret->objects);
	if (r == 0)
		r = lgr_maps_read(pid, &ret->maps);
	if (r < 0)
		return r;
	ret->dwarf = lgr_dwarf_create(ret);
	return ret->dwarf ? 0 : -ENOMEM;
}

void lgr_view_deinit(struct lgr_view *view)
{
	lgr_dwarf_destroy(view->dwarf);
	lgr_maps_deinit(&view->maps);
	lgr_proc_objects_deinit(&view->objects);
}

int lgr_view_read(const struct lgr_view *view, uint64_t at, void *buf, size_t n)
{
	return lgr_proc_read(view->proc.pid, at, buf, n);
}

int lgr_view_word(const struct lgr_view *view, uint64_t at, uint64_t *ret)
{
	return lgr_view_read(view, at, ret, sizeof(*ret));
}

const struct lgr_proc_object *lgr_view_object(const struct lgr_view *view, uint64_t at)
{
	for (size_t i = 0; i < view->objects.count; i++) {
		const struct lgr_object *o = &view->objects.object[i].object;
		size_t n = sizeof(o->segment) / sizeof(o->segment[0]);

		if (at < o->lo || at >= o->hi)
			continue;
		/* Another object may lie in a hole between segments. */
		for (size_t k = 0; k < o->segments && k < n; k++)
			if (at >= o->segment[k].lo && at < o->segment[k].hi)
				return &view->objects.object[i];
		if (o->segments == 0 || o->segments > n)
			return &view->objects.object[i];
	}
	return NULL;
}

const struct lgr_proc_object *lgr_view_object_by_id(const struct lgr_view *view, uint64_t id)
{
	for (size_t i = 0; i < view->objects.count; i++)
		if (view->objects.object[i].object.id == id)
			return &view->objects.object[i];
	return NULL;
}

const char *lgr_object_name(const struct lgr_proc_object *o)
{
	const char *slash = strrchr(o->path, '/');
	const char *name = slash ? slash + 1 : o->path;

	return *name ? name : o->soname;
}
