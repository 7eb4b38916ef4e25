/*
 * log.c - the event log, writers' side. See log.h; layout and protocol: wire.h.
 *
 * Owns: the mapping of the log file. Guard: lgr_lock_log for opening and growing; records are
 * written without a lock.
 * SPDX-License-Identifier: MIT
 */
#include "log.h"

#include <errno.h>

#include "lock.h"
#include "region.h"
#include "sys.h"
#include "text.h"

#define STEP ((uint64_t)256 << 10)	/* the file grows by this much */
#define FIRST_STEP ((uint64_t)64 << 10) /* most processes never need more */
#define SMALLEST (2 * FIRST_STEP)
#define LARGEST ((uint64_t)1 << 30)
#define ANCESTORS 16u

struct lgr_lock lgr_lock_log;

/*
 * All the state. head is NULL while nothing can be written; it changes under lgr_lock_log. In a
 * forked child that has not written yet it is NULL too, and wanted says that a file is due.
 */
static struct {
	struct lgr_log_setup setup;
	_Atomic(struct lgr_log_head *) head;
	_Atomic bool wanted;
	_Atomic uint64_t allocated; /* bytes of the file that have blocks */
	uint64_t size;		    /* of the file and of the mapping */
	uint32_t pid;
	/* A page that the kernel zeroes in a forked child: tells a fork that ran no fork handlers
	 * (_Fork, clone) from a vfork, whose child shares our memory and is still the same log. */
	_Atomic uint32_t *same_process;
	char path[4096 + 24];
	/* Mappings that a fork left behind. */
	struct {
		uintptr_t lo, hi;
	} ancestor[ANCESTORS];
	uint32_t ancestors;
} log_ LGR_BIG;

/* Bytes [from, to) of the file get blocks. fallocate(2) is not there on every file system. */
static int allocate(int fd, uint64_t from, uint64_t to)
{
	static const char zeros[4096];
	int r;

	if (to > lgr_sys_file_limit())
		return -EFBIG;
	r = lgr_sys_fallocate(fd, (long)to);
	if (r != -EOPNOTSUPP && r != -ENOSYS)
		return r;
	for (; from < to; from += sizeof(zeros)) {
		long n = lgr_sys_pwrite(fd, zeros, sizeof(zeros), (long)from);

		if (n != (long)sizeof(zeros))
			return n < 0 ? (int)n : -ENOSPC;
	}
	return 0;
}

/* The name FILE.PID is made free: a log of an earlier program of this pid becomes FILE.PID.N. */
static void set_aside(struct lgr_text *path)
{
	char aside[sizeof(log_.path) + 24];
	struct lgr_text text;

	for (uint64_t n = 1; n < 1000; n++) {
		int r;

		lgr_text_init(&text, aside, sizeof(aside));
		lgr_text_add_n(&text, path->at, path->len);
		lgr_text_add(&text, ".");
		lgr_text_add_number(&text, n);
		r = lgr_sys_rename_new(path->at, aside);
		if (r != -EEXIST)
			break;
	}
	lgr_sys_unlink(path->at); /* no rename without replacing here: the newest log wins */
}

static int make_file(void)
{
	struct lgr_text path;
	int fd;

	lgr_text_init(&path, log_.path, sizeof(log_.path));
	lgr_text_add(&path, log_.setup.file);
	lgr_text_add(&path, ".");
	lgr_text_add_number(&path, log_.pid);
	if (path.cut)
		return -ENAMETOOLONG;
	fd = lgr_sys_openat(path.at, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd == -EEXIST) {
		set_aside(&path);
		fd = lgr_sys_openat(path.at, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	}
	return fd;
}

static void put(char *to, size_t size, const char *s)
{
	struct lgr_text text;

	lgr_text_init(&text, to, size);
	if (s)
		lgr_text_add(&text, s);
}

static void fill_head(struct lgr_log_head *head, bool forked)
{
	head->version = LGR_WIRE_VERSION;
	head->head_size = LGR_LOG_HEAD;
	head->slots = (log_.size - LGR_LOG_HEAD) / LGR_LOG_SLOT;
	head->start_ns = lgr_sys_clock(CLOCK_MONOTONIC);
	head->start_realtime_ns = lgr_sys_clock(CLOCK_REALTIME);
	head->pid = log_.pid;
	head->ppid = lgr_sys_getppid();
	head->tid = lgr_sys_gettid();
	head->forked = forked;
	put(head->version_text, sizeof(head->version_text), LGR_VERSION);
	put(head->libc_text, sizeof(head->libc_text), log_.setup.libc);
	put(head->settings, sizeof(head->settings), log_.setup.settings);
	lgr_sys_readlink("/proc/self/exe", head->exe, sizeof(head->exe));
	lgr_copy(head->magic, LGR_LOG_MAGIC, sizeof(head->magic));
}

/* Makes and maps this process's file. Caller holds lgr_lock_log. */
static int begin_locked(bool forked)
{
	struct lgr_log_head *head = NULL;
	int fd, r;

	log_.pid = lgr_sys_getpid();
	log_.size = lgr_min(log_.size, lgr_sys_file_limit()) & ~(uint64_t)(LGR_PAGE - 1);
	if (log_.size < SMALLEST)
		return -EFBIG;
	fd = make_file();
	if (fd < 0)
		return fd;
	r = lgr_sys_ftruncate(fd, (long)log_.size);
	if (r >= 0)
		r = allocate(fd, 0, FIRST_STEP);
	if (r >= 0) {
		head = lgr_sys_mmap(log_.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
		r = head ? 0 : -ENOMEM;
	}
	lgr_sys_close(fd);
	if (r < 0) {
		lgr_sys_unlink(log_.path);
		return r;
	}
	/* Not MADV_DONTFORK: a signal handler may interrupt a write and fork, and its child, back in
	 * the write, must still find the pages. */
	lgr_sys_madvise(head, log_.size, MADV_DONTDUMP);
	/* Read-around in a file just made only makes pages: 1.7 ms of a program's start on ext4. */
	lgr_sys_madvise(head, log_.size, MADV_RANDOM);
	fill_head(head, forked);
	put(lgr_region.log_path, sizeof(lgr_region.log_path), log_.path);
	atomic_store_explicit(&log_.allocated, FIRST_STEP, memory_order_relaxed);
	/* Commit: from here records are written. pairs with the acquire in lgr_log_write */
	atomic_store_explicit(&log_.head, head, memory_order_release);
	return 0;
}

int lgr_log_open(const struct lgr_log_setup *setup)
{
	void *page;
	int r;

	log_.setup = *setup;
	log_.size = setup->size < SMALLEST ? SMALLEST : lgr_min(setup->size, LARGEST);
	log_.size &= ~(uint64_t)(LGR_PAGE - 1);
	page = lgr_sys_mmap(LGR_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!page)
		return -ENOMEM;
	if (lgr_sys_madvise(page, LGR_PAGE, MADV_WIPEONFORK) == 0) {
		log_.same_process = page;
		atomic_store_explicit(log_.same_process, 1, memory_order_relaxed);
	} else {
		lgr_sys_munmap(page, LGR_PAGE); /* before Linux 4.14: fork handlers must do */
	}
	if (!lgr_lock(&lgr_lock_log))
		return -EDEADLK;
	r = begin_locked(false);
	lgr_unlock(&lgr_lock_log);
	return r;
}

void lgr_log_forked(void)
{
	uintptr_t head, i = log_.ancestors % ANCESTORS;

	lgr_lock_reset(&lgr_lock_log);
	if (log_.same_process)
		atomic_store_explicit(log_.same_process, 1, memory_order_relaxed);
	head = (uintptr_t)atomic_exchange_explicit(&log_.head, NULL, memory_order_relaxed);
	if (!head)
		return;
	log_.ancestor[i].lo = head;
	log_.ancestor[i].hi = head + log_.size;
	log_.ancestors++;
	lgr_region.log_path[0] = '\0';
	atomic_store_explicit(&log_.wanted, true, memory_order_relaxed);
}

/* The head, once this process has its file; NULL when there is none to be had. */
static struct lgr_log_head *get_head(void)
{
	if (log_.same_process && !atomic_load_explicit(log_.same_process, memory_order_relaxed))
		lgr_log_forked();
	if (lgr_unlikely(atomic_load_explicit(&log_.wanted, memory_order_relaxed)) &&
	    lgr_lock(&lgr_lock_log)) {
		/* Tried once: a child that gave up its rights to the directory goes without. */
		if (atomic_exchange_explicit(&log_.wanted, false, memory_order_relaxed))
			begin_locked(true);
		lgr_unlock(&lgr_lock_log);
	}
	return atomic_load_explicit(&log_.head, memory_order_acquire);
}

/*
 * Bytes [from, to) of the mapped file get blocks. Through the mapping where the kernel can (5.14): a
 * program that has given up its rights, as servers do, could not open its own log again.
 */
static int allocate_more(struct lgr_log_head *head, uint64_t from, uint64_t to)
{
	int r = lgr_sys_madvise((char *)head + from, to - from, MADV_POPULATE_WRITE), fd;

	if (r != -EINVAL)
		return r;
	fd = lgr_sys_openat(log_.path, O_RDWR | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	r = allocate(fd, from, to);
	lgr_sys_close(fd);
	return r;
}

/* Makes sure that bytes up to end have blocks. False: they have not, do not touch them. */
static bool grow(struct lgr_log_head *head, uint64_t end)
{
	uint64_t have = atomic_load_explicit(&log_.allocated, memory_order_acquire), want;

	if (lgr_likely(end <= have))
		return true;
	if (!lgr_lock(&lgr_lock_log))
		return false;
	have = atomic_load_explicit(&log_.allocated, memory_order_relaxed);
	want = lgr_min((end + STEP - 1) / STEP * STEP, log_.size);
	if (want > have && allocate_more(head, have, want) >= 0) {
		have = want;
		/* pairs with the acquire above */
		atomic_store_explicit(&log_.allocated, have, memory_order_release);
	}
	lgr_unlock(&lgr_lock_log);
	return end <= have;
}

/* Copies n bytes to the record's byte `at`, over the slots from absolute index first on. */
static void fill(struct lgr_log_slot *ring, uint64_t slots, uint64_t first, size_t at,
		 const void *from, size_t n)
{
	const uint8_t *f = from;

	while (n) {
		struct lgr_log_slot *slot = &ring[(first + at / LGR_LOG_PAYLOAD) % slots];
		size_t in = at % LGR_LOG_PAYLOAD, piece = lgr_min(n, LGR_LOG_PAYLOAD - in);

		lgr_copy(slot->data + in, f, piece);
		f += piece;
		at += piece;
		n -= piece;
	}
}

void lgr_log_write(const struct lgr_log_entry *entry)
{
	struct lgr_log_head *head = get_head();
	struct lgr_log_record record;
	struct lgr_log_slot *ring;
	uint64_t slots, first, n, end;

	if (!head)
		return;
	record = (struct lgr_log_record){
		.time_ns = lgr_sys_clock(CLOCK_MONOTONIC),
		.id = entry->id,
		.arg = entry->arg,
		.tid = lgr_sys_gettid(),
		.event = (uint16_t)entry->event,
		.reason = (uint16_t)entry->reason,
		.path_len = entry->path ? (uint32_t)lgr_min(lgr_len(entry->path),
							    (size_t)LGR_LOG_PATH_MAX)
					: 0,
	};
	ring = (struct lgr_log_slot *)((char *)head + LGR_LOG_HEAD);
	slots = head->slots;
	n = (sizeof(record) + record.path_len + LGR_LOG_PAYLOAD - 1) / LGR_LOG_PAYLOAD;
	first = atomic_fetch_add_explicit(&head->next, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&head->records, 1, memory_order_relaxed);
	end = first + n >= slots ? slots : first + n;
	if (!grow(head, LGR_LOG_HEAD + end * LGR_LOG_SLOT))
		return; /* counted in records, not readable: lost */
	for (uint64_t i = 0; i < n; i++)
		atomic_store_explicit(&ring[(first + i) % slots].seq, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* no data before the slots are invalid */
	fill(ring, slots, first, 0, &record, sizeof(record));
	fill(ring, slots, first, sizeof(record), entry->path, record.path_len);
	for (uint64_t i = n - 1; i > 0; i--)
		atomic_store_explicit(&ring[(first + i) % slots].seq,
				      (first + i + 1) | LGR_LOG_CONTINUES, memory_order_release);
	/* Commit: the record is there. pairs with the reader's acquire */
	atomic_store_explicit(&ring[first % slots].seq, first + 1, memory_order_release);
}

void lgr_log_each(void (*visit)(void *arg, uintptr_t lo, uintptr_t hi), void *arg)
{
	uintptr_t head = (uintptr_t)atomic_load_explicit(&log_.head, memory_order_acquire);
	uintptr_t page = (uintptr_t)log_.same_process;

	if (head)
		visit(arg, head, head + log_.size);
	if (page)
		visit(arg, page, page + LGR_PAGE);
	for (uint32_t i = 0; i < lgr_min(log_.ancestors, ANCESTORS); i++)
		visit(arg, log_.ancestor[i].lo, log_.ancestor[i].hi);
}

bool lgr_log_is_on(void)
{
	return get_head() != NULL;
}

const char *lgr_log_exe(void)
{
	const struct lgr_log_head *head = get_head();

	return head ? head->exe : "";
}

void lgr_log_error(enum lgr_reason reason, const char *detail)
{
	struct lgr_log_entry entry = { .event = LGR_EV_ERROR, .reason = reason, .path = detail };

	atomic_fetch_add_explicit(&lgr_region.errors[reason], 1, memory_order_relaxed);
	lgr_log_write(&entry);
}
