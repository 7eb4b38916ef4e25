/*
 * hold.c - what keeps glibc from unloading an object without us. See hold.h.
 *
 * Owns nothing; one count in each link map is ours where the object has LGR_FL_HELD.
 * SPDX-License-Identifier: MIT
 */
#include "hold.h"

#include "fields.h"
#include "registry.h"
#include "sys.h"

/*
 * There are 16 namespaces at once (glibc's DL_NNS), and one is free again when all its objects are
 * gone: a program that makes one for each use would soon get none.
 */
#define NAMESPACES_HELD 3u

static uint64_t *count_of(const struct lgr_object *object)
{
	return lgr_field_at(lgr_map_of(object), LGR_FIELD_HOLDS);
}

/* By which a change is recognised later. Another file already: then nobody can say. */
void lgr_hold_note_file(struct lgr_object *object)
{
	const struct link_map *map = lgr_map_of(object);
	const uint64_t *id = lgr_field_at(map, LGR_FIELD_FILE);
	struct lgr_file now;

	if (!lgr_field_known(LGR_FIELD_FILE) || lgr_sys_file(lgr_path_of(object), &now) < 0 ||
	    now.dev != id[0] || now.ino != id[1])
		return;
	object->file = now;
	object->file.known_ns = lgr_sys_clock(CLOCK_REALTIME_COARSE);
}

bool lgr_hold_can(const struct lgr_object *object)
{
	return lgr_region.holding && object->namespace <= NAMESPACES_HELD;
}

void lgr_hold(struct lgr_object *object)
{
	if (!lgr_region.holding || lgr_is(object, LGR_FL_STARTUP | LGR_FL_HELD))
		return;
	if (!lgr_hold_can(object)) {
		lgr_registry_refuse(object, LGR_RSN_E_HOLD);
		return;
	}
	/* Counted by other threads without a lock (stdlib/cxa_thread_atexit_impl.c). */
	__atomic_fetch_add(count_of(object), 1, __ATOMIC_RELAXED);
	lgr_registry_set_flags(object, LGR_FL_HELD, LGR_FL_LIBC);
	if (!object->file.known_ns)
		lgr_hold_note_file(object);
}

void lgr_hold_drop(struct lgr_object *object)
{
	if (!lgr_is(object, LGR_FL_HELD))
		return;
	lgr_registry_set_flags(object, 0, LGR_FL_HELD);
	__atomic_fetch_sub(count_of(object), 1, __ATOMIC_RELEASE);
}
