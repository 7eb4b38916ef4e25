/*
 * valgrind.c - does valgrind run the process? See valgrind.h.
 *
 * Owns: what was found, once. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "valgrind.h"

#include "registry.h"
#include "text.h"

/* Each of its tools preloads a library of its own, vgpreload_core among them. */
static bool find(void)
{
	const struct lgr_object *object = NULL;

	while ((object = lgr_registry_next(object))) {
		const char *name = lgr_last(lgr_path_of(object), '/');

		if (lgr_is(object, LGR_FL_STARTUP) && name && lgr_after(name, "/vgpreload_"))
			return true;
	}
	return false;
}

bool lgr_in_valgrind(void)
{
	static int found = -1;

	if (found < 0)
		found = find();
	return found;
}
