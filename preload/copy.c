/*
 * copy.c - a file's content into a new file, and its hash, within a time. See copy.h.
 *
 * Owns: a buffer. Guard: the caller is the one thread that archives.
 *
 * The bytes are hashed as they are written, so the hash is that of the copy whatever happens to the
 * original meanwhile; hashing first and copying behind takes as long (64 MiB: 34 ms both ways on ext4,
 * 2026-11-22, of which hashing is 10).
 * SPDX-License-Identifier: MIT
 */
#include "copy.h"

#include <linux/fs.h>

#include "sys.h"
#include "text.h"

#define CHUNK ((size_t)128 << 10)
#define ALWAYS ((uint64_t)512 << 10) /* is copied however late it is: it takes 0.3 ms */

/*
 * What takes 50 ms with all of it in the page cache: what is larger is not begun. Of a copy that shares
 * its blocks only the hash takes time, which is made of the original: the copy's pages are in no cache.
 */
#define LARGEST ((uint64_t)64 << 20)
#define LARGEST_SHARED ((uint64_t)192 << 20)

/*
 * ns. To share the blocks of a file that was written lately, the kernel first writes it to the disk, and
 * waits (110 MiB: 0.4 s on xfs, 0.9 s on btrfs; 20 us once it is there). It is there half a minute later, as
 * a rule (vm.dirty_expire_centisecs).
 */
#define WRITTEN UINT64_C(60000000000)

static uint64_t unshared; /* a device that has failed to share blocks with the archive's */
static uint8_t *buffer;	  /* there while a file is being copied */

static uint32_t crc_of(uint32_t crc, const uint8_t *bytes, size_t n)
{
	static uint32_t table[256] LGR_BIG;

	for (uint32_t i = 0; i < 256 && !table[255]; i++) {
		uint32_t x = i;

		for (int bit = 0; bit < 8; bit++)
			x = x >> 1 ^ (x & 1 ? 0xedb88320u : 0);
		table[i] = x;
	}
	crc = ~crc;
	while (n--)
		crc = crc >> 8 ^ table[(crc ^ *bytes++) & 255];
	return ~crc;
}

/* At its place, not behind the last one: a signal handler may fork in the middle, and both go on. */
static bool write_all(int to, size_t n, uint64_t at)
{
	size_t done = 0;

	while (done < n) {
		long r = lgr_sys_pwrite(to, buffer + done, n - done, (long)(at + done));

		if (r <= 0)
			return false;
		done += (size_t)r;
	}
	return true;
}

/* No more than size bytes, even of a file that grows. */
static enum lgr_copied pass(int from, int to, uint64_t size, bool crc, uint64_t deadline,
			    struct lgr_content *ret)
{
	struct lgr_hash hash;
	long n = 0;

	lgr_hash_init(&hash);
	while (ret->size < size &&
	       (n = lgr_sys_pread(from, buffer, (size_t)lgr_min(size - ret->size, CHUNK),
				  ret->size)) > 0) {
		lgr_hash_add(&hash, buffer, (size_t)n);
		if (crc)
			ret->crc = crc_of(ret->crc, buffer, (size_t)n);
		if (to >= 0 && !write_all(to, (size_t)n, ret->size))
			return LGR_COPY_UNWRITTEN;
		ret->size += (uint64_t)n;
		if (size > ALWAYS && lgr_sys_clock(CLOCK_MONOTONIC) > deadline)
			return LGR_COPY_SLOW;
	}
	lgr_hash_end(&hash, ret->hash);
	return n < 0 ? LGR_COPY_UNREAD : LGR_COPIED;
}

bool lgr_copy_possible(const struct stat *st, bool link)
{
	bool shares = link || st->st_dev != unshared;

	return (uint64_t)st->st_size <= (shares ? LARGEST_SHARED : LARGEST);
}

static uint64_t changed_ns(const struct stat *st)
{
	uint64_t c = (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec;
	uint64_t m = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;

	return m > c ? m : c;
}

static bool share(int from, int to, const struct stat *st)
{
	if ((uint64_t)st->st_size <= ALWAYS || st->st_dev == unshared ||
	    lgr_sys_clock(CLOCK_REALTIME_COARSE) < changed_ns(st) + WRITTEN)
		return false;
	if (lgr_sys_ioctl(to, FICLONE, (void *)(uintptr_t)from) == 0)
		return true;
	unshared = st->st_dev;
	return false;
}

/* Has it stayed as it was? It has been that way for so long that a change would show in its times. */
static bool is_same(int fd, const struct stat *was)
{
	struct stat st;

	return lgr_sys_stat(fd, "", &st) == 0 && st.st_size == was->st_size &&
	       changed_ns(&st) == changed_ns(was);
}

enum lgr_copied lgr_copy_file(int from, int to, const struct stat *st, bool crc, uint64_t deadline,
			      struct lgr_content *ret)
{
	uint64_t size = (uint64_t)st->st_size;
	enum lgr_copied copied;
	bool shared;

	*ret = (struct lgr_content){ .size = 0 };
	if (!lgr_copy_possible(st, to < 0))
		return LGR_COPY_SLOW;
	/* Past the limit of file sizes the kernel sends SIGXFSZ, which kills. */
	if (to >= 0 && size > lgr_sys_file_limit())
		return LGR_COPY_UNWRITTEN;
	shared = to >= 0 && share(from, to, st);
	if (to >= 0 && !shared && size > LARGEST)
		return LGR_COPY_SLOW;
	buffer = lgr_sys_mmap(CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!buffer)
		return LGR_COPY_UNREAD;
	copied = pass(from, shared ? -1 : to, size, crc, deadline, ret);
	lgr_sys_munmap(buffer, CHUNK);
	return copied == LGR_COPIED && shared && !is_same(from, st) ? LGR_COPY_UNREAD : copied;
}
