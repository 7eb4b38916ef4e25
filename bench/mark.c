/*
 * mark.c - what does a collector's report cost: linger_mark, and an epoch's begin and end, against an
 * exchange for each mark, as runtimes do it that keep account of their libraries by themselves.
 *
 * usage: mark with FOLDER N	reads requests: see bench.h; LINGER=policy:host
 *
 * Loads N libraries of FOLDER (0.so, 1.so, ...), gives them back, so that they are kept, and makes arrays
 * of addresses in random order. Requests are KIND.ADDRESSES, where the kinds are
 *	ours	linger_mark, in one epoch
 *	theirs	what GHC's markObjectCode does (rts/CheckUnload.c): binary search in a sorted array of
 *		segments, then an atomic exchange of the object's mark with this collection's bit; what it
 *		does more at the first mark of an object, a lock and a list, is left out
 *	floor	the same loop without a call
 * and the addresses
 *	in	code and data of all of the N
 *	same	one address, in one of them
 *	out	heap and stack, and the program's own data: in none
 *	hole	between the first and the last of the N, in none; with 2 and more of them
 * "ours.epoch": begin and end without a mark; "theirs.epoch": the bit is flipped, and all marks are
 * compared with it. "ours.full", "theirs.full": with one mark for each of the N in between.
 *
 * What both marked is compared first: every other library, then what epoch_end says is left.
 * SPDX-License-Identifier: MIT
 */
#include "bench.h"

#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>

#define COUNT 16384u /* addresses of each kind: 128 KiB, read in order */
#define MOST 10000u

static uintptr_t at_in[COUNT], at_same[COUNT], at_out[COUNT], at_hole[COUNT];
static uintptr_t code[MOST], data[MOST];
static size_t libraries;
static linger_rt *rt, *another; /* marks, and epochs alone */
static const struct linger_epoch *epoch;
static volatile uintptr_t sink;

/* --------------------------------------------------------------------------------------- the others */

/* An object as large as a loader's record of one, so that marks do not share cache lines. */
struct object {
	_Atomic uint8_t mark;
	struct object *next;
	char rest[240];
};

static struct segment {
	uintptr_t lo, hi;
	struct object *object;
} segments[2 * MOST];
static size_t segments_used;
static struct object objects[MOST], *all_objects;
static uint8_t mark_bit;

static struct object *object_at(uintptr_t address)
{
	size_t left = 0, right = segments_used;

	if (!segments_used || address < segments[0].lo)
		return NULL;
	while (left + 1 < right) {
		size_t middle = (left + right) / 2;

		if (segments[middle].lo <= address)
			left = middle;
		else
			right = middle;
	}
	return address < segments[left].hi ? segments[left].object : NULL;
}

static BATCH void mark_theirs(uintptr_t address)
{
	struct object *object = object_at(address);

	if (object && atomic_exchange(&object->mark, mark_bit) != mark_bit)
		sink = address; /* the lock and the list */
}

static BATCH size_t unmarked_theirs(void)
{
	size_t n = 0;

	for (const struct object *object = all_objects; object; object = object->next)
		n += object->mark != mark_bit;
	return n;
}

/* ------------------------------------------------------------------------------------- the batches */

static inline void do_ours(uintptr_t address)
{
	linger_mark(epoch, (const void *)address);
}
static inline void do_theirs(uintptr_t address)
{
	mark_theirs(address);
}
static inline void do_floor(uintptr_t address)
{
	__asm__ volatile("" : : "r"(address));
}

#define LOOP(kind, addresses)                                                                      \
	static BATCH void batch_##kind##_##addresses(size_t n)                                     \
	{                                                                                          \
		for (size_t i = 0; i < n; i++)                                                     \
			do_##kind(at_##addresses[i % COUNT]);                                      \
	}
#define LOOPS(addresses) LOOP(ours, addresses) LOOP(theirs, addresses)
LOOPS(in)
LOOPS(same)
LOOPS(out)
LOOPS(hole)
LOOP(floor, in)

static void collection_ours(bool mark)
{
	const struct linger_epoch *now = linger_epoch_begin(another);

	for (size_t i = 0; mark && now && i < libraries; i++)
		linger_mark(now, (const void *)code[i]);
	sink = (uintptr_t)linger_epoch_end(another, now, 1);
}
static void collection_theirs(bool mark)
{
	mark_bit = (uint8_t)~mark_bit;
	for (size_t i = 0; mark && i < libraries; i++)
		mark_theirs(code[i]);
	sink = unmarked_theirs();
}

#define COLLECTIONS(kind, name, mark)                                                              \
	static BATCH void batch_##kind##_##name(size_t n)                                          \
	{                                                                                          \
		while (n--)                                                                        \
			collection_##kind(mark);                                                   \
	}
COLLECTIONS(ours, epoch, false)
COLLECTIONS(theirs, epoch, false)
COLLECTIONS(ours, full, true)
COLLECTIONS(theirs, full, true)

/* -------------------------------------------------------------------------------------- getting ready */

static int note_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct object *object = arg;

	for (size_t i = 0; i < libraries; i++)
		for (ElfW(Half) j = 0; code[i] && j < info->dlpi_phnum; j++) {
			const ElfW(Phdr) *ph = &info->dlpi_phdr[j];
			uintptr_t lo = info->dlpi_addr + ph->p_vaddr;

			if (ph->p_type != PT_LOAD || code[i] - lo >= ph->p_memsz)
				continue;
			object += i;
			object->next = all_objects;
			all_objects = object;
			for (j = 0; j < info->dlpi_phnum; j++)
				if (ph = &info->dlpi_phdr[j], ph->p_type == PT_LOAD)
					segments[segments_used++] = (struct segment){
						info->dlpi_addr + ph->p_vaddr,
						info->dlpi_addr + ph->p_vaddr + ph->p_memsz, object
					};
			return 0;
		}
	return (int)(size & 0); /* the next one */
}

static int by_address(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void load_all(const char *folder)
{
	linger_lib **libs = malloc((libraries + 1) * sizeof(*libs));
	char path[4096], err[256];

	for (size_t i = 0; i < libraries; i++) {
		void *function, *value;

		snprintf(path, sizeof(path), "%s/%zu.so", folder, i);
		if (linger_load(path, RTLD_NOW | RTLD_LOCAL, &libs[i], err, sizeof(err)) != 0)
			bench_die("%s", err);
		if (linger_lookup(libs[i], "small_function", &function) != 0 ||
		    linger_lookup(libs[i], "small_value", &value) != 0)
			bench_die("%s is not small.so", path);
		code[i] = (uintptr_t)function;
		data[i] = (uintptr_t)value;
	}
	dl_iterate_phdr(note_segments, objects);
	qsort(segments, segments_used, sizeof(*segments), by_address);
	for (size_t i = 0; i < libraries; i++)
		if (linger_unload(libs[i]) != 0)
			bench_die("cannot unload %zu.so", i);
	free(libs);
}

static void make_addresses(void)
{
	size_t heap = (size_t)1 << 20;
	uintptr_t block = (uintptr_t)malloc(heap);
	uintptr_t lo = segments[0].lo, hi = segments[segments_used - 1].hi;
	char here;

	for (size_t i = 0; i < COUNT; i++) {
		uint64_t r = bench_random() >> 8;

		at_in[i] = r & 1 << 20 ? code[r % libraries] : data[r % libraries];
		at_same[i] = code[libraries / 2];
		do {
			r = bench_random() >> 8;
			at_out[i] = r & 1 << 20 ? block + r % heap : (uintptr_t)&here - r % 65536;
		} while (at_out[i] - epoch->lo < epoch->span);
		do
			at_hole[i] = lo + bench_random() % (hi - lo);
		while (libraries > 1 && object_at(at_hole[i]));
	}
}

static void check(void)
{
	size_t ours, theirs;

	epoch = linger_epoch_begin(rt);
	if (!epoch)
		bench_die("nothing is kept: is it LINGER=policy:host?");
	mark_bit = (uint8_t)~mark_bit;
	for (size_t i = 0; i < libraries; i += 2) {
		linger_mark(epoch, (const void *)data[i]);
		mark_theirs(data[i]);
	}
	linger_host_gone(another); /* its report would be waited for */
	ours = (size_t)linger_epoch_end(rt, epoch, 1);
	theirs = unmarked_theirs();
	if (ours != libraries / 2 || theirs != ours)
		bench_die("unmarked of %zu: %zu, and %zu", libraries, ours, theirs);
}

int main(int argc, char **argv)
{
	static const struct bench_word words[] = {
		{ "ours.in", batch_ours_in },	    { "theirs.in", batch_theirs_in },
		{ "ours.same", batch_ours_same },   { "theirs.same", batch_theirs_same },
		{ "ours.out", batch_ours_out },	    { "theirs.out", batch_theirs_out },
		{ "ours.hole", batch_ours_hole },   { "theirs.hole", batch_theirs_hole },
		{ "ours.epoch", batch_ours_epoch }, { "theirs.epoch", batch_theirs_epoch },
		{ "ours.full", batch_ours_full },   { "theirs.full", batch_theirs_full },
		{ "floor.in", batch_floor_in },	    { NULL, NULL },
	};

	if (argc < 4 || (libraries = (size_t)atol(argv[3])) > MOST)
		bench_die("usage: mark with FOLDER N");
	bench_pin();
	bench_assert_side(argv[1]);
	if (linger_host("bench", &rt) != 0 || linger_host("another", &another) != 0)
		bench_die("no host can be registered");
	load_all(argv[2]);
	if (libraries) {
		check();
		if (linger_host("another", &another) != 0)
			bench_die("no second host");
		epoch = linger_epoch_begin(rt);
		make_addresses();
	}
	return bench_serve(words);
}
