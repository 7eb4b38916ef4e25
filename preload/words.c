/*
 * words.c - finding words that may mean an address, fast. See words.h.
 *
 * Owns nothing. Runs while other threads are stopped, and in the child of a bare fork: no call of any
 * library, no lock.
 * SPDX-License-Identifier: MIT
 */
#include "words.h"

#include "real.h"
#include "text.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#define MASK ((UINT64_C(1) << LGR_ADDRESS_BITS) - 1)
/* Memory of the program, freed chunks and all, is read word by word: nothing for a sanitizer. */
#define LOOKS __attribute__((no_sanitize("address", "thread", "undefined")))

uintptr_t lgr_words_guard(void)
{
#if defined(__x86_64__)
	uintptr_t guard;

	__asm__("mov %%fs:0x30, %0" : "=r"(guard));
	return guard;
#else
	return lgr_libc.pointer_guard ? *lgr_libc.pointer_guard : 0;
#endif
}

static uintptr_t demangle(const struct lgr_words *w, uintptr_t word)
{
#if defined(__x86_64__)
	return (word >> 17 | word << 47) ^ w->guard;
#else
	return word ^ w->guard;
#endif
}

#define BLOCK_BITS 16 /* 64 KiB, for objects */
#define STORAGE_BLOCK_BITS 12

static bool has_bit(const uint64_t *bits, uintptr_t block)
{
	return bits[block / 64 % 64] >> block % 64 & 1;
}

static void set_bits(uint64_t *bits, uintptr_t first, uintptr_t last)
{
	for (uintptr_t block = first; block <= last && block - first < 4096; block++)
		bits[block / 64 % 64] |= UINT64_C(1) << block % 64;
}

static bool in_objects(const struct lgr_words *w, uintptr_t address)
{
	return address - w->lo < w->hi - w->lo && has_bit(w->blocks, address >> BLOCK_BITS);
}

static bool in_spans(const struct lgr_words *w, uintptr_t address)
{
	return in_objects(w, address) ||
	       (address - w->storage_lo < w->storage_hi - w->storage_lo &&
		has_bit(w->storage_blocks, address >> STORAGE_BLOCK_BITS));
}

static void widen(uintptr_t *lo, uintptr_t *hi, uintptr_t new_lo, uintptr_t new_hi)
{
	*lo = *hi ? lgr_min(*lo, new_lo) : new_lo;
	*hi = *hi > new_hi ? *hi : new_hi;
}

void lgr_words_add(struct lgr_words *w, uintptr_t lo, uintptr_t hi)
{
	widen(&w->lo, &w->hi, lo, hi);
	set_bits(w->blocks, lo >> BLOCK_BITS, (hi - 1) >> BLOCK_BITS);
}

void lgr_words_add_storage(struct lgr_words *w, uintptr_t lo, uintptr_t hi)
{
	if (lo >= hi)
		return;
	widen(&w->storage_lo, &w->storage_hi, lo, hi);
	set_bits(w->storage_blocks, lo >> STORAGE_BLOCK_BITS, (hi - 1) >> STORAGE_BLOCK_BITS);
}

/* What the word is by this encoding, and whether it is in a span. */
static bool fits(const struct lgr_words *w, uintptr_t word, enum lgr_encoding how, uintptr_t *ret)
{
	switch (how) {
	case LGR_EN_PLAIN: *ret = word; return in_spans(w, word);
	case LGR_EN_TAGGED:
		*ret = word & MASK;
		return *ret != word && !lgr_blind("tagged") && in_spans(w, *ret);
	case LGR_EN_DOUBLED:
		*ret = word >> 1;
		return (word & 1) && !lgr_blind("doubled") && in_spans(w, *ret);
	default: *ret = demangle(w, word); return !lgr_blind("mangled") && in_objects(w, *ret);
	}
}

bool lgr_words_means(const struct lgr_words *w, uintptr_t word, unsigned *next,
		     uintptr_t *ret_value, enum lgr_encoding *ret_how)
{
	static const enum lgr_encoding all[] = { LGR_EN_PLAIN, LGR_EN_TAGGED, LGR_EN_DOUBLED,
						 LGR_EN_MANGLED };

	while (*next < LGR_COUNT(all)) {
		enum lgr_encoding how = all[(*next)++];
		uintptr_t value;

		if (!fits(w, word, how, &value))
			continue;
		*ret_value = value;
		*ret_how = how;
		return true;
	}
	return false;
}

LOOKS static void look_at_word(const struct lgr_words *w, const uint64_t *from, uintptr_t at)
{
	uint64_t word = *(const volatile uint64_t *)from;
	enum lgr_encoding how;
	uintptr_t value;
	unsigned next = 0;

	while (word > 4096 && lgr_words_means(w, word, &next, &value, &how))
		w->found(w->arg, at, value, how);
}

LOOKS static void look_slowly(const struct lgr_words *w, const uint64_t *from, size_t words,
			      uintptr_t at)
{
	for (size_t i = 0; i < words; i++)
		look_at_word(w, from + i, at + i * sizeof(*from));
}

#if defined(__x86_64__)
/* As <cpuid.h>'s users do; the system must save the registers, too (Intel SDM 1, 14.3). */
static bool has_avx2(void)
{
	static _Atomic int known; /* 0: not asked yet */
	unsigned a, b, c, d, xcr0 = 0, high;

	if (known)
		return known > 1;
	known = 1;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return false;
	__asm__("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
	if ((xcr0 & 6) == 6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2))
		known = 2;
	return known > 1;
}

/* Compared as unsigned: AVX2 has signed comparisons only, so both sides are moved by half the range. */
#define HALF (UINT64_C(1) << 63)

struct pattern {
	__m256i mask, low, span, storage_low, storage_span, end_mask, end;
};

#define AVX2 __attribute__((target("avx2"), always_inline)) inline

AVX2 static __m256i all(uint64_t word)
{
	return _mm256_set1_epi64x((long long)word);
}

/*
 * Rotated by 17 bits and xored with the guard, a word is an address only where its own lowest 17 bits
 * are the guard's highest: one comparison finds nearly all that are none.
 */
AVX2 static struct pattern pattern_of(const struct lgr_words *w)
{
	return (struct pattern){
		.mask = all(MASK),
		.low = all(w->lo + HALF),
		.span = all((w->hi - w->lo) ^ HALF),
		.storage_low = all(w->storage_lo + HALF),
		.storage_span = all((w->storage_hi - w->storage_lo) ^ HALF),
		.end_mask = all(0x1ffff),
		.end = all(w->guard >> LGR_ADDRESS_BITS),
	};
}

AVX2 static __m256i matches(const struct pattern *p, __m256i v)
{
	__m256i masked = _mm256_and_si256(v, p->mask), halved = _mm256_srli_epi64(v, 1);
	__m256i plain = _mm256_cmpgt_epi64(p->span, _mm256_sub_epi64(masked, p->low));
	__m256i storage = _mm256_cmpgt_epi64(p->storage_span,
					     _mm256_sub_epi64(masked, p->storage_low));
	__m256i doubled = _mm256_cmpgt_epi64(p->span, _mm256_sub_epi64(halved, p->low));
	__m256i stored = _mm256_cmpgt_epi64(p->storage_span,
					    _mm256_sub_epi64(halved, p->storage_low));
	__m256i mangled = _mm256_cmpeq_epi64(_mm256_and_si256(v, p->end_mask), p->end);

	return _mm256_or_si256(_mm256_or_si256(_mm256_or_si256(plain, doubled), mangled),
			       _mm256_or_si256(storage, stored));
}

/* One bit for each word. */
AVX2 static unsigned bits_of(__m256i v)
{
	return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(v));
}

#define BLOCK 16  /* words: two cache lines */
#define AHEAD 256 /* words: the processor itself fetches nothing beyond the page it is in */

LOOKS __attribute__((target("avx2"))) static void look_fast(const struct lgr_words *w,
							    const uint64_t *from, size_t words,
							    uintptr_t at)
{
	const struct pattern p = pattern_of(w);
	size_t i = 0;

	for (; i + BLOCK <= words; i += BLOCK) {
		const __m256i *v = (const __m256i *)(from + i);
		__m256i a = matches(&p, _mm256_loadu_si256(v));
		__m256i b = matches(&p, _mm256_loadu_si256(v + 1));
		__m256i c = matches(&p, _mm256_loadu_si256(v + 2));
		__m256i d = matches(&p, _mm256_loadu_si256(v + 3));
		__m256i any = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));

		_mm_prefetch((const char *)(from + i + AHEAD), _MM_HINT_T0);
		_mm_prefetch((const char *)(from + i + AHEAD + 8), _MM_HINT_T0);
		if (lgr_likely(_mm256_testz_si256(any, any)))
			continue;
		for (unsigned bits =
			     bits_of(a) | bits_of(b) << 4 | bits_of(c) << 8 | bits_of(d) << 12;
		     bits; bits &= bits - 1) {
			size_t j = i + (unsigned)__builtin_ctz(bits);

			look_at_word(w, from + j, at + j * sizeof(*from));
		}
	}
	look_slowly(w, from + i, words - i, at + i * sizeof(*from));
}
#endif

void lgr_words_look(const struct lgr_words *w, const void *from, size_t n, uintptr_t at)
{
#if defined(__x86_64__)
	if (has_avx2()) {
		look_fast(w, from, n / sizeof(uint64_t), at);
		return;
	}
#endif
	look_slowly(w, from, n / sizeof(uint64_t), at);
}

LOOKS static uint64_t load(const uint8_t *from, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < sizeof(word) && i < n; i++)
		word |= (uint64_t) * (const volatile uint8_t *)(from + i) << 8 * i;
	return word;
}

LOOKS void lgr_words_look_bytes(const struct lgr_words *w, const void *from, size_t n, uintptr_t at)
{
	const uint8_t *bytes = from;
	enum lgr_encoding how;
	uintptr_t value;
	uint64_t word = load(bytes, n);

	for (size_t i = 1; i < n; i++) {
		uint64_t last = i + 7 < n ? *(const volatile uint8_t *)(bytes + i + 7) : 0;
		unsigned next = 0;

		word = word >> 8 | last << 56;
		while (i % sizeof(word) && in_spans(w, word & MASK) &&
		       lgr_words_means(w, word, &next, &value, &how))
			w->found(w->arg, at + i, value, LGR_EN_UNALIGNED);
	}
}

#if defined(__x86_64__)
/*
 * The bytes before the distance: call and jmp (E8, E9), jcc (0F 80 to 8F), or a ModRM byte that means
 * "relative to the next instruction" (mod 00, rm 101); Intel SDM 2, 2.1.5 and appendix A. Up to four
 * bytes of an immediate may follow the distance, which the span's ends do not notice.
 */
static bool is_distance(const uint8_t *code, bool two_before)
{
	return code[-1] == 0xe8 || code[-1] == 0xe9 || (code[-1] & 0xc7) == 0x05 ||
	       ((code[-1] & 0xf0) == 0x80 && two_before && code[-2] == 0x0f);
}
#endif

LOOKS void lgr_words_look_code(const struct lgr_words *w, const void *from, size_t n, uintptr_t at)
{
#if defined(__x86_64__)
	const uint8_t *code = from;

	for (size_t i = 1; i + 4 <= n; i++) {
		uintptr_t value;

		if (!is_distance(code + i, i > 1))
			continue;
		value = at + i + 4 + (uintptr_t)(int64_t)(int32_t)load(code + i, 4);
		if (in_objects(w, value))
			w->found(w->arg, at + i, value, LGR_EN_RELATIVE);
	}
#endif
}
