/*
 * lock.c - futex locks that know their owner. See lock.h for the order.
 *
 * Callable from anywhere. The three states of the word: Ulrich Drepper, "Futexes Are Tricky", 2011,
 * section "Mutex, take 2".
 * SPDX-License-Identifier: MIT
 */
#include "lock.h"

#include <linux/futex.h>

#include "sys.h"

/* The thread pointer: as good a name of a thread as its id, and no system call. */
static uintptr_t self(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

bool lgr_lock_held(const struct lgr_lock *lock)
{
	return atomic_load_explicit(&lock->owner, memory_order_relaxed) == self();
}

bool lgr_lock(struct lgr_lock *lock)
{
	uint32_t was = 0;

	if (lgr_lock_held(lock))
		return false;
	/* pairs with the release in lgr_unlock */
	if (!atomic_compare_exchange_strong_explicit(&lock->word, &was, 1, memory_order_acquire,
						     memory_order_relaxed)) {
		while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire))
			lgr_sys_futex(&lock->word, FUTEX_WAIT_PRIVATE, 2);
	}
	atomic_store_explicit(&lock->owner, self(), memory_order_relaxed);
	return true;
}

void lgr_unlock(struct lgr_lock *lock)
{
	lgr_debug_assert(lgr_lock_held(lock));
	atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
	/* pairs with the acquire in lgr_lock */
	if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
		lgr_sys_futex(&lock->word, FUTEX_WAKE_PRIVATE, 1);
}

void lgr_lock_reset(struct lgr_lock *lock)
{
	atomic_store_explicit(&lock->owner, 0, memory_order_relaxed);
	atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
}
