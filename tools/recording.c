/*
 * recording.c - the mappings in a perf.data file, and how a build-id is written into one.
 *
 * The file: a head, sections that it points to (one describes the events that were recorded, one is the
 * data), behind them sections that nothing here needs. The data is records of 8 bytes and more, a head
 * with type, misc and size first. A record of a mapping (PERF_RECORD_MMAP2) has 24 bytes that are the
 * file's device and inode, or, where misc says so, its build-id: so one takes the place of the other
 * without anything else being moved.
 *
 * Owns no state. Read with pread(2), never mapped: a file that somebody cuts meanwhile is an error,
 * not a SIGBUS. Every size in it is checked before use.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "perf.h"

#define WINDOW (1u << 20)
#define EVENTS_MAX 65536u
#define IDS_MAX (1u << 20)

/* Records that are perf's own, not the kernel's. */
#define RECORD_AUXTRACE 71u
#define RECORD_COMPRESSED 81u
#define RECORD_COMPRESSED2 83u

struct section {
	uint64_t at, size;
};

struct head {
	char magic[8];
	uint64_t size, attr_size;
	struct section attrs, data, types;
};

struct mmap2 {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t start, len, offset;
	union {
		struct {
			uint32_t major, minor;
			uint64_t inode, generation;
		} file;
		struct {
			uint8_t size, reserved_1;
			uint16_t reserved_2;
			uint8_t bytes[LGR_PERF_ID_MAX];
		} build_id;
	} by;
	uint32_t prot, flags;
};
_Static_assert(sizeof(struct mmap2) == 72, "linux/perf_event.h, PERF_RECORD_MMAP2");
_Static_assert(sizeof(((struct mmap2 *)0)->by) == 24, "as long as each other");

/* What was recorded: how its records are laid out, and the numbers it has in them. */
struct lgr_perf_event {
	struct perf_event_attr attr;
	uint64_t *id;
	size_t ids;
};

/* A piece of the file. */
struct window {
	const struct lgr_recording *recording;
	char *bytes;
	uint64_t at;
	size_t size;
};

void lgr_recording_deinit(struct lgr_recording *recording)
{
	for (size_t i = 0; i < recording->maps; i++)
		free(recording->map[i].name);
	free(recording->map);
	for (size_t i = 0; i < recording->events; i++)
		free(recording->event[i].id);
	free(recording->event);
	if (recording->fd >= 0)
		close(recording->fd);
}

static int refuse(char *why, size_t n, int r, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static int refuse(char *why, size_t n, int r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, n, format, ap);
	va_end(ap);
	return r;
}

/* ------------------------------------------------------------------ the head */

/* Has the file these bytes? */
static bool within(const struct lgr_recording *recording, const struct section *section)
{
	return section->at <= recording->size && section->size <= recording->size - section->at;
}

static int read_head(const struct lgr_recording *recording, struct head *ret, char *why, size_t n)
{
	int fd = recording->fd;

	memset(ret, 0, sizeof(*ret));
	if (lgr_read_fd(&fd, 0, ret, 16) < 0)
		return refuse(why, n, -EBADMSG, "is no recording of perf");
	if (!memcmp(ret->magic, "2ELIFREP", 8))
		return refuse(why, n, -EOPNOTSUPP,
			      "was recorded on a machine of another byte order; repair it there");
	if (!memcmp(ret->magic, "PERFFILE", 8))
		return refuse(why, n, -EOPNOTSUPP, "is of a perf older than 2012; record it again");
	if (memcmp(ret->magic, "PERFILE2", 8))
		return refuse(why, n, -EBADMSG, "is no recording of perf");
	if (ret->size == 16)
		return refuse(why, n, -EOPNOTSUPP,
			      "is what perf writes into a pipe (record -o -), which cannot be "
			      "repaired; record into a file");
	if (ret->size < sizeof(*ret) || lgr_read_fd(&fd, 0, ret, sizeof(*ret)) < 0 ||
	    !within(recording, &ret->attrs) || ret->attr_size < PERF_ATTR_SIZE_VER0 + 16)
		return refuse(why, n, -EBADMSG, "is damaged: its head is cut off");
	if (ret->data.size == 0 || !within(recording, &ret->data))
		return refuse(why, n, -EBADMSG,
			      "is incomplete: perf record did not end it, or the file was cut");
	return 0;
}

/* One event's layout, and its numbers. */
static int read_event(struct lgr_recording *recording, const struct head *head, uint64_t at)
{
	struct lgr_perf_event *event = &recording->event[recording->events];
	size_t size = head->attr_size - sizeof(struct section);
	struct section ids;
	int fd = recording->fd;
	int r;

	memset(event, 0, sizeof(*event));
	r = lgr_read_fd(&fd, at, &event->attr,
			size < sizeof(event->attr) ? size : sizeof(event->attr));
	if (r == 0)
		r = lgr_read_fd(&fd, at + size, &ids, sizeof(ids));
	if (r < 0)
		return r;
	recording->events++;
	if (!within(recording, &ids) || ids.size / sizeof(uint64_t) > IDS_MAX)
		return -EBADMSG;
	event->ids = ids.size / sizeof(uint64_t);
	if (event->ids == 0)
		return 0;
	event->id = calloc(event->ids, sizeof(uint64_t));
	return event->id ? lgr_read_fd(&fd, ids.at, event->id, event->ids * sizeof(uint64_t))
			 : -ENOMEM;
}

static int read_events(struct lgr_recording *recording, const struct head *head)
{
	uint64_t n = head->attrs.size / head->attr_size;
	int r = 0;

	if (n == 0 || n > EVENTS_MAX)
		return -EBADMSG;
	recording->event = calloc(n, sizeof(*recording->event));
	if (!recording->event)
		return -ENOMEM;
	for (uint64_t i = 0; r == 0 && i < n; i++)
		r = read_event(recording, head, head->attrs.at + i * head->attr_size);
	if (r < 0)
		return r;
	recording->monotonic = recording->event[0].attr.use_clockid &&
			       recording->event[0].attr.clockid == CLOCK_MONOTONIC;
	return 0;
}

/* ----------------------------------------------------------------- the times */

/* The event with the number @id; the first one where there is none: what perf made up itself has 0. */
static const struct lgr_perf_event *event_of(const struct lgr_recording *recording, uint64_t id)
{
	for (size_t i = 0; recording->events > 1 && i < recording->events; i++)
		for (size_t k = 0; k < recording->event[i].ids; k++)
			if (recording->event[i].id[k] == id)
				return &recording->event[i];
	return &recording->event[0];
}

static uint64_t word_at(const char *record, size_t at)
{
	uint64_t word;

	memcpy(&word, record + at, sizeof(word));
	return word;
}

/*
 * The time of a record that is no sample. Its last words are thread, time, id, stream, cpu and
 * identifier, as far as the event has them; the identifier is the last one in all events or in none.
 */
static uint64_t time_at_end(const struct lgr_recording *recording, const char *record, size_t size,
			    size_t least)
{
	const struct lgr_perf_event *event = &recording->event[0];
	uint64_t type = event->attr.sample_type;
	size_t behind;

	if (!event->attr.sample_id_all || size < least + 8)
		return 0;
	if (type & PERF_SAMPLE_IDENTIFIER)
		type = event_of(recording, word_at(record, size - 8))->attr.sample_type;
	if (!(type & PERF_SAMPLE_TIME))
		return 0;
	behind = 8 * (1 + (size_t)__builtin_popcountll(type &
						       (PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID |
							PERF_SAMPLE_CPU | PERF_SAMPLE_IDENTIFIER)));
	return size < least + behind ? 0 : word_at(record, size - behind);
}

/* The time of a sample, which begins with identifier, address, thread, time, or 0. */
static uint64_t sample_time(const struct lgr_recording *recording, const char *record, size_t size)
{
	uint64_t type = recording->event[0].attr.sample_type;
	size_t at = sizeof(struct perf_event_header);

	if (type & PERF_SAMPLE_IDENTIFIER && size >= at + 8)
		type = event_of(recording, word_at(record, at))->attr.sample_type;
	if (!(type & PERF_SAMPLE_TIME))
		return 0;
	at += 8 * (size_t)__builtin_popcountll(
			  type & (PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID));
	return size < at + 8 ? 0 : word_at(record, at);
}

/* --------------------------------------------------------------- the records */

static int take_map(struct lgr_recording *recording, const char *record, size_t size, uint64_t at)
{
	struct lgr_perf_map *map;
	struct mmap2 m;
	size_t n;

	if (size < sizeof(m))
		return -EBADMSG;
	memcpy(&m, record, sizeof(m));
	if (recording->maps == recording->maps_cap) {
		void *grown = lgr_grow(recording->map, &recording->maps_cap, recording->maps,
				       sizeof(*recording->map));

		if (!grown)
			return -ENOMEM;
		recording->map = grown;
	}
	map = &recording->map[recording->maps];
	*map = (struct lgr_perf_map){ .at = at,
				      .pid = (pid_t)m.pid,
				      .lo = m.start,
				      .hi = m.start + m.len,
				      .offset = m.offset,
				      .misc = m.header.misc,
				      .executable = m.prot & 4 /* PROT_EXEC */ };
	if (m.header.misc & PERF_RECORD_MISC_MMAP_BUILD_ID) {
		if (m.by.build_id.size > LGR_PERF_ID_MAX)
			return -EBADMSG;
		map->build_id.size = m.by.build_id.size;
		memcpy(map->build_id.bytes, m.by.build_id.bytes, m.by.build_id.size);
		map->reserved = m.by.build_id.reserved_2;
	} else {
		map->major = m.by.file.major;
		map->minor = m.by.file.minor;
		map->inode = m.by.file.inode;
	}
	n = strnlen(record + sizeof(m), size - sizeof(m));
	map->name = strndup(record + sizeof(m), n);
	if (!map->name)
		return -ENOMEM;
	/* The name ends with one NUL and is padded to 8 bytes. */
	map->time_ns = time_at_end(recording, record, size, (sizeof(m) + n + 8) & ~(size_t)7);
	recording->maps++;
	return 0;
}

/* Has the window at least @n bytes at @at? Reads on where it has not. */
static bool window_show(struct window *w, uint64_t at, size_t n)
{
	uint64_t left = w->recording->data_end - at;
	int fd = w->recording->fd;

	if (at >= w->at && at + n <= w->at + w->size)
		return true;
	if (n > left)
		return false;
	w->at = at;
	w->size = left < WINDOW ? left : WINDOW;
	return lgr_read_fd(&fd, at, w->bytes, w->size) == 0;
}

/* A record, and what follows it without being one. Returns its size, or a negative errno. */
static int64_t take_record(struct lgr_recording *recording, struct window *w, uint64_t at)
{
	struct perf_event_header header;
	const char *record;
	uint64_t time;
	int r = 0;

	if (!window_show(w, at, sizeof(header)))
		return -EBADMSG;
	memcpy(&header, w->bytes + (at - w->at), sizeof(header));
	if (header.size < sizeof(header) || !window_show(w, at, header.size))
		return -EBADMSG;
	record = w->bytes + (at - w->at);
	switch (header.type) {
	case RECORD_COMPRESSED:
	case RECORD_COMPRESSED2: return -EOPNOTSUPP;
	case RECORD_AUXTRACE: {
		uint64_t size = header.size < 16 ? UINT64_MAX : word_at(record, 8);

		if (size > recording->data_end - at - header.size)
			return -EBADMSG;
		return (int64_t)(header.size + size);
	}
	case PERF_RECORD_MMAP2: r = take_map(recording, record, header.size, at); break;
	case PERF_RECORD_SAMPLE:
		time = sample_time(recording, record, header.size);
		if (time && time < recording->first_ns)
			recording->first_ns = time;
		break;
	default: break;
	}
	return r < 0 ? r : header.size;
}

static int read_data(struct lgr_recording *recording)
{
	_cleanup_free_ char *bytes = malloc(WINDOW);
	struct window w = { .recording = recording, .bytes = bytes };
	uint64_t at = recording->data_at;

	if (!bytes)
		return -ENOMEM;
	while (at < recording->data_end) {
		int64_t n = take_record(recording, &w, at);

		if (n < 0)
			return (int)n;
		at += (uint64_t)n;
	}
	return 0;
}

int lgr_recording_read(const char *name, struct lgr_recording *ret, char *why, size_t n)
{
	struct head head;
	struct stat st;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->first_ns = UINT64_MAX;
	ret->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (ret->fd < 0 || fstat(ret->fd, &st) < 0)
		return refuse(why, n, -errno, "cannot be read: %s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return refuse(why, n, -EOPNOTSUPP,
			      "is a recording of several files (record --threads), which cannot be "
			      "repaired; record without --threads");
	if (!S_ISREG(st.st_mode))
		return refuse(why, n, -EBADMSG, "is no file");
	ret->size = (uint64_t)st.st_size;
	r = read_head(ret, &head, why, n);
	if (r < 0)
		return r;
	ret->data_at = head.data.at;
	ret->data_end = head.data.at + head.data.size;
	r = read_events(ret, &head);
	if (r == 0)
		r = read_data(ret);
	if (r == -EOPNOTSUPP)
		return refuse(why, n, r,
			      "is compressed (record -z), which cannot be repaired; record "
			      "without -z");
	return r == 0 ? 0 : refuse(why, n, r, "is damaged: %s", strerror(-r));
}

int lgr_recording_set_build_id(int fd, const struct lgr_perf_map *map,
			       const struct lgr_build_id *id, uint16_t instance)
{
	struct mmap2 m;
	int r = lgr_read_fd(&fd, map->at, &m, sizeof(m));

	if (r < 0)
		return r;
	memset(&m.by, 0, sizeof(m.by));
	m.header.misc |= PERF_RECORD_MISC_MMAP_BUILD_ID;
	m.by.build_id.size = id->size;
	m.by.build_id.reserved_2 = instance;
	memcpy(m.by.build_id.bytes, id->bytes, id->size);
	/* One write: there is no moment at which it is half of each. */
	if (pwrite(fd, &m, sizeof(m), (off_t)map->at) != sizeof(m))
		return errno ? -errno : -EIO;
	return 0;
}
