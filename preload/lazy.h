/*
 * lazy.h - first calls under way in other threads.
 *
 * A thread in a first call looks the symbol up, reads its value, and then stores that into the slot
 * (elf/dl-runtime.c, _dl_fixup), with no lock that anybody could wait for. Whoever has read the value
 * before it was changed stores what was before, at any time later, if it loses its processor in between.
 *
 * So, after a change, the threads are watched until each has got on: it sleeps in the kernel, or has
 * computed for longer than the few instructions between reading and storing take. What then stands in the
 * slots is what will stay there. Seen without stopping anybody, by the threads' processor-time clocks.
 *
 * A resolver of an IFUNC runs in between, too, and may sleep: that is not waited for.
 *
 * Rank 11 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_LAZY_H
#define LGR_LAZY_H

#include "base.h"

/*
 * Waits, 50 ms at most, until every other thread has got on since the call. The caller holds no lock of
 * linger's. False: the time was up, or the threads cannot be seen.
 */
bool lgr_lazy_wait(void);

#endif
