/*
 * loader.c - the lock of the loader's list. See loader.h.
 *
 * Owns: the place of the lock, found once at start. Callable from anywhere afterwards.
 * SPDX-License-Identifier: MIT
 */
#include "loader.h"

#include <pthread.h>

#include "log.h"
#include "real.h"
#include "sys.h"

/* A mutex is five ints and more; it stands at a multiple of 8. */
#define STEP 8u
#define MUTEXES 1024u /* places looked at: 8 KiB, twice what any _rtld_global has */

static pthread_mutex_t *list_lock;
static _Atomic uint32_t holders; /* looks of ours that have it, or are about to try */

struct search {
	uintptr_t lo, hi;
	uint32_t tid;
	uint32_t before[MUTEXES]; /* the count of each place's mutex, if it were one */
	pthread_mutex_t *hit;
	uint32_t hits;
};

static pthread_mutex_t *place(const struct search *s, uint32_t i)
{
	uintptr_t at = s->lo + (uintptr_t)i * STEP;

	return i < MUTEXES && at + sizeof(pthread_mutex_t) <= s->hi ? (pthread_mutex_t *)at : NULL;
}

/* Inside the callback the lock is taken once more than outside, recursively, by this thread. */
static int inside(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;
	pthread_mutex_t *m;

	for (uint32_t i = 0; (m = place(s, i)); i++) {
		if (m->__data.__lock != 1 || m->__data.__kind != PTHREAD_MUTEX_RECURSIVE ||
		    (uint32_t)m->__data.__owner != s->tid || m->__data.__count != s->before[i] + 1)
			continue;
		s->hit = m;
		s->hits++;
	}
	return 1;
}

void lgr_loader_find_lock(void)
{
	struct search s = { .tid = lgr_sys_gettid() };
	pthread_mutex_t *m;

	s.lo = lgr_libc.rtld_global;
	s.hi = s.lo + lgr_libc.rtld_global_size;
	for (uint32_t i = 0; (m = place(&s, i)); i++)
		s.before[i] = m->__data.__count;
	lgr_libc.dl_iterate_phdr(inside, &s);
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
