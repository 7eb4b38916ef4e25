/*
 * lock.c - futex locks that know their owner. See lock.h for the order.
 *
 * Callable from anywhere. Who waits and who wakes: Ulrich Drepper, "Futexes Are Tricky", 2011,
 * section "Mutex, take 2", with the owner in place of the 1.
 * SPDX-License-Identifier: MIT
 */
#include "lock.h"

#include <linux/futex.h>

#include "sys.h"

#define WAITED UINT64_C(1)
#define PATIENCE 100000000 /* ns */

static _Atomic uint32_t forks; /* under way */
static _Atomic uint64_t fork_began;

/* The thread pointer: as good a name of a thread as its id, no system call, and even. */
static uint64_t self(void)
{
	return (uint64_t)(uintptr_t)__builtin_thread_pointer();
}

bool lgr_lock_held(const struct lgr_lock *lock)
{
	return (atomic_load_explicit(&lock->word, memory_order_relaxed) & ~WAITED) == self();
}

static uint64_t now(void)
{
	return lgr_sys_clock(CLOCK_MONOTONIC);
}

/* A fork that has our locks has been under way for too long to be waited for. */
static bool fork_is_stuck(void)
{
	/* pairs with the release in lgr_lock_fork_begins */
	return atomic_load_explicit(&forks, memory_order_acquire) &&
	       now() > atomic_load_explicit(&fork_began, memory_order_relaxed) + PATIENCE;
}

static bool take(struct lgr_lock *lock, bool always)
{
	const struct timespec slice = { .tv_nsec = PATIENCE };
	uint64_t taken = self(), was = 0;

	if (lgr_lock_held(lock))
		return false;
	/* pairs with the release in lgr_unlock */
	while (!atomic_compare_exchange_strong_explicit(
		&lock->word, &was, taken, memory_order_acquire, memory_order_relaxed)) {
		if ((was & WAITED) || atomic_compare_exchange_strong_explicit(
					      &lock->word, &was, was | WAITED, memory_order_relaxed,
					      memory_order_relaxed)) {
			/* The low half, which has the bit; both machines are little-endian. */
			lgr_sys_futex(&lock->word, FUTEX_WAIT_PRIVATE, (uint32_t)(was | WAITED),
				      &slice);
			taken |= WAITED; /* maybe not the only one that waited */
			if (!always && fork_is_stuck())
				return false;
		}
		was = 0;
	}
	return true;
}

bool lgr_lock(struct lgr_lock *lock)
{
	return take(lock, false);
}

bool lgr_lock_for_fork(struct lgr_lock *lock)
{
	return take(lock, true);
}

void lgr_lock_fork_begins(void)
{
	atomic_store_explicit(&fork_began, now(), memory_order_relaxed);
	atomic_fetch_add_explicit(&forks, 1, memory_order_release);
}

void lgr_lock_fork_ends(bool in_child)
{
	if (in_child) /* the other threads' forks are not the child's */
		atomic_store_explicit(&forks, 0, memory_order_relaxed);
	else
		atomic_fetch_sub_explicit(&forks, 1, memory_order_relaxed);
}

void lgr_unlock(struct lgr_lock *lock)
{
	lgr_debug_assert(lgr_lock_held(lock));
	/* pairs with the acquire in lgr_lock */
	if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) & WAITED)
		lgr_sys_futex(&lock->word, FUTEX_WAKE_PRIVATE, 1, NULL);
}

void lgr_lock_reset(struct lgr_lock *lock)
{
	atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}
