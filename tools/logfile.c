/*
 * logfile.c - reads one log file, also while its process goes on writing it.
 *
 * Owns no state. The file is read with pread(2), never mapped: a file that somebody cuts while we
 * look would end us with SIGBUS. In place of a reader's acquire and re-check of a slot's number,
 * each piece of the ring is read three times: the second reading's data counts only where the
 * first and the third agree on the number. Layout and protocol: wire.h.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "tool.h"

#define SLOTS_MAX (64u << 20) /* four times the largest ring the shim makes */
#define CHUNK_SLOTS 1024u     /* slots in a piece: small, since it can change while it is read */
#define LOOKS 8		      /* at a ring that its process writes faster than it can be read */

/* A ring as read. Slot numbers are indices modulo slots; only the first `there` are in the file. */
struct ring {
	int fd;
	uint64_t at; /* where it begins in the file */
	uint64_t slots;
	uint64_t there;
	struct lgr_log_slot *slot; /* seq is 0 where the data is worth nothing */
};

static void ring_deinit(struct ring *ring)
{
	free(ring->slot);
}

static void say_why(char *why, size_t n, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void say_why(char *why, size_t n, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, n, format, ap);
	va_end(ap);
}

/* ------------------------------------------------------------------ the head */

bool lgr_logfile_is(const char *name)
{
	_cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char magic[8];

	return fd >= 0 && lgr_read_fd(&fd, 0, magic, sizeof(magic)) == 0 &&
	       !memcmp(magic, LGR_LOG_MAGIC, sizeof(magic));
}

/* Makes the head's texts end within their fields, whatever the file holds. */
static void end_texts(struct lgr_log_head *head)
{
	head->version_text[sizeof(head->version_text) - 1] = '\0';
	head->libc_text[sizeof(head->libc_text) - 1] = '\0';
	head->settings[sizeof(head->settings) - 1] = '\0';
	head->exe[sizeof(head->exe) - 1] = '\0';
}

static int open_log(const char *name, char *why, size_t n, int *ret_fd, uint64_t *ret_size)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int r = -errno;

		say_why(why, n, "cannot be read: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (!S_ISREG(st.st_mode)) {
		say_why(why, n, "is %s; name a log file, or what was given to log:FILE",
			S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
		close(fd);
		return -EINVAL;
	}
	*ret_fd = fd;
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

/* Reads as much of the head as there is; -ENODATA when it is cut off. */
static int read_head(int fd, uint64_t size, struct lgr_log_head *head, char *why, size_t n)
{
	size_t there = size < sizeof(*head) ? (size_t)size : sizeof(*head);
	static const char none[8];
	int r;

	if (size == 0) {
		say_why(why, n,
			"is empty: its process ended before it wrote anything, or the file "
			"was emptied");
		return -EINVAL;
	}
	r = lgr_read_fd(&fd, 0, head, there);
	if (r < 0) {
		say_why(why, n, "cannot be read: %s", strerror(-r));
		return r;
	}
	end_texts(head);
	if (there >= sizeof(none) && !memcmp(head->magic, none, sizeof(none))) {
		say_why(why, n, "has no start record: its process is just starting, or died then");
		return -EINVAL;
	}
	if (memcmp(head->magic, LGR_LOG_MAGIC, sizeof(head->magic))) {
		say_why(why, n, "is not a log of linger");
		return -EINVAL;
	}
	/* Without process and times there is nothing to tell. */
	if (there < offsetof(struct lgr_log_head, next)) {
		say_why(why, n, "is cut off after %" PRIu64 " bytes, within its start record",
			size);
		return -EINVAL;
	}
	if (head->version != LGR_WIRE_VERSION) {
		say_why(why, n,
			"is a log of format %u and this linger reads format %u; read it "
			"with the linger that wrote it",
			head->version, LGR_WIRE_VERSION);
		return -EPROTO;
	}
	if (head->slots == 0 || head->slots > SLOTS_MAX || head->next > UINT64_MAX / 2 ||
	    head->head_size < sizeof(*head) || head->head_size % 8) {
		say_why(why, n, "is damaged: its start record contradicts itself");
		return -EINVAL;
	}
	return 0;
}

/* ------------------------------------------------------------------ the ring */

/* Reads slots [from, from + n) three times; n is at most CHUNK_SLOTS. */
static int read_chunk(struct ring *ring, uint64_t from, uint64_t n, struct lgr_log_slot *before,
		      struct lgr_log_slot *after)
{
	struct lgr_log_slot *slot = ring->slot + from;
	uint64_t at = ring->at + from * LGR_LOG_SLOT;
	size_t size = n * LGR_LOG_SLOT;
	int r;

	r = lgr_read_fd(&ring->fd, at, before, size);
	if (r >= 0)
		r = lgr_read_fd(&ring->fd, at, slot, size);
	if (r >= 0)
		r = lgr_read_fd(&ring->fd, at, after, size);
	for (uint64_t i = 0; r >= 0 && i < n; i++)
		if (before[i].seq != slot[i].seq || slot[i].seq != after[i].seq)
			slot[i].seq = 0;
	return r;
}

static int read_ring(struct ring *ring)
{
	_cleanup_free_ struct lgr_log_slot *before = calloc(CHUNK_SLOTS, LGR_LOG_SLOT);
	_cleanup_free_ struct lgr_log_slot *after = calloc(CHUNK_SLOTS, LGR_LOG_SLOT);
	int r = 0;

	if (!before || !after)
		return -ENOMEM;
	for (uint64_t i = 0; r >= 0 && i < ring->there; i += CHUNK_SLOTS) {
		uint64_t left = ring->there - i;

		r = read_chunk(ring, i, left < CHUNK_SLOTS ? left : CHUNK_SLOTS, before, after);
	}
	return r;
}

/* Is the slot of absolute index @k readable, as one that begins (0) or continues a record? */
static bool valid(const struct ring *ring, uint64_t k, uint64_t continues)
{
	uint64_t i = k % ring->slots;

	return i < ring->there && ring->slot[i].seq == ((k + 1) | continues);
}

static uint64_t slots_of(const struct lgr_log_record *record)
{
	return (sizeof(*record) + record->path_len + LGR_LOG_PAYLOAD - 1) / LGR_LOG_PAYLOAD;
}

/* Does a whole record begin at @k? A file may claim anything: what cannot be is refused. */
static bool record_at(const struct ring *ring, const struct lgr_log_head *head, uint64_t k,
		      uint64_t end, struct lgr_log_record *ret)
{
	struct lgr_log_record record;

	if (!valid(ring, k, 0))
		return false;
	memcpy(&record, ring->slot[k % ring->slots].data, sizeof(record));
	if (record.event == LGR_EV_START || record.event >= LGR_EV_COUNT ||
	    record.reason >= LGR_RSN_COUNT || record.path_len > LGR_LOG_PATH_MAX ||
	    record.tid == 0 || record.time_ns < head->start_ns || slots_of(&record) > end - k)
		return false;
	for (uint64_t i = 1; i < slots_of(&record); i++)
		if (!valid(ring, k + i, LGR_LOG_CONTINUES))
			return false;
	*ret = record;
	return true;
}

/* Copies the path of the record at @k behind the others. */
static int add_path(struct lgr_logfile *log, const struct ring *ring, uint64_t k, uint32_t len)
{
	uint32_t at = sizeof(struct lgr_log_record), done = 0;

	if (log->paths_cap - log->paths_used < (size_t)len + 1) {
		size_t cap = (log->paths_cap + len + 1) * 2;
		char *paths = realloc(log->paths, cap);

		if (!paths)
			return -ENOMEM;
		log->paths = paths;
		log->paths_cap = cap;
	}
	while (done < len) {
		const uint8_t *data = ring->slot[(k + at / LGR_LOG_PAYLOAD) % ring->slots].data;
		uint32_t in = at % LGR_LOG_PAYLOAD, n = LGR_LOG_PAYLOAD - in;

		if (n > len - done)
			n = len - done;
		memcpy(log->paths + log->paths_used + done, data + in, n);
		done += n;
		at += n;
	}
	log->paths_used += len;
	return 0;
}

static int add_line(struct lgr_logfile *log, const struct ring *ring, uint64_t k,
		    const struct lgr_log_record *record)
{
	struct lgr_log_line *line;
	int r;

	line = lgr_grow(log->line, &log->lines_cap, log->lines, sizeof(*line));
	if (!line)
		return -ENOMEM;
	log->line = line;
	line[log->lines] = (struct lgr_log_line){
		.time_ns = record->time_ns,
		.id = record->id,
		.arg = record->arg,
		.path = log->paths_used,
		.path_len = record->path_len,
		.tid = record->tid,
		.event = record->event,
		.reason = record->reason,
	};
	r = add_path(log, ring, k, record->path_len);
	if (r >= 0)
		log->lines++;
	return r;
}

/* The indices the ring can hold: [first, head->next). */
static uint64_t first_index(const struct ring *ring, const struct lgr_log_head *head)
{
	return head->next > ring->slots ? head->next - ring->slots : 0;
}

/*
 * Reads the ring of a log that may be in use. When most of what the head promised was overwritten
 * before it could be read, it is read anew with what the head promises then.
 */
static int read_live_ring(struct ring *ring, struct lgr_log_head *head)
{
	int r = 0;

	ring->slot = calloc(ring->there + 1, LGR_LOG_SLOT);
	if (!ring->slot)
		return -ENOMEM;
	for (int look = 0; look < LOOKS; look++) {
		struct lgr_log_head now = *head;
		uint64_t readable = 0;

		r = read_ring(ring);
		if (r < 0)
			return r;
		for (uint64_t k = first_index(ring, head); k < head->next; k++)
			readable += valid(ring, k, 0) || valid(ring, k, LGR_LOG_CONTINUES);
		if (readable >= (head->next - first_index(ring, head)) / 2)
			break;
		r = lgr_read_fd(&ring->fd, 0, &now, offsetof(struct lgr_log_head, version_text));
		if (r < 0 || now.next == head->next)
			break;
		head->next = now.next;
		head->records = now.records;
	}
	return r;
}

/* Collects the records of the indices the ring can hold, as far as they are there. */
static int collect(struct lgr_logfile *log, const struct ring *ring)
{
	uint64_t end = log->head.next, k = first_index(ring, &log->head);

	while (k < end) {
		struct lgr_log_record record;
		int r;

		if (!record_at(ring, &log->head, k, end, &record)) {
			k++;
			continue;
		}
		r = add_line(log, ring, k, &record);
		if (r < 0)
			return r;
		k += slots_of(&record);
	}
	log->lost = log->head.records > log->lines ? log->head.records - log->lines : 0;
	return 0;
}

int lgr_logfile_read(const char *name, struct lgr_logfile *ret, char *why, size_t why_size)
{
	_cleanup_(ring_deinit) struct ring ring = { .fd = -1 };
	_cleanup_close_ int fd = -1;
	uint64_t size = 0, wanted;
	int r;

	memset(ret, 0, sizeof(*ret));
	*why = '\0';
	r = open_log(name, why, why_size, &fd, &size);
	if (r >= 0)
		r = read_head(fd, size, &ret->head, why, why_size);
	if (r < 0)
		return r;
	ring.fd = fd;
	ring.at = ret->head.head_size;
	ring.slots = ret->head.slots;
	ring.there = size > ring.at ? (size - ring.at) / LGR_LOG_SLOT : 0;
	if (ring.there > ring.slots)
		ring.there = ring.slots;
	r = read_live_ring(&ring, &ret->head);
	if (r >= 0)
		r = collect(ret, &ring);
	if (r < 0) {
		say_why(why, why_size, "cannot be read: %s",
			r == -EIO ? "it became shorter meanwhile" : strerror(-r));
		return r == -ENODATA ? -EIO : r;
	}
	wanted = ring.at + ring.slots * LGR_LOG_SLOT;
	if (ring.there < ring.slots) {
		say_why(why, why_size,
			"is cut off: it has %" PRIu64 " of %" PRIu64
			" bytes; what is there was read, %" PRIu64 " records are lost",
			size, wanted, ret->lost);
		return -ENODATA;
	}
	return 0;
}

void lgr_logfile_deinit(struct lgr_logfile *log)
{
	free(log->line);
	free(log->paths);
}
