/*
 * log.c - `linger log`: shows event logs, those of several processes merged by time.
 *
 * Owns no state beyond one run of the command.
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "tool.h"

#define WHO "linger log"
#define START SIZE_MAX /* in struct entry: the head, not a line */

static const char *const event_names[] = {
#define X(id, name, call) name,
	LGR_EVENTS(X)
#undef X
};
static const bool event_is_call[] = {
#define X(id, name, call) call,
	LGR_EVENTS(X)
#undef X
};

/* One log, and what is wrong with it: said when everything readable was printed. */
struct source {
	char *name;
	struct lgr_logfile log;
	bool readable;
	char why[512];
};

/* One line to print. Sorted by time; a start record stands before all others of its log. */
struct entry {
	uint64_t time_ns;
	size_t source, line;
	uint32_t pid;
};

struct logs {
	struct source *source;
	size_t sources, sources_cap;
	struct entry *entry;
	size_t entries, entries_cap;
	uint64_t first_ns;
	bool json, calls, failed;
};

static void logs_deinit(struct logs *logs)
{
	for (size_t i = 0; i < logs->sources; i++) {
		free(logs->source[i].name);
		lgr_logfile_deinit(&logs->source[i].log);
	}
	free(logs->source);
	free(logs->entry);
}

/* ------------------------------------------------------------------ which files */

static int add_source(struct logs *logs, const char *name)
{
	struct source *grown, *source;
	int r;

	for (size_t i = 0; i < logs->sources; i++)
		if (!strcmp(logs->source[i].name, name))
			return 0;
	grown = lgr_grow(logs->source, &logs->sources_cap, logs->sources, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	logs->source = grown;
	source = &grown[logs->sources];
	memset(source, 0, sizeof(*source));
	source->name = strdup(name);
	if (!source->name)
		return -ENOMEM;
	logs->sources++;
	r = lgr_logfile_read(name, &source->log, source->why, sizeof(source->why));
	source->readable = r == 0 || r == -ENODATA;
	return r == -ENOMEM ? r : 0;
}

/* Is this what a log adds to its prefix: ".PID" or ".PID.N"? */
static bool is_suffix(const char *s)
{
	for (int parts = 0; parts < 2; parts++) {
		size_t digits;

		if (*s != '.')
			return false;
		digits = strspn(s + 1, "0123456789");
		if (digits == 0)
			return false;
		s += 1 + digits;
		if (!*s)
			return true;
	}
	return false;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

/* Adds the logs that a run with log:@prefix made. Returns how many there are. */
static int add_prefix(struct logs *logs, const char *prefix)
{
	const char *slash = strrchr(prefix, '/'), *base = slash ? slash + 1 : prefix;
	int dir_len = (int)(base - prefix), found = 0, n;
	_cleanup_free_ char *dir = NULL;
	struct dirent **names = NULL;

	if (asprintf(&dir, "%.*s", dir_len, prefix) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	n = scandir(*dir ? dir : ".", &names, NULL, by_name);
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		_cleanup_free_ char *path = NULL;

		if (found >= 0 && *base && !strncmp(name, base, strlen(base)) &&
		    is_suffix(name + strlen(base))) {
			if (asprintf(&path, "%s%s", dir, name) < 0)
				path = NULL;
			found = path && add_source(logs, path) == 0 ? found + 1 : -ENOMEM;
		}
		free(names[i]);
	}
	free(names);
	return found;
}

/* @name is a log, or the prefix of logs; if it is neither, it is read for the sentence it earns. */
static int add_argument(struct logs *logs, const char *name)
{
	struct stat st;
	int n;

	if (lgr_logfile_is(name))
		return add_source(logs, name);
	n = add_prefix(logs, name);
	if (n != 0)
		return n < 0 ? n : 0;
	if (stat(name, &st) == 0 || errno != ENOENT)
		return add_source(logs, name);
	lgr_say(WHO,
		"%s: there is no such file, and no %s.PID; give the FILE of log:FILE, or one log",
		name, name);
	logs->failed = true;
	return 0;
}

/* ---------------------------------------------------------------------- order */

static int compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	if (a->line != b->line) /* START + 1 is 0: first */
		return a->line + 1 < b->line + 1 ? -1 : 1;
	return 0;
}

static int add_entry(struct logs *logs, uint64_t time_ns, size_t source, size_t line)
{
	struct entry *entry;

	entry = lgr_grow(logs->entry, &logs->entries_cap, logs->entries, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	logs->entry = entry;
	entry[logs->entries++] = (struct entry){
		.time_ns = time_ns,
		.source = source,
		.line = line,
		.pid = logs->source[source].log.head.pid,
	};
	return 0;
}

static int add_entries(struct logs *logs, size_t source)
{
	const struct lgr_logfile *log = &logs->source[source].log;
	int r;

	/* No line is older than its start: logfile.c takes it for damage. */
	r = add_entry(logs, log->head.start_ns, source, START);
	for (size_t i = 0; r == 0 && i < log->lines; i++)
		if (logs->calls || !event_is_call[log->line[i].event])
			r = add_entry(logs, log->line[i].time_ns, source, i);
	return r;
}

static int sort(struct logs *logs)
{
	int r = 0;

	logs->first_ns = UINT64_MAX;
	for (size_t i = 0; r == 0 && i < logs->sources; i++) {
		if (!logs->source[i].readable)
			continue;
		r = add_entries(logs, i);
		if (logs->source[i].log.head.start_ns < logs->first_ns)
			logs->first_ns = logs->source[i].log.head.start_ns;
	}
	if (logs->entries)
		qsort(logs->entry, logs->entries, sizeof(*logs->entry), compare);
	return r;
}

/* ---------------------------------------------------------------------- print */

/* dlopen's flags as a programmer writes them. */
static void describe_flags(uint64_t flags, char *buf, size_t n)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} names[] = {
		{ RTLD_LAZY, "RTLD_LAZY" },	    { RTLD_NOW, "RTLD_NOW" },
		{ RTLD_GLOBAL, "RTLD_GLOBAL" },	    { RTLD_NOLOAD, "RTLD_NOLOAD" },
		{ RTLD_DEEPBIND, "RTLD_DEEPBIND" }, { RTLD_NODELETE, "RTLD_NODELETE" },
	};
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *name = names[i].name;

		if (names[i].bit == RTLD_GLOBAL && !(flags & RTLD_GLOBAL))
			name = "RTLD_LOCAL"; /* no bit of its own */
		else if (!(flags & names[i].bit))
			continue;
		flags &= ~names[i].bit;
		used += (size_t)snprintf(buf + used, n - used, "%s%s", used ? "|" : "", name);
	}
	if (flags)
		snprintf(buf + used, n - used, "|0x%" PRIx64, flags);
}

static void json_start(const struct lgr_logfile *log)
{
	const struct lgr_log_head *head = &log->head;
	struct lgr_json j;

	lgr_json_begin(&j, stdout);
	lgr_json_number(&j, "time_ns", head->start_ns);
	lgr_json_number(&j, "pid", head->pid);
	lgr_json_number(&j, "tid", head->tid);
	lgr_json_string(&j, "event", event_names[LGR_EV_START]);
	lgr_json_number(&j, "id", 0);
	lgr_json_string(&j, "path", head->exe);
	lgr_json_string(&j, "version", head->version_text);
	lgr_json_string(&j, "libc", head->libc_text);
	lgr_json_string(&j, "settings", head->settings);
	lgr_json_number(&j, "lost", log->lost);
	lgr_json_bool(&j, "forked", head->forked);
	lgr_json_number(&j, "ppid", head->ppid);
	lgr_json_end(&j);
}

static void json_line(const struct lgr_logfile *log, const struct lgr_log_line *line)
{
	char flags[128];
	struct lgr_json j;

	lgr_json_begin(&j, stdout);
	lgr_json_number(&j, "time_ns", line->time_ns);
	lgr_json_number(&j, "pid", log->head.pid);
	lgr_json_number(&j, "tid", line->tid);
	lgr_json_string(&j, "event", event_names[line->event]);
	lgr_json_number(&j, "id", line->id);
	lgr_json_bytes(&j, "path", line->path_len ? log->paths + line->path : "", line->path_len);
	if (line->reason != LGR_RSN_NONE)
		lgr_json_string(&j, "reason", lgr_reason_name(line->reason));
	if (line->event == LGR_EV_CALL_DLOPEN) {
		describe_flags(line->arg, flags, sizeof(flags));
		lgr_json_string(&j, "flags", flags);
	}
	if (line->event == LGR_EV_CALL_DLMOPEN)
		lgr_json_signed(&j, "namespace", (int64_t)line->arg);
	lgr_json_end(&j);
}

/* The columns every line begins with. */
static void text_columns(const struct logs *logs, uint64_t time_ns, uint32_t pid, uint32_t tid,
			 enum lgr_event event, uint64_t id)
{
	uint64_t us = (time_ns - logs->first_ns) / 1000;
	char thread[24], object[24] = "-";

	snprintf(thread, sizeof(thread), "%u/%u", pid, tid);
	if (id)
		snprintf(object, sizeof(object), "#%" PRIu64, id);
	printf("%6" PRIu64 ".%06u  %-15s %-8s %6s  ", us / 1000000, (unsigned)(us % 1000000),
	       thread, event_names[event], object);
}

static void text_start(const struct logs *logs, const struct lgr_logfile *log)
{
	const struct lgr_log_head *head = &log->head;

	text_columns(logs, head->start_ns, head->pid, head->tid, LGR_EV_START, 0);
	lgr_put_text(stdout, head->exe, strlen(head->exe));
	fputs(" (linger ", stdout);
	lgr_put_text(stdout, head->version_text, strlen(head->version_text));
	fputs(", glibc ", stdout);
	lgr_put_text(stdout, head->libc_text, strlen(head->libc_text));
	if (head->forked)
		printf(", forked by %u", head->ppid);
	if (head->settings[0]) {
		fputs(", LINGER=", stdout);
		lgr_put_text(stdout, head->settings, strlen(head->settings));
	}
	if (log->lost)
		printf(", %" PRIu64 " records lost", log->lost);
	fputs(")\n", stdout);
}

static void text_line(const struct logs *logs, const struct lgr_logfile *log,
		      const struct lgr_log_line *line)
{
	char flags[128];

	text_columns(logs, line->time_ns, log->head.pid, line->tid, line->event, line->id);
	if (line->path_len)
		lgr_put_text(stdout, log->paths + line->path, line->path_len);
	if (line->event == LGR_EV_CALL_DLOPEN) {
		describe_flags(line->arg, flags, sizeof(flags));
		printf("%s %s", line->path_len ? "" : "(the program)", flags);
	} else if (line->event == LGR_EV_CALL_DLMOPEN) {
		printf(" namespace %" PRId64, (int64_t)line->arg);
	}
	if (line->reason != LGR_RSN_NONE)
		printf("%s%s", line->path_len ? ": " : "", lgr_reason_text(line->reason));
	fputc('\n', stdout);
}

static void print(const struct logs *logs)
{
	for (size_t i = 0; i < logs->entries; i++) {
		const struct entry *entry = &logs->entry[i];
		const struct lgr_logfile *log = &logs->source[entry->source].log;

		if (entry->line == START && logs->json)
			json_start(log);
		else if (entry->line == START)
			text_start(logs, log);
		else if (logs->json)
			json_line(log, &log->line[entry->line]);
		else
			text_line(logs, log, &log->line[entry->line]);
	}
}

/* -------------------------------------------------------------------- command */

static int usage(FILE *out)
{
	fputs("usage: linger log [--json] [--calls] FILE...\n"
	      "Shows event logs, merged by time. FILE is a log, or the FILE of log:FILE: then\n"
	      "all logs FILE.PID of that run.\n\n"
	      "      --calls  list the program's dlopen, dlmopen and dlclose calls too\n"
	      "      --json   one JSON object per line\n"
	      "      --help   show this\n",
	      out);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

static int show(struct logs *logs, char **files)
{
	int r = 0;

	for (; r == 0 && *files; files++)
		r = add_argument(logs, *files);
	if (r == 0)
		r = sort(logs);
	if (r < 0) {
		lgr_say(WHO, "there is not enough memory for these logs; name fewer at a time");
		return LGR_EXIT_FAILED;
	}
	print(logs);
	fflush(stdout); /* what was read comes before what is wrong with it */
	for (size_t i = 0; i < logs->sources; i++) {
		if (!logs->source[i].why[0])
			continue;
		lgr_say(WHO, "%s %s", logs->source[i].name, logs->source[i].why);
		logs->failed = true;
	}
	return lgr_finish(WHO, logs->failed ? LGR_EXIT_FAILED : LGR_EXIT_DONE);
}

int lgr_cmd_log(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "calls", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	_cleanup_(logs_deinit) struct logs logs = { 0 };
	static char who[] = WHO;
	int c;

	argv[0] = who; /* getopt's messages begin with it */
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'j': logs.json = true; break;
		case 'c': logs.calls = true; break;
		case 'h': return usage(stdout);
		default: return LGR_EXIT_USAGE;
		}
	}
	if (optind == argc) {
		lgr_say(WHO, "name a log file, or the FILE given to log:FILE");
		return LGR_EXIT_USAGE;
	}
	return show(&logs, argv + optind);
}
