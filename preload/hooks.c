/*
 * hooks.c - what happens before each interposed function. All in one shape:
 *
 *	void lgr_before_NAME(the function's arguments);
 *
 * called by the stub of that name, which then jumps to the real function with the same arguments.
 *
 * The rules of the place: the program is in the middle of a call, in any thread, maybe in a
 * constructor, a destructor or a signal handler, maybe before our own constructor. No lock of ours
 * is held on return. errno and dlerror stay as they are: only raw system calls, no dl* call but
 * dl_iterate_phdr, which leaves dlerror alone (and, once in a process, lgr_fields_probe's).
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>

#include "fields.h"
#include "lock.h"
#include "log.h"
#include "notice.h"
#include "registry.h"
#include "start.h"

void lgr_before_dlopen(const char *file, int mode);
void lgr_before_dlmopen(Lmid_t ns, const char *file, int mode);
void lgr_before_dlclose(void *handle);
void lgr_before_dlsym(void *handle, const char *name);
void lgr_before_dlvsym(void *handle, const char *name, const char *version);
void lgr_before___cxa_finalize(void *inside);
__attribute__((visibility("default"))) void __gmon_start__(void);

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void log_call(enum lgr_event event, uint64_t id, uint64_t arg, const char *path)
{
	struct lgr_log_entry entry = { .event = event, .id = id, .arg = arg, .path = path };

	lgr_log_write(&entry);
}

/* What every call that may load or unload begins with. False: linger is off. */
static bool look_around(void)
{
	if (!lgr_ready())
		return false;
	lgr_fields_probe();
	if (lgr_look())
		lgr_load_seen();
	return true;
}

void lgr_before_dlopen(const char *file, int mode)
{
	if (!look_around())
		return;
	lgr_load_begins(true);
	count(&lgr_region.calls_dlopen);
	log_call(LGR_EV_CALL_DLOPEN, 0, (uint64_t)(uint32_t)mode, file);
}

void lgr_before_dlmopen(Lmid_t ns, const char *file, int mode)
{
	if (!look_around())
		return;
	lgr_load_begins(false);
	count(&lgr_region.calls_dlmopen);
	log_call(LGR_EV_CALL_DLMOPEN, 0, (uint64_t)ns, file);
}

/* Who is closed, and whether for the last time: said in the log, so without one nobody asks. */
static void log_close(void *handle)
{
	struct lgr_object *object = NULL;
	bool locked = lgr_lock(&lgr_lock_registry);
	uint32_t flags;

	/* A handle is the address of a link map; only one that is in the list is looked into. */
	if (locked)
		object = lgr_registry_find((uintptr_t)handle, UINT64_MAX);
	if (object) {
		flags = atomic_load_explicit(&object->flags, memory_order_relaxed);
		log_call(LGR_EV_CALL_DLCLOSE, object->id, 0, (const char *)(uintptr_t)object->path);
		if (!(flags & LGR_FL_STARTUP) && lgr_field_handles(handle) == 1)
			lgr_registry_request(object);
	} else {
		log_call(LGR_EV_CALL_DLCLOSE, 0, 0, NULL);
	}
	if (locked)
		lgr_unlock(&lgr_lock_registry);
}

void lgr_before_dlclose(void *handle)
{
	if (!look_around())
		return;
	count(&lgr_region.calls_dlclose);
	if (lgr_log_is_on())
		log_close(handle);
}

/*
 * dlsym takes no lock that a dl_iterate_phdr callback of the program may hold in another thread, so
 * it must not look each time. Behind a dlmopen, whose objects announce nothing, it is the first to
 * come by.
 */
static void before_lookup(void)
{
	if (lgr_ready() && lgr_unlikely(lgr_load_unannounced()) && lgr_look())
		lgr_load_seen();
}

void lgr_before_dlsym(void *handle, const char *name)
{
	before_lookup();
}

void lgr_before_dlvsym(void *handle, const char *name, const char *version)
{
	before_lookup();
}

/* An object's last destructor: gcc's crtstuff.c calls this with the object's __dso_handle. */
void lgr_before___cxa_finalize(void *inside)
{
	if (lgr_ready() && inside)
		lgr_finishing(inside);
}

/* Called by the _init of nearly every object: the weak hook that crti.o leaves for profilers. */
void __gmon_start__(void)
{
	if (!lgr_on())
		return;
	lgr_fields_watch();
	lgr_notice(__builtin_return_address(0));
}
