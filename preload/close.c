/*
 * close.c - closing for real what has been proven to be unreachable. See close.h.
 *
 * Owns: whose close is under way.
 * SPDX-License-Identifier: MIT
 */
#include "close.h"

#include <linux/futex.h>

#include "detach.h"
#include "fields.h"
#include "hold.h"
#include "keep.h"
#include "loader.h"
#include "lock.h"
#include "names.h"
#include "notice.h"
#include "real.h"
#include "registry.h"
#include "safe.h"
#include "settings.h"
#include "sys.h"

#define PATIENCE 100000000 /* ns that a fork waits */

static _Atomic uint32_t closer; /* its thread's id, 0: nobody */
static _Atomic bool at_call;	/* something was condemned for a dlclose of the program */

/* --------------------------------------------------------------------------------- what is proven */

bool lgr_close_may(const struct lgr_object *object)
{
	return lgr_is(object, LGR_FL_HELD) && !object->redirects &&
	       !lgr_field_nodelete(lgr_map_of(object));
}

/* The policies' oracles answer here: each by a flag; and without a policy nothing is kept. */
bool lgr_close_is_proven(const struct lgr_object *object)
{
	return lgr_close_may(object) &&
	       (lgr_region.policy == LGR_POLICY_OFF || lgr_is(object, LGR_FL_REAPED));
}

static void condemn(struct lgr_object *object)
{
	lgr_registry_set_flags(object, 0, LGR_FL_PROVEN | LGR_FL_REAPED);
	object->reason = LGR_RSN_NONE;
	object->witness = (struct lgr_witness){ .place = LGR_PL_NONE };
	lgr_names_give_back(object); /* glibc frees them */
	lgr_registry_set_state(object, LGR_ST_CONDEMNED, LGR_RSN_NONE);
	lgr_hold_drop(object);
}

void lgr_close_at_call(struct lgr_object *object)
{
	condemn(object);
	atomic_store_explicit(&at_call, true, memory_order_relaxed);
}

bool lgr_close_pending(void)
{
	return atomic_load_explicit(&at_call, memory_order_relaxed) ||
	       ((lgr_region.policy == LGR_POLICY_OFF || lgr_safe()) &&
		atomic_load_explicit(&lgr_region.kept, memory_order_relaxed));
}

/*
 * Makes the proven objects of one namespace ready to go. Returns one of them, to be closed in the
 * name of all; NULL: there is none.
 */
static struct lgr_object *condemn_proven(void)
{
	struct lgr_object *object, *next = lgr_registry_next_kept(NULL), *root = NULL;

	while ((object = next)) {
		next = lgr_registry_next_kept(object);
		if (!lgr_close_is_proven(object) || (root && object->namespace != root->namespace))
			continue;
		condemn(object);
		root = object;
	}
	if (root)
		++*lgr_field_handle_count(lgr_map_of(root));
	return root;
}

/* What is still there was opened again by a destructor, or is needed by what was. */
static void hold_survivors(void)
{
	struct lgr_object *object = NULL;

	while ((object = lgr_registry_next(object))) {
		enum lgr_state state = lgr_state_of(object);

		if ((state != LGR_ST_CONDEMNED && state != LGR_ST_CLOSING) ||
		    lgr_is(object, LGR_FL_HELD | LGR_FL_STARTUP))
			continue;
		lgr_hold(object);
		lgr_registry_set_state(object, LGR_ST_LIVE, LGR_RSN_NONE);
	}
	lgr_keep_settle(NULL, NULL);
}

static void look_after(void)
{
	atomic_store_explicit(&at_call, false, memory_order_relaxed);
	lgr_look_in_load();
	if (!lgr_lock(&lgr_lock_registry))
		return;
	hold_survivors();
	lgr_unlock(&lgr_lock_registry);
}

void lgr_close_look_after(void)
{
	/* Inside a destructor the loader only takes note, and unloads when that has returned. */
	if (atomic_load_explicit(&at_call, memory_order_relaxed) && lgr_loads_depth() == 1)
		look_after();
}

/* Closes one namespace's after the other. Returns with no lock of ours held. */
static void close_all(struct lgr_object *root)
{
	int (*dlclose)(void *) = (int (*)(void *))lgr_real_libc[LGR_REAL_dlclose];
	int saved = *lgr_libc.errno_location();

	atomic_store(&closer, lgr_sys_gettid());
	while (root) {
		void *handle = lgr_map_of(root);

		lgr_unlock(&lgr_lock_registry);
		dlclose(handle);
		root = lgr_lock(&lgr_lock_registry) ? condemn_proven() : NULL;
	}
	if (lgr_lock_held(&lgr_lock_registry))
		lgr_unlock(&lgr_lock_registry);
	look_after();
	atomic_store(&closer, 0);
	lgr_sys_futex(&closer, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL);
	*lgr_libc.errno_location() = saved;
}

int lgr_close_proven(void)
{
	uint64_t unloads = lgr_counted(LGR_N_UNLOADS);
	struct lgr_object *root;

	/* A destructor that never came back, by longjmp for one: nothing is closed here any more. */
	if (atomic_load(&closer) || !lgr_lock(&lgr_lock_registry))
		return 0;
	root = condemn_proven();
	if (root) {
		close_all(root);
	} else {
		lgr_unlock(&lgr_lock_registry);
		if (atomic_load_explicit(&at_call, memory_order_relaxed))
			look_after();
	}
	return (int)(lgr_counted(LGR_N_UNLOADS) - unloads);
}

/* ------------------------------------------------------------------------------------------ forks */

void lgr_close_wait(void)
{
	const struct timespec patience = { .tv_nsec = PATIENCE };
	uint32_t other = atomic_load(&closer);

	if (other && other != lgr_sys_gettid())
		lgr_sys_futex(&closer, FUTEX_WAIT_PRIVATE, other, &patience);
}

void lgr_close_forked(void)
{
	atomic_store(&closer, 0);
}
