/*
 * look.h - one look at the process, between reach.c (which does it) and snapshot.c (which does the long
 * part of it in a forked child). Everybody else includes reach.h.
 *
 * Rank 14 (preload).
 * SPDX-License-Identifier: MIT
 */
#ifndef LGR_LOOK_H
#define LGR_LOOK_H

#include "exempt.h"
#include "maps.h"
#include "words.h"

enum {
	LOOK_SHARED = 1,
	LOOK_PRIVATE = 2
}; /* parts of the memory: not copied by fork, and copied */

struct look {
	struct lgr_words words;
	uint64_t now;	       /* CLOCK_MONOTONIC */
	uint64_t begun, until; /* by this clock; 0: it did not come to that */
	int clock;
	uint64_t mask; /* the caller's signals */
	const uintptr_t *frame;
	uint32_t tid; /* whose that is: threads are looked at by a helper process */

	const struct lgr_object *self;
	struct lgr_object *source; /* in what is looked for; NULL: anywhere else */
	uint64_t bytes, since_clock, layout;
	uint32_t left; /* objects that nothing has been found for yet */
	uint32_t threads;
	uint32_t parent; /* in a snapshot's child: who waits for it */
	unsigned part;
	enum lgr_unseen unseen;
	bool executable, every_byte, threads_known, stopped;
};

/*
 * In this order. Begin stops the threads, and looks at them and at what the kernel has. Until resume no signal
 * handler of the program runs here, which might move a word from where nobody has looked to where
 * somebody has; in the child of a snapshot none ever does.
 */
void lgr_look_begin(struct look *l, const uintptr_t *frame, uint64_t limit_ns);
void lgr_look_at_memory(struct look *l, unsigned parts);
void lgr_look_at_reached(struct look *l);
void lgr_look_resume(struct look *l);
void lgr_look_end(struct look *l);

void lgr_look_failed(struct look *l, enum lgr_unseen unseen);
void lgr_look_count(uint64_t bytes, uint64_t ns, enum lgr_unseen unseen);

/* A sum over private mappings, by which a copy is compared with what was copied. */
static inline uint64_t lgr_look_layout(uint64_t sum, const struct lgr_mapping *m)
{
	sum = (sum ^ m->lo) * 0x9e3779b97f4a7c15u;
	sum = (sum ^ m->hi) * 0x9e3779b97f4a7c15u;
	return (sum ^ (uint64_t)m->protection) * 0x9e3779b97f4a7c15u;
}

#endif
