/*
 * test_hash.c - core/hash.c: the name of a content.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include "hash.h"
#include "text.h"

static void hash(const void *bytes, size_t n, char ret[2 * LGR_HASH_SIZE + 1])
{
	uint8_t result[LGR_HASH_SIZE];
	struct lgr_hash h;
	struct lgr_text t;

	lgr_hash_init(&h);
	lgr_hash_add(&h, bytes, n);
	lgr_hash_end(&h, result);
	lgr_text_init(&t, ret, 2 * LGR_HASH_SIZE + 1);
	lgr_text_add_bytes(&t, result, sizeof(result));
}

/* From an implementation in Python, with whole numbers, made from the description. Archives have these. */
static void hashes_stay_what_they_are(void **state)
{
	static uint8_t many[1000], zeros[33];
	char text[2 * LGR_HASH_SIZE + 1];
	const struct {
		const void *bytes;
		size_t n;
		const char *hash;
	} known[] = {
		{ "", 0, "b5ad54551b3f7955a98021c1263126fd93c4ab1d" },
		{ "a", 1, "1cb7547c7f753f544f8b45304d32c4807a149f50" },
		{ "abc", 3, "dd6450bc00554466c3008e8b445013beec3d97b7" },
		{ "linger", 6, "694dc430243b361830209b5ec85e7fde33e91a3a" },
		{ zeros, 31, "7e9fb1cf039b0d0bc85ee3893a499ec5ebea0f4d" },
		{ zeros, 32, "b606365231baa9781e0b9f2b8fcd4751904c134a" },
		{ zeros, 33, "be1376d6a8e92704c23de8a78fb106f5083c9632" },
		{ many, 1000, "2a482204ca43776110633a2a03cf4b5b4f8a26df" },
	};

	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < LGR_COUNT(known); i++) {
		hash(known[i].bytes, known[i].n, text);
		assert_string_equal(text, known[i].hash);
	}
}

static void pieces_make_no_difference(void **state)
{
	uint8_t bytes[200], whole[LGR_HASH_SIZE], pieces[LGR_HASH_SIZE];
	struct lgr_hash h;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i);
	lgr_hash_init(&h);
	lgr_hash_add(&h, bytes, sizeof(bytes));
	lgr_hash_end(&h, whole);
	for (size_t a = 0; a <= sizeof(bytes); a++) {
		for (size_t b = a; b <= sizeof(bytes); b += 1 + a % 7) {
			lgr_hash_init(&h);
			lgr_hash_add(&h, bytes, a);
			lgr_hash_add(&h, bytes + a, b - a);
			lgr_hash_add(&h, bytes + b, sizeof(bytes) - b);
			lgr_hash_end(&h, pieces);
			assert_memory_equal(whole, pieces, sizeof(whole));
		}
	}
}

static int ones(const uint8_t *a, const uint8_t *b)
{
	int n = 0;

	for (size_t i = 0; i < LGR_HASH_SIZE; i++)
		n += __builtin_popcount((unsigned)(a[i] ^ b[i]));
	return n;
}

/* Of 160 bits 80 change on the average, with a deviation of 6.3; wherever the one bit stands. */
static void each_bit_changes_half_of_the_hash(void **state)
{
	uint8_t bytes[100] = { 0 }, was[LGR_HASH_SIZE], is[LGR_HASH_SIZE];
	struct lgr_hash h;
	int sum = 0, n;

	lgr_hash_init(&h);
	lgr_hash_add(&h, bytes, sizeof(bytes));
	lgr_hash_end(&h, was);
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		lgr_hash_init(&h);
		lgr_hash_add(&h, bytes, sizeof(bytes));
		lgr_hash_end(&h, is);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		n = ones(was, is);
		assert_in_range(n, 45, 115);
		sum += n;
	}
	assert_in_range(sum, 79 * 800, 81 * 800);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, LGR_HASH_SIZE);
}

/* What files differ in, by accident: zeros at the end, a moved block, a counter, one byte. */
static void what_differs_a_little_has_another_hash(void **state)
{
	enum { BLOCKS = 64, FILES = 4 * BLOCKS + 4096 };
	static uint8_t hashes[FILES][LGR_HASH_SIZE], bytes[32 * BLOCKS];
	struct lgr_hash h;
	int n = 0;

	for (int i = 0; i < BLOCKS; i++) {
		for (int kind = 0; kind < 4; kind++) {
			memset(bytes, 0, sizeof(bytes));
			if (kind == 1)
				bytes[32 * i] = 1;
			if (kind == 2)
				memset(bytes + 32 * i, 0xff, 32);
			if (kind == 3)
				bytes[32 * i + 31] = 0x80;
			lgr_hash_init(&h);
			lgr_hash_add(&h, bytes, kind ? sizeof(bytes) : (size_t)i);
			lgr_hash_end(&h, hashes[n++]);
		}
	}
	for (uint32_t i = 0; i < 4096; i++) {
		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes + 8 * (i % 64), &i, sizeof(i));
		memcpy(bytes + 1024 + 8 * (i / 64), &i, sizeof(i));
		lgr_hash_init(&h);
		lgr_hash_add(&h, bytes, 1600);
		lgr_hash_end(&h, hashes[n++]);
	}
	qsort(hashes, FILES, LGR_HASH_SIZE, compare);
	for (int i = 1; i < n; i++)
		assert_memory_not_equal(hashes[i - 1], hashes[i], LGR_HASH_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_stay_what_they_are),
		cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(each_bit_changes_half_of_the_hash),
		cmocka_unit_test(what_differs_a_little_has_another_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
