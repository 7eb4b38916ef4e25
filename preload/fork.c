/*
 * fork.c - what the child of a fork must find right.
 *
 * The child has one thread, the caller of fork. So that it does not inherit a lock that another
 * thread held, nor a registry in the middle of a change, our locks are taken around the fork. Ours
 * are leaves: whoever holds one is soon done. vfork and _Fork run no handlers: the child of the
 * first shares our memory and changes nothing; that of the second finds out in log.c.
 * SPDX-License-Identifier: MIT
 */
#include "lock.h"
#include "log.h"
#include "notice.h"
#include "real.h"
#include "start.h"
#include "sys.h"

/* Per fork; handlers of two forks cannot overlap while the registry's lock is held. */
static bool registry_held, log_held;

static void before(void)
{
	bool registry;

	if (lgr_on())
		lgr_look_if_closing();
	registry = lgr_lock(&lgr_lock_registry);
	/* False: a signal handler forks inside our own code, which goes on in both processes. */
	registry_held = registry;
	log_held = lgr_lock(&lgr_lock_log);
}

static void after(void)
{
	if (log_held)
		lgr_unlock(&lgr_lock_log);
	if (registry_held)
		lgr_unlock(&lgr_lock_registry);
}

static void in_child(void)
{
	after();
	lgr_region.pid = lgr_sys_getpid();
	lgr_loads_forked();
	lgr_log_forked();
}

int lgr_fork_register(void)
{
	return lgr_libc.register_atfork(before, after, in_child, NULL);
}
