/*
 * resident.c - which pages of a mapping have bytes that no file has. See resident.h.
 *
 * Owns: two descriptors and the buffers. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "resident.h"

#include <linux/ioctl.h>
#include <sys/uio.h>

#include "sys.h"
#include "text.h"
#include "words.h"

#define PIECE ((size_t)64 << 10) /* read at once through /proc/self/mem */
#define REGIONS 256
#define ENTRIES 1024
#define ABSENT_MOST                                                                                \
	((size_t)16 << 20) /* of shared memory that may be in swap, in its file, or nowhere */

static struct {
	int pagemap, mem;
	bool cannot_scan; /* PAGEMAP_SCAN */
} open_ = { -1, -1, false };

/* What a visit needs to know; one at a time. */
struct walk {
	const struct lgr_mapping *m;
	lgr_resident_visit *visit;
	void *arg;
	enum lgr_unseen unseen;
	bool done; /* visit wants no more */
};

bool lgr_resident_open(void)
{
	open_.pagemap = lgr_sys_openat("/proc/self/pagemap", O_RDONLY, 0);
	open_.mem = lgr_sys_openat("/proc/self/mem", O_RDONLY, 0);
	if (open_.pagemap >= 0 && open_.mem >= 0)
		return true;
	lgr_resident_close();
	return false;
}

void lgr_resident_close(void)
{
	if (open_.pagemap >= 0)
		lgr_sys_close(open_.pagemap);
	if (open_.mem >= 0)
		lgr_sys_close(open_.mem);
	open_.pagemap = open_.mem = -1;
}

bool lgr_peek(uintptr_t at, void *to, size_t n)
{
	struct iovec local = { to, n }, remote = { (void *)at, n };

	return lgr_syscall(__NR_process_vm_readv, lgr_sys_getpid(), (long)&local, 1, (long)&remote,
			   1, 0) == (long)n;
}

/* --------------------------------------------------------------------------------- the bytes */

/* certain: the page is there, so it must be readable. One that may be a guard page need not be. */
static void read_stretch(struct walk *w, uintptr_t lo, uintptr_t hi, bool certain)
{
	static uint8_t buffer[PIECE] LGR_BIG;

	while (lo < hi && !w->done) {
		long n = lgr_sys_pread(open_.mem, buffer, lgr_min(PIECE, hi - lo), lo);

		if (n <= 0) {
			if (certain)
				w->unseen = LGR_UN_UNREADABLE;
			lo += LGR_PAGE;
			continue;
		}
		w->done = !w->visit(w->arg, buffer, (size_t)n & ~(sizeof(uintptr_t) - 1), lo);
		lo = lgr_page_down(lo + (size_t)n);
	}
}

static void take(struct walk *w, uintptr_t lo, uintptr_t hi, bool present)
{
	if (lo < w->m->lo)
		lo = w->m->lo;
	if (lo >= hi || w->done)
		return;
	if (!(w->m->protection & PROT_READ) && lgr_blind("protected"))
		return;
	if (present && (w->m->protection & PROT_READ))
		w->done = !w->visit(w->arg, (const void *)lo, hi - lo, lo);
	else
		read_stretch(w, lo, hi, present);
}

/* Between two pages there may be terabytes of reserved addresses. */
static void pass_time(struct walk *w, uintptr_t at)
{
	if (!w->done && at < w->m->hi)
		w->done = !w->visit(w->arg, NULL, 0, at);
}

/* -------------------------------------------------------------------------- of private mappings */

/* linux/fs.h has these since 6.7; the kernel may be newer than the headers. */
struct page_region {
	uint64_t lo, hi, categories;
};
struct pagemap_scan {
	uint64_t size, flags, lo, hi, end, regions, region_count, pages_most;
	uint64_t inverted, all_of, any_of, returned;
};
#define SCAN _IOWR('f', 16, struct pagemap_scan)
#define IS_FILE (1u << 2)
#define IS_PRESENT (1u << 3)
#define IS_SWAPPED (1u << 4)
#define IS_ZERO (1u << 5)

/*
 * In anonymous memory no page is a file's; not to ask for it spares the kernel a look at each page's own
 * record, a quarter of what a look at much memory took.
 */
static bool scan(struct walk *w)
{
	static struct page_region region[REGIONS];
	bool anonymous = !w->m->inode &&
			 (w->m->backing == LGR_ANONYMOUS || w->m->backing == LGR_HEAP);
	uint64_t without = IS_ZERO | (anonymous ? 0 : IS_FILE);
	struct pagemap_scan s = {
		.size = sizeof(s),
		.lo = w->m->lo,
		.hi = w->m->hi,
		.regions = (uintptr_t)region,
		.region_count = REGIONS,
		.inverted = without,
		.all_of = without,
		.any_of = IS_PRESENT | IS_SWAPPED,
		.returned = IS_PRESENT,
	};

	while (s.lo < s.hi && !w->done) {
		long n = lgr_sys_ioctl(open_.pagemap, SCAN, &s);

		if (n < 0)
			return false;
		for (long i = 0; i < n; i++)
			take(w, region[i].lo, region[i].hi, region[i].categories & IS_PRESENT);
		s.lo = s.end;
		pass_time(w, s.lo);
	}
	return true;
}

#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_SWAPPED (UINT64_C(1) << 62)
#define ENTRY_FILE (UINT64_C(1) << 61)

/* 0: nothing of interest; else what the page's neighbours must be, too, to be of the same stretch. */
static uint64_t kind_of(uint64_t entry)
{
	return entry & ENTRY_FILE ? 0 : entry & (ENTRY_PRESENT | ENTRY_SWAPPED);
}

static bool read_entries(struct walk *w)
{
	static uint64_t entry[ENTRIES];
	uintptr_t at = w->m->lo;

	while (at < w->m->hi && !w->done) {
		size_t pages = lgr_min((w->m->hi - at) / LGR_PAGE, (size_t)ENTRIES), i = 0, j;
		long n = lgr_sys_pread(open_.pagemap, entry, pages * sizeof(*entry),
				       at / LGR_PAGE * sizeof(*entry));

		if (n != (long)(pages * sizeof(*entry)))
			return false;
		for (; i < pages; i = j) {
			for (j = i + 1; j < pages && kind_of(entry[j]) == kind_of(entry[i]); j++)
				;
			if (kind_of(entry[i]))
				take(w, at + i * LGR_PAGE, at + j * LGR_PAGE,
				     entry[i] & ENTRY_PRESENT);
		}
		at += pages * LGR_PAGE;
		pass_time(w, at);
	}
	return true;
}

static void walk_private(struct walk *w)
{
	if (!open_.cannot_scan && scan(w))
		return;
	open_.cannot_scan = true;
	if (!read_entries(w))
		w->unseen = LGR_UN_PROC;
}

/* --------------------------------------------------------------------------- of memory with a file */

/* struct sysinfo's totalswap (sysinfo(2)). */
static bool has_swap(void)
{
	unsigned long info[16] = { 0 };

	return lgr_syscall(__NR_sysinfo, (long)info, 0, 0, 0, 0, 0) < 0 || info[8];
}

/*
 * What is not in memory is a hole, or in swap, or in the file; only reading it tells, which fills the hole.
 * What cannot be written to has nothing of the program's.
 */
static void walk_file(struct walk *w)
{
	static uint8_t there[ENTRIES];
	bool elsewhere = w->m->protection & PROT_WRITE || (w->m->backing != LGR_FILE && has_swap());
	uintptr_t at = w->m->lo;
	size_t absent = 0;

	while (at < w->m->hi && !w->done) {
		size_t pages = lgr_min((w->m->hi - at) / LGR_PAGE, (size_t)ENTRIES), i = 0, j;

		if (lgr_syscall(__NR_mincore, (long)at, (long)(pages * LGR_PAGE), (long)there, 0, 0,
				0) < 0) {
			w->unseen = LGR_UN_UNREADABLE;
			return;
		}
		for (; i < pages; i = j) {
			for (j = i + 1; j < pages && (there[j] & 1) == (there[i] & 1); j++)
				;
			if (there[i] & 1)
				read_stretch(w, at + i * LGR_PAGE, at + j * LGR_PAGE, true);
			else if (elsewhere && (absent += (j - i) * LGR_PAGE) > ABSENT_MOST)
				w->unseen = LGR_UN_UNREADABLE;
			else if (elsewhere)
				read_stretch(w, at + i * LGR_PAGE, at + j * LGR_PAGE, false);
		}
		at += pages * LGR_PAGE;
		pass_time(w, at);
	}
}

enum lgr_unseen lgr_resident_each(const struct lgr_mapping *m, lgr_resident_visit *visit, void *arg)
{
	struct walk w = { .m = m, .visit = visit, .arg = arg };

	if (m->shared || m->backing == LGR_MEMORY)
		walk_file(&w);
	if (!m->shared)
		walk_private(&w);
	return w.unseen;
}
