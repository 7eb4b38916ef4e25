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

/* What is not larger is always copied, however late it is: it takes 0.3 ms. */
#define CHUNK ((size_t)512 << 10)

/*
 * What takes 50 ms with all of it in the page cache: what is larger is not begun. Of a copy that shares
 * its blocks only the hash takes time.
 */
#define LARGEST ((uint64_t)64 << 20)
#define LARGEST_SHARED ((uint64_t)192 << 20)

static uint8_t buffer[CHUNK] LGR_BIG;

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
		if (ret->size < size && lgr_sys_clock(CLOCK_MONOTONIC) > deadline)
			return LGR_COPY_SLOW;
	}
	lgr_hash_end(&hash, ret->hash);
	return n < 0 ? LGR_COPY_UNREAD : LGR_COPIED;
}

enum lgr_copied lgr_copy_file(int from, int to, uint64_t size, bool crc, uint64_t deadline,
			      struct lgr_content *ret)
{
	*ret = (struct lgr_content){ .size = 0 };
	if (size > LARGEST_SHARED)
		return LGR_COPY_SLOW;
	/* Past the limit of file sizes the kernel sends SIGXFSZ, which kills. */
	if (to >= 0 && size > lgr_sys_file_limit())
		return LGR_COPY_UNWRITTEN;
	if (to >= 0 && lgr_sys_ioctl(to, FICLONE, (void *)(uintptr_t)from) == 0) {
		from = to;
		to = -1;
	}
	if (to >= 0 && size > LARGEST)
		return LGR_COPY_SLOW;
	return pass(from, to, size, crc, deadline, ret);
}
