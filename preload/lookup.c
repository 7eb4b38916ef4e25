/*
 * lookup.c - what dlsym says to who is singled out. See redirect.h.
 *
 * Owns nothing.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>

#include "loader.h"
#include "lock.h"
#include "pages.h"
#include "redirect.h"
#include "registry.h"
#include "scope.h"

/* Where dlsym begins (dlfcn/dlsym.c, elf/dl-sym.c): in what scope, behind which object. */
static bool search(const struct lgr_object *caller, void *handle, const struct lgr_wanted *wanted,
		   struct lgr_found *found)
{
	struct link_map *map = lgr_map_of(caller);
	const struct lgr_scope *scope;

	if (handle == RTLD_DEFAULT)
		return lgr_scope_find(map, NULL, wanted, found);
	if (handle == RTLD_NEXT) {
		scope = lgr_scope_of(map);
		scope = scope ? scope : lgr_scope_global();
		return scope && lgr_scope_search(scope, map, NULL, wanted, found);
	}
	if (!lgr_registry_find((uintptr_t)handle, UINT64_MAX))
		return false;
	scope = lgr_scope_of(handle);
	return scope && lgr_scope_search(scope, NULL, NULL, wanted, found);
}

static uintptr_t lookup(const struct lgr_object *caller, void *handle,
			const struct lgr_wanted *wanted)
{
	const struct lgr_name *name = lgr_index_find(wanted->name);
	struct lgr_object *object;
	struct lgr_site *site;
	struct lgr_found found;
	uintptr_t target;

	if (!name || !name->sites || !search(caller, handle, wanted, &found))
		return 0;
	object = lgr_registry_find((uintptr_t)found.map, UINT64_MAX);
	site = object ? lgr_site_find(object, name, found.symbol) : NULL;
	if (!site)
		return 0;
	target = lgr_site_target(site, caller);
	return target == site->bound ? 0 : target;
}

void *lgr_redirect_lookup(uintptr_t caller, void *handle, const char *name, const char *version)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find(caller));
	struct lgr_wanted wanted = {
		.name = name, .version = version, .address = true, .exact = true
	};
	uintptr_t target = 0;

	/* Only who is singled out, or may be meant by a filter, gets anything but what everybody does. */
	if (!object || !name || (!object->singled && !lgr_redirects_filter()) || !lgr_loads_lock())
		return NULL;
	wanted.hash = lgr_elf_hash(name);
	if (lgr_lock(&lgr_lock_registry)) {
		target = lookup(object, handle, &wanted);
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_loads_unlock();
	return (void *)target;
}
