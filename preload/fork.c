/*
 * fork.c - what the child of a fork must find right.
 *
 * The child has one thread, the caller of fork. So that it does not inherit a lock that another thread
 * held, nor a registry in the middle of a change, our locks are taken around the fork: whoever has one
 * is soon done, and whoever waits for one meanwhile gives up (lock.h). vfork and _Fork run no
 * handlers: the child of the first shares our memory and changes nothing; that of the second finds out
 * in log.c.
 * SPDX-License-Identifier: MIT
 */
#include "archive.h"
#include "close.h"
#include "control.h"
#include "kernel.h"
#include "loader.h"
#include "lock.h"
#include "log.h"
#include "names.h"
#include "notice.h"
#include "reach.h"
#include "real.h"
#include "start.h"

/*
 * Takes a lock, unless this thread has it already: a signal handler forks inside our own code, or
 * inside another fork, which goes on in both processes and gives the lock back itself.
 */
struct taken {
	struct lgr_lock *lock;
	uint32_t nested; /* guarded by the lock */
};
static struct taken registry = { &lgr_lock_registry, 0 }, log_file = { &lgr_lock_log, 0 };

static void take(struct taken *taken)
{
	if (!lgr_lock_for_fork(taken->lock))
		taken->nested++;
}

static void give_back(struct taken *taken)
{
	if (taken->nested)
		taken->nested--;
	else
		lgr_unlock(taken->lock);
}

void lgr_fork_before(void)
{
	if (lgr_on())
		lgr_look_if_closing();
	lgr_close_wait();
	lgr_lock_fork_begins();
	take(&registry);
	take(&log_file);
}

static void after(void)
{
	give_back(&log_file);
	give_back(&registry);
	lgr_lock_fork_ends(false);
}

static void in_child(void)
{
	give_back(&log_file);
	give_back(&registry);
	lgr_lock_fork_ends(true);
	lgr_loader_forked();
	lgr_close_forked();
	lgr_reach_forked();
	lgr_kernel_forked();
	lgr_names_forked();
	lgr_loads_forked();
	lgr_log_forked();
	lgr_archive_forked();
	lgr_control_forked();
}

int lgr_fork_register(void)
{
	return lgr_libc.register_atfork(lgr_fork_before, after, in_child, NULL);
}
