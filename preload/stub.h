/*
 * stub.h - what the stubs leave behind for the hooks.
 *
 * Rank 10 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_STUB_H
#define LGR_STUB_H

#include "base.h"

/*
 * Words below the frame that a hook is given: all of the program's own state at the call. On aarch64 the
 * saved x29 (the caller's frame, which is on its stack) is left out.
 */
#if defined(__x86_64__)
#define LGR_SAVED 8
#else
#define LGR_SAVED 20
#endif

/* The return address of the program's call, of a hook whose stub saves no more than its arguments. */
static inline uintptr_t lgr_stub_caller(const uintptr_t *frame)
{
#if defined(__x86_64__)
	return *frame;
#else
	return frame[-5];
#endif
}

#endif
