/*
 * base.h - the few words every file of linger uses.
 *
 * Rank 0: includes nothing of linger.
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_BASE_H
#define LGR_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LGR_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define lgr_likely(x) __builtin_expect(!!(x), 1)
#define lgr_unlikely(x) __builtin_expect(!!(x), 0)
#define lgr_min(a, b) ((a) < (b) ? (a) : (b))

/* Of a variable of which little is touched: behind the others, which then share their pages. */
#define LGR_BIG __attribute__((section(".bss.big")))

/* The unit of the registry. Segments are aligned to at least this on every supported machine. */
#define LGR_PAGE ((uintptr_t)4096)
#define lgr_page_down(x) ((uintptr_t)(x) & ~(LGR_PAGE - 1))
#define lgr_page_up(x) lgr_page_down((uintptr_t)(x) + LGR_PAGE - 1)

/*
 * Checked in HARD=1 builds only: in a program that is not ours nothing may trap, so a broken
 * invariant there has to be lived with.
 */
#ifdef LGR_HARD
#define lgr_debug_assert(x)                                                                        \
	do {                                                                                       \
		if (!(x))                                                                          \
			__builtin_trap();                                                          \
	} while (0)
#else
#define lgr_debug_assert(x) ((void)sizeof(x))
#endif

#endif
