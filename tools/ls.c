/*
 * ls.c - `linger ls`: the processes that have linger, or the objects of one of them.
 *
 * Owns no state beyond one run of the command. Reads from outside; the process notices nothing.
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "tool.h"

#define WHO "linger ls"
#define BUILD_ID_SHOWN 6 /* bytes of a build-id in the table; JSON has all of it */

static const char *const state_names[] = {
#define X(id, name) name,
	LGR_STATES(X)
#undef X
};
static const struct {
	uint32_t bit;
	const char *name;
} flag_names[] = {
#define X(id, name, bit) { bit, name },
	LGR_FLAGS(X)
#undef X
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* -------------------------------------------------------------- one process */

static void format_build_id(const struct lgr_object *o, size_t max, char *buf)
{
	size_t n = o->build_id_len < sizeof(o->build_id) ? o->build_id_len : sizeof(o->build_id);

	*buf = '\0';
	for (size_t i = 0; i < n && i < max; i++)
		snprintf(buf + 2 * i, 3, "%02x", o->build_id[i]);
}

static const char *state_of(const struct lgr_proc_object *o)
{
	uint32_t state = lgr_proc_object_state(o);

	return state < COUNT(state_names) ? state_names[state] : "?";
}

static void json_object(const struct lgr_proc *proc, const struct lgr_proc_object *o)
{
	char build_id[2 * sizeof(o->object.build_id) + 1];
	struct lgr_json j;

	format_build_id(&o->object, sizeof(o->object.build_id), build_id);
	lgr_json_begin(&j, stdout);
	lgr_json_number(&j, "pid", (uint64_t)proc->pid);
	lgr_json_number(&j, "id", o->object.id);
	lgr_json_string(&j, "path", o->path);
	lgr_json_string(&j, "state", state_of(o));
	lgr_json_address(&j, "lo", o->object.lo);
	lgr_json_address(&j, "hi", o->object.hi);
	if (o->handles_known)
		lgr_json_number(&j, "handles", o->handles);
	else
		lgr_json_null(&j, "handles");
	lgr_json_string(&j, "build_id", build_id);
	lgr_json_number(&j, "bytes", o->object.bytes);
	lgr_json_string(&j, "soname", o->soname);
	lgr_json_list_begin(&j, "flags");
	for (size_t i = 0; i < COUNT(flag_names); i++)
		if (o->object.flags & flag_names[i].bit)
			lgr_json_list_item(&j, flag_names[i].name);
	lgr_json_list_end(&j);
	lgr_json_end(&j);
}

#define FLAGS_TEXT 192

static const char *format_flags(uint32_t flags, char buf[FLAGS_TEXT])
{
	size_t used = 0;

	snprintf(buf, FLAGS_TEXT, "-");
	for (size_t i = 0; i < COUNT(flag_names) && used < FLAGS_TEXT; i++)
		if (flags & flag_names[i].bit)
			used += (size_t)snprintf(buf + used, FLAGS_TEXT - used, "%s%s",
						 used ? "," : "", flag_names[i].name);
	return buf;
}

static void text_object(const struct lgr_proc_object *o, int flags_width)
{
	char handles[16] = "-", build_id[2 * BUILD_ID_SHOWN + 1], flags[FLAGS_TEXT];

	if (o->handles_known)
		snprintf(handles, sizeof(handles), "%" PRIu32, o->handles);
	format_build_id(&o->object, BUILD_ID_SHOWN, build_id);
	printf("%5" PRIu64 "  %-9s  %012" PRIx64 "-%012" PRIx64 "  %7s  %10" PRIu64
	       "  %-*s  %-*s  ",
	       o->object.id, state_of(o), o->object.lo, o->object.hi, handles, o->object.bytes,
	       flags_width, format_flags(o->object.flags, flags), 2 * BUILD_ID_SHOWN,
	       *build_id ? build_id : "-");
	lgr_put_text(stdout, o->path, strlen(o->path));
	fputc('\n', stdout);
}

static void print_objects(const struct lgr_proc *proc, const struct lgr_proc_objects *objects,
			  bool json)
{
	int width = (int)strlen("FLAGS");
	char flags[FLAGS_TEXT];

	for (size_t i = 0; json && i < objects->count; i++)
		json_object(proc, &objects->object[i]);
	if (json)
		return;
	for (size_t i = 0; i < objects->count; i++) {
		int len = (int)strlen(format_flags(objects->object[i].object.flags, flags));

		width = len > width ? len : width;
	}
	printf("%5s  %-9s  %-25s  %7s  %10s  %-*s  %-*s  %s\n", "ID", "STATE", "ADDRESSES",
	       "HANDLES", "BYTES", width, "FLAGS", 2 * BUILD_ID_SHOWN, "BUILD-ID", "PATH");
	for (size_t i = 0; i < objects->count; i++)
		text_object(&objects->object[i], width);
}

static int list_objects(pid_t pid, bool json)
{
	_cleanup_(lgr_proc_objects_deinit) struct lgr_proc_objects objects = { 0 };
	struct lgr_proc proc;
	int r;

	r = lgr_proc_open_on(pid, &proc);
	if (r == 0)
		r = lgr_proc_objects_read(&proc, &objects);
	if (r < 0)
		return lgr_proc_refuse(WHO, &proc, r);
	print_objects(&proc, &objects, json);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

/* ------------------------------------------------------------ all processes */

/* What is shown of one process; copied out of its region, which is large. */
struct row {
	pid_t pid;
	uint32_t phase, policy;
	enum lgr_reason why; /* it is off */
	uint64_t objects;
	char version[32], log[512];
};

struct rows {
	struct row *row;
	size_t count, cap;
	int refused; /* processes that may not be read */
};

static void rows_deinit(struct rows *rows)
{
	free(rows->row);
}

static int add_row(struct rows *rows, const struct lgr_proc *proc)
{
	const struct lgr_region *region = &proc->region;
	struct row *row;

	row = lgr_grow(rows->row, &rows->cap, rows->count, sizeof(*row));
	if (!row)
		return -ENOMEM;
	rows->row = row;
	row += rows->count++;
	*row = (struct row){
		.pid = proc->pid,
		.phase = region->phase,
		.policy = region->policy,
		.why = region->phase == LGR_PH_OFF && region->off_reason < LGR_RSN_COUNT
			       ? region->off_reason
			       : LGR_RSN_NONE,
		.objects = region->objects,
	};
	memcpy(row->version, region->version_text, sizeof(row->version));
	memcpy(row->log, region->log_path, sizeof(row->log));
	return 0;
}

static const char *phase_name(uint32_t phase)
{
	return phase == LGR_PH_ON ? "on" : phase == LGR_PH_OFF ? "off" : "starting";
}

#define STATE_TEXT 128

static const char *format_state(const struct row *row, char buf[STATE_TEXT])
{
	snprintf(buf, STATE_TEXT, "%s%s%s", phase_name(row->phase), row->why ? ": " : "",
		 lgr_reason_text(row->why));
	return buf;
}

static void json_row(const struct row *row)
{
	char command[4096];
	struct lgr_json j;

	lgr_proc_command(row->pid, command, sizeof(command));
	lgr_json_begin(&j, stdout);
	lgr_json_number(&j, "pid", (uint64_t)row->pid);
	lgr_json_string(&j, "state", phase_name(row->phase));
	if (row->why)
		lgr_json_string(&j, "reason", lgr_reason_name(row->why));
	lgr_json_string(&j, "policy", lgr_policy_name(row->policy));
	lgr_json_number(&j, "objects", row->objects);
	lgr_json_string(&j, "version", row->version);
	lgr_json_string(&j, "log", row->log);
	lgr_json_string(&j, "command", command);
	lgr_json_end(&j);
}

static void print_rows(const struct rows *rows, bool json)
{
	char command[4096], state[STATE_TEXT];
	int width = (int)strlen("STATE");

	for (size_t i = 0; json && i < rows->count; i++)
		json_row(&rows->row[i]);
	if (json || rows->count == 0)
		return;
	for (size_t i = 0; i < rows->count; i++) {
		int len = (int)strlen(format_state(&rows->row[i], state));

		width = len > width ? len : width;
	}
	printf("%7s  %-*s  %7s  %s\n", "PID", width, "STATE", "OBJECTS", "COMMAND");
	for (size_t i = 0; i < rows->count; i++) {
		const struct row *row = &rows->row[i];

		lgr_proc_command(row->pid, command, sizeof(command));
		printf("%7d  %-*s  %7" PRIu64 "  ", (int)row->pid, width, format_state(row, state),
		       row->objects);
		lgr_put_text(stdout, command, strlen(command));
		fputc('\n', stdout);
	}
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int add_process(struct rows *rows, pid_t pid)
{
	struct lgr_proc proc;
	int r = lgr_proc_open(pid, &proc);

	if (r == 0)
		return add_row(rows, &proc);
	if (r == -EPROTO)
		lgr_proc_refuse(WHO, &proc, r);
	rows->refused += r == -EPERM;
	return r == -ENOMEM ? r : 0;
}

static int list_processes(bool json)
{
	_cleanup_(rows_deinit) struct rows rows = { 0 };
	struct dirent **names = NULL;
	int n, r = 0;
	pid_t pid;

	n = scandir("/proc", &names, NULL, by_number);
	if (n < 0) {
		lgr_say(WHO, "/proc cannot be read: %s; mount it, or name a process",
			strerror(errno));
		return LGR_EXIT_FAILED;
	}
	for (int i = 0; i < n; i++) {
		if (r == 0 && lgr_parse_pid(names[i]->d_name, &pid) && pid != getpid())
			r = add_process(&rows, pid);
		free(names[i]);
	}
	free(names);
	if (r < 0) {
		lgr_say(WHO, "there is not enough memory for the list; name a process");
		return LGR_EXIT_FAILED;
	}
	print_rows(&rows, json);
	if (rows.count == 0 && rows.refused) {
		lgr_say(WHO, "no process with linger was found, but %d may not be read%s",
			rows.refused, geteuid() ? "; be root to see them all" : " even by root");
		return LGR_EXIT_FAILED;
	}
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

/* ------------------------------------------------------------------ command */

static int usage(void)
{
	fputs("usage: linger ls [--json] [PID]\n"
	      "Lists the processes that have linger, or the loaded objects of process PID.\n\n"
	      "      --json   one JSON object per line\n"
	      "      --help   show this\n",
	      stdout);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

int lgr_cmd_ls(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static char who[] = WHO;
	bool json = false;
	pid_t pid;
	int c;

	argv[0] = who; /* getopt's messages begin with it */
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'j': json = true; break;
		case 'h': return usage();
		default: return LGR_EXIT_USAGE;
		}
	}
	if (optind == argc)
		return list_processes(json);
	if (argc - optind > 1) {
		lgr_say(WHO, "name one process at a time");
		return LGR_EXIT_USAGE;
	}
	if (!lgr_parse_pid(argv[optind], &pid)) {
		lgr_say(WHO, "'%s' is no process number; `linger ls` lists them", argv[optind]);
		return LGR_EXIT_USAGE;
	}
	return list_objects(pid, json);
}
