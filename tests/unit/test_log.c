/*
 * test_log.c - core/log.c: the ring as a reader finds it, after many writers and a fork.
 * SPDX-License-Identifier: MIT
 */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

static char directory[64], file[96], name[128];

/* The log of process pid, mapped; the caller knows its size. */
static const struct lgr_log_head *map_log(pid_t pid, size_t *ret_size)
{
	struct stat st;
	void *p;
	int fd;

	snprintf(name, sizeof(name), "%s.%d", file, pid);
	fd = open(name, O_RDONLY);
	if (fd < 0)
		return NULL;
	assert_int_equal(fstat(fd, &st), 0);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	assert_true(p != MAP_FAILED);
	*ret_size = (size_t)st.st_size;
	return p;
}

/* Reads the record at absolute slot index k as a reader must; returns its slots, 0: not readable. */
static uint64_t read_record(const struct lgr_log_head *head, uint64_t k,
			    struct lgr_log_record *record, char *path)
{
	const struct lgr_log_slot *ring = (const void *)((const char *)head + LGR_LOG_HEAD);
	unsigned char bytes[LGR_LOG_PATH_MAX + 256];
	uint64_t n = 1;

	for (uint64_t i = 0; i < n; i++) {
		const struct lgr_log_slot *slot = &ring[(k + i) % head->slots];

		if (atomic_load(&slot->seq) != ((k + i + 1) | (i ? LGR_LOG_CONTINUES : 0)))
			return 0;
		memcpy(bytes + i * LGR_LOG_PAYLOAD, slot->data, LGR_LOG_PAYLOAD);
		if (i == 0) {
			memcpy(record, bytes, sizeof(*record));
			n = (sizeof(*record) + record->path_len + LGR_LOG_PAYLOAD - 1) /
			    LGR_LOG_PAYLOAD;
		}
	}
	memcpy(path, bytes + sizeof(*record), record->path_len);
	path[record->path_len] = '\0';
	return n;
}

static int open_log(void **state)
{
	static struct lgr_log_setup setup = {
		.file = file, .size = 1 << 20, .settings = "log:x", .libc = "2.36"
	};

	strcpy(directory, "/tmp/test_log.XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/log", directory);
	return lgr_log_open(&setup);
}

static int remove_logs(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static void the_head_is_the_start_record(void **state)
{
	size_t size;
	const struct lgr_log_head *head = map_log(getpid(), &size);

	assert_non_null(head);
	assert_memory_equal(head->magic, LGR_LOG_MAGIC, 8);
	assert_int_equal(head->pid, getpid());
	assert_int_equal(head->ppid, getppid());
	assert_int_equal(head->slots, (size - LGR_LOG_HEAD) / LGR_LOG_SLOT);
	assert_string_equal(head->settings, "log:x");
	assert_non_null(strstr(head->exe, "test_log"));
}

static void a_record_of_any_length_comes_back(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 71, 72, 73, 4095, 4096, 5000 };
	static char path[5001], got[LGR_LOG_PATH_MAX + 1];
	size_t size;
	const struct lgr_log_head *head = map_log(getpid(), &size);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct lgr_log_entry e = { LGR_EV_OPEN, LGR_RSN_NONE, i + 1, i * 3, path };
		uint64_t at = head->next;
		struct lgr_log_record record;

		memset(path, 'a' + (int)i, lengths[i]);
		path[lengths[i]] = '\0';
		lgr_log_write(&e);
		assert_int_equal(read_record(head, at, &record, got), head->next - at);
		assert_int_equal(record.id, i + 1);
		assert_int_equal(record.arg, i * 3);
		path[lengths[i] < LGR_LOG_PATH_MAX ? lengths[i] : LGR_LOG_PATH_MAX] = '\0';
		assert_string_equal(got, path);
	}
}

static void blocks_come_as_they_are_needed(void **state)
{
	struct lgr_log_entry e = { LGR_EV_OPEN, LGR_RSN_NONE, 1, 0, "/some/path/of/a/library.so" };
	struct stat st;
	size_t size;

	assert_non_null(map_log(getpid(), &size));
	assert_int_equal(stat(name, &st), 0);
	assert_true((size_t)st.st_blocks * 512 < size / 2); /* a log costs what it holds */
	for (int i = 0; i < 20000; i++)
		lgr_log_write(&e);
	assert_int_equal(stat(name, &st), 0);
	assert_true((size_t)st.st_blocks * 512 >= size);
}

enum { WRITERS = 4, EACH = 1500 };

static void *writer(void *arg)
{
	char path[64];

	for (int i = 0; i < EACH; i++) {
		struct lgr_log_entry e = { LGR_EV_CLOSE, LGR_RSN_NONE, (uint64_t)(uintptr_t)arg,
					   (uint64_t)i, path };

		snprintf(path, sizeof(path), "/%d/%*d", (int)(uintptr_t)arg, i % 40 + 1, i);
		lgr_log_write(&e);
	}
	return NULL;
}

static void writers_lose_nothing_of_each_other(void **state)
{
	static char seen[WRITERS][EACH];
	pthread_t thread[WRITERS];
	struct lgr_log_record record;
	char path[LGR_LOG_PATH_MAX + 1], want[64];
	size_t size;
	const struct lgr_log_head *head = map_log(getpid(), &size);
	uint64_t at = head->next, n;
	int found = 0;

	for (uintptr_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, writer, (void *)i), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	for (; at < head->next; at += n) {
		n = read_record(head, at, &record, path);
		assert_true(n > 0);
		assert_int_equal(record.event, LGR_EV_CLOSE);
		snprintf(want, sizeof(want), "/%d/%*d", (int)record.id, (int)record.arg % 40 + 1,
			 (int)record.arg);
		assert_string_equal(path, want);
		assert_int_equal(seen[record.id][record.arg]++, 0);
		found++;
	}
	assert_int_equal(found, WRITERS * EACH);
}

static void the_newest_records_survive_a_wrap(void **state)
{
	struct lgr_log_record record;
	char path[LGR_LOG_PATH_MAX + 1];
	size_t size;
	const struct lgr_log_head *head = map_log(getpid(), &size);
	uint64_t readable = 0, n, first;

	for (uint64_t i = 0; i < head->slots; i++) {
		struct lgr_log_entry e = { LGR_EV_UNLOAD, LGR_RSN_NONE, i, 0,
					   "/a/path/longer/than/a/slot" };

		lgr_log_write(&e);
	}
	assert_true(head->next > head->slots);
	first = head->next - head->slots;
	for (uint64_t at = first; at < head->next; at += n ? n : 1) {
		n = read_record(head, at, &record, path);
		readable += n > 0;
		if (n)
			assert_string_equal(path, "/a/path/longer/than/a/slot");
	}
	assert_int_equal(record.id, head->slots - 1);
	assert_true(readable >= head->slots / 2 - 1);
	assert_true(head->records > readable); /* the rest is lost, and counted */
}

static void a_forked_child_begins_its_own_log(void **state)
{
	struct lgr_log_entry e = { LGR_EV_OPEN, LGR_RSN_NONE, 77, 0, "/child" };
	struct lgr_log_record record;
	char path[LGR_LOG_PATH_MAX + 1];
	size_t size;
	const struct lgr_log_head *head = map_log(getpid(), &size), *own;
	uint64_t records = head->records;
	int status;
	pid_t pid = fork(); /* no fork handlers are registered here: the wiped page must do */

	if (pid == 0) {
		lgr_log_write(&e);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(head->records, records);
	own = map_log(pid, &size);
	assert_non_null(own);
	assert_int_equal(own->forked, 1);
	assert_int_equal(own->ppid, getpid());
	assert_true(read_record(own, 0, &record, path) > 0);
	assert_int_equal(record.id, 77);
}

static void a_child_with_nothing_to_say_makes_no_file(void **state)
{
	size_t size;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_null(map_log(pid, &size));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_is_the_start_record),
		cmocka_unit_test(a_record_of_any_length_comes_back),
		cmocka_unit_test(blocks_come_as_they_are_needed),
		cmocka_unit_test(writers_lose_nothing_of_each_other),
		cmocka_unit_test(the_newest_records_survive_a_wrap),
		cmocka_unit_test(a_forked_child_begins_its_own_log),
		cmocka_unit_test(a_child_with_nothing_to_say_makes_no_file),
	};

	return cmocka_run_group_tests(tests, open_log, remove_logs);
}
