/*
 * hooks.c - what happens before each interposed function. All in one shape:
 *
 *	void lgr_before_NAME(the function's arguments, and where its return address is);
 *
 * called by the stub of that name, which then jumps to the real function with the same arguments. That
 * of dlclose alone may have called the real function, and then returns its result.
 *
 * The rules of the place: the program is in the middle of a call, in any thread, maybe in a
 * constructor, a destructor or a signal handler, maybe before our own constructor. No lock of ours is
 * held on return. errno stays as it is: only raw system calls. So does dlerror, but in the hooks of
 * dlopen, dlmopen and dlclose, which are about to set it: there lgr_fields_probe (once) and
 * lgr_close_proven and lgr_control_serve call the loader; nothing else does, but for dl_iterate_phdr,
 * which leaves it alone.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <signal.h>

#include "archive.h"
#include "control.h"
#include "fields.h"
#include "given.h"
#include "keep.h"
#include "kernel.h"
#include "loader.h"
#include "lock.h"
#include "log.h"
#include "notice.h"
#include "override.h"
#include "real.h"
#include "redirect.h"
#include "start.h"
#include "stub.h"

const char *lgr_before_dlopen(const char *file, int mode, long unused, const uintptr_t *frame);
Lmid_t lgr_before_dlmopen(Lmid_t ns, const char *file, int mode, const uintptr_t *frame);
int lgr_before_dlclose(void *handle, long unused, long as_well, const uintptr_t *frame);
void *lgr_before_dlsym(void *handle, const char *name, long unused, const uintptr_t *frame);
void *lgr_before_dlvsym(void *handle, const char *name, const char *version,
			const uintptr_t *frame);
void lgr_before___cxa_finalize(void *inside);
__attribute__((visibility("default"))) void __gmon_start__(void);
__attribute__((visibility("default"))) int sigaltstack(const stack_t *restrict new,
						       stack_t *restrict old);

static void log_open(enum lgr_event event, uint64_t arg, const char *path)
{
	struct lgr_log_entry entry = { .event = event, .arg = arg, .path = path };

	lgr_log_write(&entry);
}

/* As the real function is about to, waits for the loads' lock; but only where there is something to do. */
static void see_to_redirects(void)
{
	if (lgr_unlikely(lgr_redirects_waiting()) && lgr_keep_enter())
		lgr_keep_leave();
}

/* What every call that may load or unload begins with. False: linger is off. */
static bool look_around(void)
{
	if (!lgr_ready())
		return false;
	lgr_fields_probe();
	if (lgr_region.holding || lgr_redirects_any() || lgr_override_is_on())
		lgr_loads_find_lock();
	if (lgr_look())
		lgr_load_seen();
	lgr_given();
	lgr_control_serve();
	see_to_redirects();
	lgr_archive_look(true);
	return true;
}

/* Returns what is to be opened: its first argument, but in archive_mode:open. */
const char *lgr_before_dlopen(const char *file, int mode, long unused, const uintptr_t *frame)
{
	if (!look_around())
		return file;
	lgr_count(LGR_N_CALLS_DLOPEN);
	log_open(LGR_EV_CALL_DLOPEN, (uint64_t)(uint32_t)mode, file);
	file = lgr_archive_before_open(file, mode, true);
	lgr_keep_before_open(file, frame);
	lgr_load_begins(frame, mode & RTLD_GLOBAL);
	return file;
}

/* Returns its first argument. */
Lmid_t lgr_before_dlmopen(Lmid_t ns, const char *file, int mode, const uintptr_t *frame)
{
	if (!look_around())
		return ns;
	lgr_count(LGR_N_CALLS_DLMOPEN);
	log_open(LGR_EV_CALL_DLMOPEN, (uint64_t)ns, file);
	lgr_archive_before_open(file, mode, false);
	lgr_keep_before_open(NULL, frame);
	lgr_load_begins(frame, false);
	return ns;
}

int lgr_before_dlclose(void *handle, long unused, long as_well, const uintptr_t *frame)
{
	if (!look_around())
		return LGR_NOT_CLOSED;
	lgr_count(LGR_N_CALLS_DLCLOSE);
	return lgr_keep_close(handle, frame);
}

/*
 * dlsym takes no lock that a dl_iterate_phdr callback of the program may hold in another thread, so
 * it must not look each time. Behind an open that announced nothing (a dlmopen, an object without
 * _init, one that was there already) it is the first to come by.
 */
static void before_lookup(void)
{
	if (!lgr_ready() || lgr_likely(!lgr_load_unused()))
		return;
	lgr_keep_after_open();
	if (lgr_load_pending() && lgr_look())
		lgr_load_seen();
	see_to_redirects();
	lgr_archive_look(true);
}

/* NULL: as glibc says. frame: stub.h */
void *lgr_before_dlsym(void *handle, const char *name, long unused, const uintptr_t *frame)
{
	before_lookup();
	return lgr_redirects_any() ? lgr_redirect_lookup(lgr_stub_caller(frame), handle, name, NULL)
				   : NULL;
}

void *lgr_before_dlvsym(void *handle, const char *name, const char *version, const uintptr_t *frame)
{
	before_lookup();
	return lgr_redirects_any()
		       ? lgr_redirect_lookup(lgr_stub_caller(frame), handle, name, version)
		       : NULL;
}

/* An object's last destructor: gcc's crtstuff.c calls this with the object's __dso_handle. */
void lgr_before___cxa_finalize(void *inside)
{
	if (lgr_ready())
		lgr_finishing(inside);
}

/*
 * Not a stub: nobody cares who the caller is. The kernel shows a thread's alternate signal stack to no
 * other thread, so what stands in an object is noted here.
 */
int sigaltstack(const stack_t *restrict new, stack_t *restrict old)
{
	bool ready = lgr_ready();
	int (*real)(const stack_t *, stack_t *) =
		(int (*)(const stack_t *, stack_t *))lgr_real[LGR_REAL_sigaltstack];
	int r = real(new, old);

	if (r == 0 && new &&ready)
		lgr_kernel_altstack(new->ss_flags &SS_DISABLE ? NULL : new->ss_sp, new->ss_size);
	return r;
}

/* Called by the _init of nearly every object: the weak hook that crti.o leaves for profilers. */
void __gmon_start__(void)
{
	if (!lgr_on())
		return;
	lgr_fields_watch();
	lgr_notice(__builtin_return_address(0));
	lgr_given();
	if (lgr_redirects_waiting() && lgr_lock(&lgr_lock_registry)) {
		lgr_redirects_settle(); /* the load whose notice this is has the loads' lock */
		lgr_unlock(&lgr_lock_registry);
	}
}
