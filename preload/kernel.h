/*
 * kernel.h - what the kernel holds for the process that may lead into an object.
 *
 * Seen: signal handlers, alternate signal stacks (of threads that asked libc for them), values of POSIX
 * timers, data of epoll members, robust lists. Known to be there, and not to be looked into, so that all
 * is kept: requests of io_uring and aio, userfaultfd, bytes that the process has sent to itself and
 * not read yet, signals that wait for this thread or the process. Not seen: mq_notify, what another
 * process was sent, more than eight signals that wait for another thread.
 * Sources: sigaction(2), proc_pid_timers(5), proc_pid_fdinfo(5), get_robust_list(2), pipe(7), unix(7).
 *
 * Rank 12 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_KERNEL_H
#define LGR_KERNEL_H

#include "base.h"
#include "wire.h"

/* Told each address that the kernel holds, and where it does. */
typedef void lgr_kernel_found(void *arg, uintptr_t value, enum lgr_place place, uint64_t at,
			      uint32_t tid);

/*
 * lgr_kernel_look - tells all of the process's. lgr_kernel_look_thread: what it holds of one thread.
 * @late: asked now and then, since there may be many descriptors; true: it has taken too long.
 * Returns LGR_UN_NOTHING, or what cannot be seen.
 * The caller holds lgr_lock_registry; the other threads are stopped, or there are none.
 */
enum lgr_unseen lgr_kernel_look(lgr_kernel_found *found, bool (*late)(void *arg), void *arg);
void lgr_kernel_look_thread(uint32_t tid, lgr_kernel_found *found, void *arg);

/* Threads of this process, 0: /proc cannot be read. */
uint32_t lgr_kernel_threads(void);

/*
 * Behind the program's successful sigaltstack(2), of which the kernel tells nobody but the thread itself:
 * takes note of a stack inside an object that may be unloaded, or in a frame; NULL: it has none any more.
 * (Until then the address is in what the call was given.) Takes no lock: a handler may call it.
 */
void lgr_kernel_altstack(const void *stack, size_t size);

/* Where the alternate signal stack begins that the thread's sp is on, if it is in a frame; else 0. */
uintptr_t lgr_kernel_altstack_below(uint32_t tid, uintptr_t sp);

/* In the child of a fork: its only thread still has the stack, and the sockets, that it had under another number. */
void lgr_kernel_forked(void);

#endif
