/*
 * notice.c - hearing of objects that come and go. See notice.h.
 *
 * Owns: where the last walk of the loader's list ended. Guard: lgr_lock_registry.
 *
 * The rule of the place: the list is walked only inside a dl_iterate_phdr callback, where glibc
 * holds its dl_load_write_lock, under which alone the list changes (elf/dl-object.c,
 * elf/dl-close.c). Nothing in here calls the loader.
 * SPDX-License-Identifier: MIT
 */
#include "notice.h"

#include "archive.h"
#include "binding.h"
#include "detach.h"
#include "fields.h"
#include "hold.h"
#include "loaded.h"
#include "loader.h"
#include "lock.h"
#include "log.h"
#include "override.h"
#include "pages.h"
#include "path.h"
#include "real.h"
#include "redirect.h"
#include "region.h"
#include "registry.h"
#include "scrub.h"
#include "sys.h"
#include "text.h"

#define NAMESPACES 16 /* glibc's DL_NNS */

/* All the state. */
static struct {
	uint64_t adds, subs;		   /* the loader's counts at the last walk */
	struct link_map *tail[NAMESPACES]; /* last object of each list then; valid while subs is */
	bool first;			   /* the walk at start */
	/* Since the last walk: an object's destructors ran to their end. */
	_Atomic bool closing;
	/* The last walk passed an object whose load had not come far enough. */
	_Atomic bool unfinished;
} seen = { .first = true };

_Atomic uint32_t lgr_loads_pending;
static __thread struct {
	const uintptr_t *frame; /* of the call; NULL: there is none */
	uintptr_t caller;	/* what stood there */
	uint64_t since;		/* the newest object then */
	bool unused;		/* no lookup since */
	bool global;		/* RTLD_GLOBAL */
} pending;

/* Whose load is being looked at; the program's objects are held, libc's own are not. */
static enum { NOBODYS, PROGRAMS, LIBCS } loader; /* guarded by lgr_lock_registry */

/* ------------------------------------------------------------------------------- loads under way */

void lgr_load_begins(const uintptr_t *frame, bool global)
{
	if (!pending.frame)
		atomic_fetch_add_explicit(&lgr_loads_pending, 1, memory_order_relaxed);
	pending.frame = frame;
	pending.unused = true;
	pending.global = global;
	pending.caller = *frame;
	pending.since = atomic_load_explicit(&lgr_region.loads, memory_order_relaxed);
}

void lgr_load_seen(void)
{
	if (pending.frame) /* pairs with the acquire in linger_query_ */
		atomic_fetch_sub_explicit(&lgr_loads_pending, 1, memory_order_release);
	pending.frame = NULL;
}

bool lgr_load_unused(void)
{
	bool unused = pending.unused;

	pending.unused = false;
	return unused;
}

bool lgr_load_pending(void)
{
	return pending.frame;
}

void lgr_loads_forked(void)
{
	atomic_store_explicit(&lgr_loads_pending, pending.frame != NULL, memory_order_relaxed);
}

/*
 * Is this notice below the program's own dlopen? Not if that loaded nothing and has returned, and
 * libc is now loading something for iconv: then we are not below its frame, or something else stands
 * there. (Taken for the program's all the same, libc's object is kept: that is allowed.)
 */
static bool is_programs_load(void)
{
	if (!pending.frame || (const uintptr_t *)__builtin_frame_address(0) > pending.frame)
		return false;
#ifdef __x86_64__
	return *pending.frame == pending.caller;
#else
	return true;
#endif
}

/* ------------------------------------------------------------------------------ one object's facts */

/* ld.so stands in every namespace's list, under the same addresses. One of them is enough. */
static bool is_stand_in(const struct link_map *map)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find((uintptr_t)map->l_ld));

	return object && object->map != (uintptr_t)map &&
	       (atomic_load_explicit(&object->flags, memory_order_relaxed) & LGR_FL_STARTUP);
}

/*
 * A new object's hold. Met by a look, it is left to its own notice, if it gives one: only there it is
 * known who loads it.
 */
static void settle_hold(struct lgr_object *object)
{
	/* The loader puts it into the global scope behind its constructors (elf/dl-open.c). */
	if (loader == PROGRAMS && pending.global)
		lgr_registry_set_flags(object, LGR_FL_GLOBAL, 0);
	if (!lgr_region.holding)
		return;
	/* What runs in there calls its own dlopen and dlclose, past the shim. What is closed from
	 * here is held in its close. */
	if (object->namespace)
		lgr_hold_note_file(object);
	else if (loader == PROGRAMS || (loader == NOBODYS && !lgr_is(object, LGR_FL_NOTICED)))
		lgr_hold(object);
	else if (loader == LIBCS)
		lgr_registry_set_flags(object, LGR_FL_LIBC, 0);
	/* No code of it has run yet. */
	if (loader == PROGRAMS && lgr_is(object, LGR_FL_HELD))
		lgr_detach_data(object);
}

static void add(struct link_map *map, uint32_t namespace)
{
	struct lgr_object *object;
	static char buffer[2 * 4096] LGR_BIG; /* guarded by lgr_lock_registry, as all here */
	struct dl_find_object found = { 0 };
	struct lgr_load load = {
		.map = (uintptr_t)map,
		.serial = lgr_field_serial(map),
		.namespace = namespace,
	};

	/*
	 * In the list, but not in the loader's table of addresses: another thread is still mapping
	 * and relocating it, and may yet fail. What is in the table is relocated and here to stay
	 * (elf/dl-open.c, dl_open_worker_begin, the same from 2.35 to 2.42).
	 */
	if (lgr_libc.find_object((void *)map->l_ld, &found) != 0) {
		seen.unfinished = true;
		return;
	}
	lgr_elf_init(&load.elf, map->l_addr, map->l_ld);
	load.lo = (uintptr_t)found.dlfo_map_start;
	load.hi = (uintptr_t)found.dlfo_map_end;
	load.headers = lgr_loaded_headers(map, load.lo, load.hi, &load.header_count);
	if (seen.first)
		load.flags |= LGR_FL_STARTUP;
	if (namespace)
		load.flags |= LGR_FL_NAMESPACE;
	if (map == lgr_libc.head) {
		load.flags |= LGR_FL_MAIN;
		load.headers = lgr_loaded_program(&load.header_count);
		load.path = lgr_log_exe();
	} else {
		/* The loader keeps what dlopen was given, which may be relative; the vDSO's name is
		 * no path. */
		load.path = map->l_name;
		if (!lgr_first(load.path, '/'))
			load.flags |= LGR_FL_VDSO;
		else if (*load.path != '/' && lgr_path_absolute(load.path, buffer, sizeof(buffer)))
			load.path = buffer;
	}
	if (!seen.first) /* what stays for ever need not say when it comes and goes */
		load.flags |= lgr_binding_settle(&load);
	if (lgr_field_known(LGR_FIELD_FILE)) {
		const uint64_t *id = lgr_field_at(map, LGR_FIELD_FILE);

		load.file.dev = id[0];
		load.file.ino = id[1];
	}
	lgr_scrub_settle(&load);
	object = lgr_registry_add(&load);
	if (object && !seen.first) {
		settle_hold(object);
		lgr_redirect_new_object(object);
	}
}

/* --------------------------------------------------------------------------------------- the walk */

static void visit(struct link_map *map, uint32_t namespace)
{
	struct lgr_object *object = lgr_registry_find((uintptr_t)map, lgr_field_serial(map));

	if (object)
		lgr_registry_mark(object);
	else if (!is_stand_in(map))
		add(map, namespace);
}

/*
 * The lists of all namespaces, found as debuggers find them: since glibc 2.35 the r_debug structures
 * are chained when there is more than one (link.h, struct r_debug_extended). A namespace that has
 * been emptied has no first object.
 */
static void walk_namespace(struct r_debug *r, uint32_t n, bool only_new)
{
	struct link_map *map = r->r_map;

	if (only_new && seen.tail[n])
		map = seen.tail[n]->l_next;
	else
		seen.tail[n] = NULL;
	for (; map; map = map->l_next) {
		visit(map, n);
		seen.tail[n] = map;
	}
}

static void walk(bool only_new)
{
	struct r_debug_extended *r = (struct r_debug_extended *)lgr_libc.debug;

	if (!only_new)
		lgr_registry_sweep_begin();
	for (uint32_t n = 0; r && n != NAMESPACES; n++) {
		walk_namespace(&r->base, n, only_new);
		r = r->base.r_version == 1 ? NULL : r->r_next;
	}
	if (!only_new)
		lgr_registry_sweep_end();
}

/*
 * Called by dl_iterate_phdr for the first object; ends the iteration there. seen's counts change only
 * in here, under glibc's lock, so comparing them takes no lock of ours.
 */
static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	uint64_t adds = info->dlpi_adds, subs = info->dlpi_subs;
	bool only_new;

	if (adds == seen.adds && subs == seen.subs && !seen.unfinished && !seen.first)
		return 1;
	if (!lgr_lock(&lgr_lock_registry))
		return 1; /* a signal handler inside a walk: the next look will do */
	if (seen.first) {
		/* The first object is the program. */
		lgr_loaded_note_program(info->dlpi_phdr, info->dlpi_phnum);
	}
	/* With several namespaces subs is no count of removals any more: dl_iterate_phdr counts a
	 * namespace's objects once for each of them. It still changes with every removal. */
	only_new = subs == seen.subs && lgr_libc.debug->r_version == 1 && !seen.unfinished &&
		   !seen.first;
	seen.unfinished = false;
	atomic_store_explicit(&seen.closing, false, memory_order_relaxed);
	walk(only_new);
	seen.adds = adds;
	seen.subs = subs;
	lgr_unlock(&lgr_lock_registry);
	return 1;
}

bool lgr_look(void)
{
	/* Inside our own code, or somebody is inside the list: the next look will do. */
	if (lgr_lock_held(&lgr_lock_registry) || lgr_lock_held(&lgr_lock_log) || !lgr_loader_try())
		return false;
	lgr_libc.dl_iterate_phdr(look, NULL);
	lgr_loader_unlock();
	return true;
}

/*
 * In a load this thread has the loader's other lock, without which the list does not change either
 * (elf/dl-open.c, elf/dl-close.c), so nothing need be waited for. The counts of the list are not
 * known then; the next look compares all of it.
 */
bool lgr_look_in_load(void)
{
	if (lgr_lock_held(&lgr_lock_registry) || lgr_lock_held(&lgr_lock_log))
		return false;
	if (lgr_loader_try()) {
		lgr_libc.dl_iterate_phdr(look, NULL);
		lgr_loader_unlock();
	} else if (lgr_lock(&lgr_lock_registry)) {
		walk(false);
		atomic_store_explicit(&seen.unfinished, true, memory_order_relaxed);
		lgr_unlock(&lgr_lock_registry);
	}
	return true;
}

void lgr_look_if_closing(void)
{
	if (atomic_load_explicit(&seen.closing, memory_order_relaxed))
		lgr_look();
}

void lgr_look_first(void)
{
	lgr_libc.dl_iterate_phdr(look, NULL);
	seen.first = false;
}

/* ------------------------------------------------------------------------------------ the notices */

/* The first of a load takes in all of it; for the others this is where it ends. */
static bool is_known(uint64_t word)
{
	return word && lgr_word_state(word) == LGR_ST_LIVE && !(word & LGR_WORD_CHECK) &&
	       ((word & (LGR_WORD_SETTLED | LGR_WORD_STARTUP)) || !lgr_region.holding);
}

/* Another thread's look may have met them before: the objects of this load whose hold is not settled. */
static void settle_holds(const void *caller)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find((uintptr_t)caller));

	if (!object || !lgr_region.holding)
		return;
	lgr_fields_learn(lgr_map_of(object));
	if (lgr_is(object, LGR_FL_HELD))
		return;
	settle_hold(object);
	object = NULL;
	while (loader == PROGRAMS && (object = lgr_registry_next(object)))
		if (object->id > pending.since)
			settle_hold(object);
}

void lgr_notice(const void *caller)
{
	if (is_known(lgr_pages_find((uintptr_t)caller)))
		return;
	if (lgr_lock(&lgr_lock_registry)) {
		loader = is_programs_load() ? PROGRAMS : LIBCS;
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_look_in_load();
	if (lgr_lock(&lgr_lock_registry)) {
		settle_holds(caller);
		loader = NOBODYS;
		lgr_unlock(&lgr_lock_registry);
	}
	lgr_load_seen();
	lgr_archive_look(false);
}

static _Atomic bool exiting;

bool lgr_exiting(void)
{
	return atomic_load_explicit(&exiting, memory_order_relaxed);
}

/* In a program that is not position-independent the main object's __dso_handle is NULL. */
static bool is_of_the_start(const void *inside, const struct lgr_object *object)
{
	return inside ? object && lgr_is(object, LGR_FL_STARTUP) : !lgr_libc.head->l_addr;
}

void lgr_finishing(const void *inside)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find((uintptr_t)inside));
	bool overrides;

	if (is_of_the_start(inside, object))
		atomic_store_explicit(&exiting, true, memory_order_relaxed);
	if (!object || lgr_is(object, LGR_FL_STARTUP))
		return;
	/* The dlclose has it; of what goes with what was closed, this is all that tells before it is gone. */
	overrides = lgr_override_is_on() && !lgr_region.holding && !lgr_exiting() &&
		    lgr_loads_try();
	/* A destructor's dlclose is carried out behind the unmapping of that destructor's library. */
	if (overrides)
		lgr_look_in_load();
	if (lgr_lock(&lgr_lock_registry)) {
		if (lgr_registry_object(lgr_pages_find((uintptr_t)inside)) == object) {
			if (overrides)
				lgr_redirect_object_given_up(object);
			lgr_registry_set_state(object, LGR_ST_CLOSING, LGR_RSN_NONE);
		}
		atomic_store_explicit(&seen.closing, true, memory_order_relaxed);
		lgr_unlock(&lgr_lock_registry);
	}
	if (overrides)
		lgr_loads_unlock();
}
