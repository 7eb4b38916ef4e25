/*
 * hash.c - a 160-bit name for the content of a file. See hash.h.
 *
 * Owns nothing.
 *
 * The state is four words of 64 bits; 32 bytes at a time go in, one word to each. For given input a step
 * is a permutation of the state, and for a given state each input leads to another one; so two files
 * that differ in 32 bytes have different states behind them, and to meet again they must differ further
 * on in exactly the right way. Each word passes its high half, where a multiplication mixes best, to its
 * neighbour, so that a few steps later every difference is everywhere.
 * SPDX-License-Identifier: MIT
 */
#include "hash.h"

#include "text.h"

#define STEP 32u
#define LAST_STEPS 8 /* until all of the state depends on each bit of the input */

/* Odd, and without a pattern: the first bits of the fractions of the roots of 2, 3, 5 and 7. */
static const uint64_t roots[4] = {
	UINT64_C(0x6a09e667f3bcc909),
	UINT64_C(0xbb67ae8584caa73b),
	UINT64_C(0x3c6ef372fe94f82b),
	UINT64_C(0xa54ff53a5f1d36f1),
};

typedef uint64_t word __attribute__((aligned(1), may_alias));

static inline uint64_t turn(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline uint64_t mix(uint64_t lane, uint64_t input)
{
	return turn(lane + input * roots[1], 29) * roots[0];
}

/* Both machines are little-endian. */
static void absorb(struct lgr_hash *h, const uint8_t *from, size_t steps)
{
	uint64_t a = h->lane[0], b = h->lane[1], c = h->lane[2], d = h->lane[3];

	for (; steps; steps--, from += STEP) {
		const word *w = (const word *)from;
		uint64_t first;

		a = mix(a, w[0]);
		b = mix(b, w[1]);
		c = mix(c, w[2]);
		d = mix(d, w[3]);
		first = a ^ b >> 32;
		a = b ^ c >> 32;
		b = c ^ d >> 32;
		c = d ^ first >> 32;
		d = first;
	}
	h->lane[0] = a;
	h->lane[1] = b;
	h->lane[2] = c;
	h->lane[3] = d;
}

void lgr_hash_init(struct lgr_hash *h)
{
	*h = (struct lgr_hash){ .lane = { roots[0], roots[1], roots[2], roots[3] } };
}

void lgr_hash_add(struct lgr_hash *h, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;
	size_t held = h->total % STEP;

	h->total += n;
	if (held) {
		size_t more = lgr_min(STEP - held, n);

		lgr_copy(h->held + held, from, more);
		if (held + more < STEP)
			return;
		absorb(h, h->held, 1);
		from += more;
		n -= more;
	}
	absorb(h, from, n / STEP);
	lgr_copy(h->held, from + n / STEP * STEP, n % STEP);
}

void lgr_hash_end(struct lgr_hash *h, uint8_t ret[LGR_HASH_SIZE])
{
	uint64_t out[3];
	uint8_t last[STEP] = { 0 };

	/* The length tells an end of zeros from the padding. */
	lgr_copy(last, h->held, h->total % STEP);
	absorb(h, last, 1);
	lgr_zero(last, sizeof(last));
	lgr_copy(last, &h->total, sizeof(h->total));
	for (int i = 0; i < LAST_STEPS; i++)
		absorb(h, last, 1);
	out[0] = h->lane[0];
	out[1] = h->lane[1];
	out[2] = h->lane[2] ^ h->lane[3];
	lgr_copy(ret, out, LGR_HASH_SIZE);
}
