/*
 * loader.c - the loader's two locks. See loader.h.
 *
 * Owns: the places of the locks, each found once. Callable from anywhere afterwards.
 * SPDX-License-Identifier: MIT
 */
#include "loader.h"

#include <pthread.h>

#include "log.h"
#include "real.h"
#include "sys.h"
#include "text.h"

#define STEP 8u	       /* a mutex stands at a multiple of it */
#define SEEK_MOST 100u /* looks for the second lock, while others have it each time */
#define CANDIDATES 64u /* recursive mutexes, and what looks like one: 9 places in 2.36 */

static pthread_mutex_t *list_lock;
static _Atomic(pthread_mutex_t *) loads_lock;
static _Atomic uint32_t holders; /* looks of ours that have it, or are about to try */

struct search {
	uint32_t tid, n;
	struct {
		pthread_mutex_t *at;
		uint32_t count;
	} candidate[CANDIDATES];
	pthread_mutex_t *hit;
	uint32_t hits;
};

static void gather(struct search *s)
{
	uintptr_t at = lgr_libc.rtld_global, end = at + lgr_libc.rtld_global_size;

	for (; at + sizeof(pthread_mutex_t) <= end && s->n < CANDIDATES; at += STEP) {
		pthread_mutex_t *m = (pthread_mutex_t *)at;

		if (m->__data.__kind != PTHREAD_MUTEX_RECURSIVE)
			continue;
		s->candidate[s->n].at = m;
		s->candidate[s->n++].count = m->__data.__count;
	}
}

/* Inside the callback the lock is taken once more than outside, recursively, by this thread. */
static int compare(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;

	for (uint32_t i = 0; i < s->n; i++) {
		pthread_mutex_t *m = s->candidate[i].at;

		if (m->__data.__lock != 1 || (uint32_t)m->__data.__owner != s->tid ||
		    m->__data.__count != s->candidate[i].count + 1)
			continue;
		s->hit = m;
		s->hits++;
	}
	return 1;
}

void lgr_loader_find_lock(void)
{
	struct search s = { .tid = lgr_sys_gettid() };

	gather(&s);
	lgr_libc.dl_iterate_phdr(compare, &s);
	if (s.hits == 1)
		list_lock = s.hit;
	else
		lgr_log_error(LGR_RSN_E_FIELDS, "dl_load_write_lock");
}

/*
 * Counted before the lock is taken and after it is given back, so that a fork at any moment in between
 * finds a holder. 0 already: freed by the fork of a handler that interrupted the look.
 */
static void forget_holder(void)
{
	if (atomic_load(&holders))
		atomic_fetch_sub(&holders, 1);
}

bool lgr_loader_try(void)
{
	if (!list_lock)
		return false;
	atomic_fetch_add(&holders, 1);
	if (lgr_libc.trylock(list_lock) == 0)
		return true;
	forget_holder();
	return false;
}

void lgr_loader_unlock(void)
{
	lgr_libc.unlock(list_lock);
	forget_holder();
}

/*
 * A recursive mutex whose count is at its end refuses to be locked once more (EAGAIN, which glibc does
 * not look at) and still counts down when it is unlocked: so it tells that dladdr took it.
 */
static bool is_taken_by_dladdr(pthread_mutex_t *m)
{
	uint32_t was = m->__data.__count;
	Dl_info info;
	bool taken;

	m->__data.__count = UINT32_MAX;
	lgr_libc.dladdr(&list_lock, &info);
	taken = m->__data.__count == UINT32_MAX - 1;
	m->__data.__count = was;
	return taken;
}

static _Atomic bool not_found; /* and never will be */

void lgr_loads_find_lock(void)
{
	pthread_mutex_t *m = list_lock ? list_lock - 1 : NULL;

	if (lgr_likely(atomic_load_explicit(&loads_lock, memory_order_relaxed)) || not_found)
		return;
#ifdef LGR_FORGET
	if (lgr_equal(LGR_FORGET, "dl_load_lock"))
		m = NULL;
#endif
	if (m && m->__data.__kind == PTHREAD_MUTEX_RECURSIVE) {
		if (lgr_libc.trylock(m) != 0)
			return; /* somebody has it */
		not_found = !is_taken_by_dladdr(m);
		lgr_libc.unlock(m);
	} else {
		not_found = true;
	}
	if (not_found)
		lgr_log_error(LGR_RSN_E_FIELDS, "dl_load_lock");
	else
		atomic_store_explicit(&loads_lock, m, memory_order_relaxed);
}

void lgr_loads_seek_lock(void)
{
	Dl_info info;

	lgr_loads_find_lock();
	for (unsigned i = 0; i < SEEK_MOST && !not_found &&
			     !atomic_load_explicit(&loads_lock, memory_order_relaxed);
	     i++) {
		lgr_libc.dladdr(&list_lock, &info);
		lgr_loads_find_lock();
	}
}

uint32_t lgr_loads_lock(void)
{
	pthread_mutex_t *m = atomic_load_explicit(&loads_lock, memory_order_relaxed);

	if (!m || lgr_libc.lock(m) != 0)
		return 0;
	return m->__data.__count;
}

uint32_t lgr_loads_try(void)
{
	pthread_mutex_t *m = atomic_load_explicit(&loads_lock, memory_order_relaxed);

	return m && lgr_libc.trylock(m) == 0 ? m->__data.__count : 0;
}

uint32_t lgr_loads_depth(void)
{
	return atomic_load_explicit(&loads_lock, memory_order_relaxed)->__data.__count;
}

void lgr_loads_unlock(void)
{
	lgr_libc.unlock(atomic_load_explicit(&loads_lock, memory_order_relaxed));
}

void lgr_loader_forked(void)
{
	/*
	 * Also where this thread forked in a signal handler inside a look: the child has another
	 * thread id, so the look cannot give the lock back itself (nor can glibc, to whom that happens
	 * too).
	 */
	if (!atomic_load(&holders))
		return;
	atomic_store(&holders, 0);
	list_lock->__data.__lock = 0;
	list_lock->__data.__count = 0;
	list_lock->__data.__owner = 0;
	list_lock->__data.__nusers = 0;
}
