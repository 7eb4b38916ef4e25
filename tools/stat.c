/*
 * stat.c - `linger stat`: what linger does in a process, in numbers.
 *
 * Owns no state beyond one run of the command. Reads from outside; the process notices nothing.
 * SPDX-License-Identifier: MIT
 */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "settings.h"
#include "tool.h"

#define WHO "linger stat"
#define LABEL "%-20s"

static const char *const counter_names[] = {
#define X(id, name) name,
	LGR_COUNTERS(X)
#undef X
};
static const char *const field_names[] = {
#define X(id, name) name,
	LGR_FIELDS(X)
#undef X
};

/* What is shown beside the region: objects as `linger ls` shows them. */
struct seen {
	uint64_t kept, kept_bytes, hidden, detached;
};

/* ---------------------------------------------------------- what it stands on */

/* linger probes at the first of these calls. */
static bool has_called(const struct lgr_region *region)
{
	return region->counter[LGR_N_CALLS_DLOPEN] || region->counter[LGR_N_CALLS_DLMOPEN] ||
	       region->counter[LGR_N_CALLS_DLCLOSE];
}

/*
 * Found by reading alone, when linger starts; the others show only when something happens to them
 * (preload/probe.c).
 */
static bool is_found_at_start(enum lgr_field field)
{
	return field == LGR_FIELD_SERIAL || field == LGR_FIELD_ALIASES || field == LGR_FIELD_SONAME;
}

/* Without holds linger looks only for what redirects want. */
static bool is_needed(const struct lgr_region *region, enum lgr_field field)
{
	return region->policy != LGR_POLICY_OFF || field == LGR_FIELD_SERIAL ||
	       field == LGR_FIELD_HANDLES || field == LGR_FIELD_NEEDS || field == LGR_FIELD_SCOPE ||
	       field == LGR_FIELD_SCOPES;
}

/*
 * l_global is learned from the objects that are loaded, maybe not from the first. What it is found
 * beside is missing for good, or any is.
 */
static bool is_to_be_learned(const struct lgr_region *region, enum lgr_field field)
{
	if (!has_called(region))
		return !is_found_at_start(field);
	return field == LGR_FIELD_GLOBAL && region->field[LGR_FIELD_HANDLES] &&
	       region->field[LGR_FIELD_NODELETE] && !region->errors[LGR_RSN_E_FIELDS];
}

static const char *field_status(const struct lgr_region *region, enum lgr_field field)
{
	if (region->field[field])
		return "found";
	if (!is_needed(region, field))
		return "not needed";
	return is_to_be_learned(region, field) ? "not learned yet" : "not found";
}

static const char *why_not_held(const struct lgr_region *region)
{
	if (region->policy == LGR_POLICY_OFF)
		return "no: the policy leaves it to the C library";
	if (!has_called(region))
		return "not yet: the program has made no dl call";
	return "no: the loader's fields for it were not found";
}

/* --------------------------------------------------------------------- output */

static void json_stat(const struct lgr_proc *proc, const struct seen *seen)
{
	const struct lgr_region *region = &proc->region;
	struct lgr_json j;

	lgr_json_begin(&j, stdout);
	lgr_json_number(&j, "pid", (uint64_t)proc->pid);
	lgr_json_string(&j, "policy", lgr_policy_name(region->policy));
	lgr_json_bool(&j, "holding", region->holding);
	lgr_json_number(&j, "objects", region->objects);
	lgr_json_number(&j, "loads", region->loads);
	lgr_json_number(&j, "kept", seen->kept);
	lgr_json_number(&j, "kept_bytes", seen->kept_bytes);
	lgr_json_number(&j, "hidden", seen->hidden);
	lgr_json_number(&j, "detached", seen->detached);
	for (size_t i = 0; i < LGR_N_COUNT; i++)
		lgr_json_number(&j, counter_names[i], region->counter[i]);
	lgr_json_object_begin(&j, "errors");
	for (size_t i = 0; i < LGR_RSN_COUNT; i++)
		if (region->errors[i])
			lgr_json_number(&j, lgr_reason_name(i), region->errors[i]);
	lgr_json_object_end(&j);
	lgr_json_object_begin(&j, "fields");
	for (size_t i = 0; i < LGR_FIELD_COUNT; i++)
		lgr_json_string(&j, field_names[i], field_status(region, i));
	lgr_json_object_end(&j);
	lgr_json_end(&j);
}

#define UNIT_TEXT 32

static const char *format_bytes(uint64_t n, char buf[UNIT_TEXT])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double value = (double)n / 1024;
	size_t i = 0;

	for (; value >= 1024 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		value /= 1024;
	if (n < 1024)
		snprintf(buf, UNIT_TEXT, "%" PRIu64 " bytes", n);
	else
		snprintf(buf, UNIT_TEXT, "%.1f %s", value, units[i]);
	return buf;
}

static const char *format_time(uint64_t ns, char buf[UNIT_TEXT])
{
	if (ns < 1000)
		snprintf(buf, UNIT_TEXT, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(buf, UNIT_TEXT, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(buf, UNIT_TEXT, "%.1f ms", (double)ns / 1e6);
	else
		snprintf(buf, UNIT_TEXT, "%.1f s", (double)ns / 1e9);
	return buf;
}

/* How it was found out what may go: the counters from SCANS to WITNESSED. */
static void text_scans(const struct lgr_region *region)
{
	const _Atomic uint64_t *n = region->counter;
	char bytes[UNIT_TEXT], time[UNIT_TEXT];

	printf(LABEL "%" PRIu64 "; not everything seen: %" PRIu64 ", in a copy: %" PRIu64 "\n",
	       "scans", n[LGR_N_SCANS], n[LGR_N_SCANS_UNSEEN], n[LGR_N_SNAPSHOTS]);
	printf(LABEL "%s in %s\n", "scanned", format_bytes(n[LGR_N_SCANNED_BYTES], bytes),
	       format_time(n[LGR_N_SCAN_NS], time));
	printf(LABEL "%s\n", "longest scan", format_time(n[LGR_N_LONGEST_SCAN_NS], time));
	printf(LABEL "%s\n", "longest pause", format_time(n[LGR_N_LONGEST_PAUSE_NS], time));
	printf(LABEL "%" PRIu64 "; in the dlclose itself: %" PRIu64 "\n", "proven objects",
	       n[LGR_N_PROVEN], n[LGR_N_PROVEN_AT_CALL]);
	printf(LABEL "%" PRIu64 "\n", "witnesses reread", n[LGR_N_WITNESSED]);
}

static void text_errors(const struct lgr_region *region)
{
	bool any = false;

	for (size_t i = 0; i < LGR_RSN_COUNT; i++) {
		if (!region->errors[i])
			continue;
		printf(LABEL "%" PRIu64 "  %s\n", any ? "" : "errors", region->errors[i],
		       lgr_reason_text(i));
		any = true;
	}
	if (!any)
		printf(LABEL "none\n", "errors");
}

static void text_stat(const struct lgr_proc *proc, const struct seen *seen)
{
	const struct lgr_region *region = &proc->region;
	const char *holding = region->holding ? "yes" : why_not_held(region);
	char bytes[UNIT_TEXT];

	printf(LABEL "%s\n", "policy", lgr_policy_name(region->policy));
	printf(LABEL "%s\n", "holding objects", holding);
	printf(LABEL "%" PRIu64 ", of %" PRIu64 " ever loaded\n", "objects", region->objects,
	       region->loads);
	printf(LABEL "%" PRIu64 ", %s; hidden: %" PRIu64 ", detached: %" PRIu64 "\n",
	       "kept objects", seen->kept, format_bytes(seen->kept_bytes, bytes), seen->hidden,
	       seen->detached);
	putchar('\n');
	for (size_t i = 0; i < LGR_N_COUNT; i++)
		if (i < LGR_N_SCANS || i > LGR_N_WITNESSED)
			printf(LABEL "%" PRIu64 "\n", counter_names[i], region->counter[i]);
	putchar('\n');
	text_scans(region);
	putchar('\n');
	for (size_t i = 0; i < LGR_FIELD_COUNT; i++)
		printf(LABEL "%s\n", field_names[i], field_status(region, i));
	putchar('\n');
	text_errors(region);
}

/* -------------------------------------------------------------------- command */

static void look_at(const struct lgr_proc_object *o, struct seen *seen)
{
	seen->hidden += !!(o->object.flags & LGR_FL_HIDDEN);
	seen->detached += !!(o->object.flags & LGR_FL_DETACHED);
	if (lgr_proc_object_state(o) != LGR_ST_KEPT)
		return;
	seen->kept++;
	seen->kept_bytes += o->object.bytes;
}

static int show(pid_t pid, bool json)
{
	_cleanup_(lgr_proc_objects_deinit) struct lgr_proc_objects objects = { 0 };
	struct seen seen = { 0 };
	struct lgr_proc proc;
	int r;

	r = lgr_proc_open_on(pid, &proc);
	if (r == 0)
		r = lgr_proc_objects_read(&proc, &objects);
	if (r < 0)
		return lgr_proc_refuse(WHO, &proc, r);
	for (size_t i = 0; i < objects.count; i++)
		look_at(&objects.object[i], &seen);
	if (json)
		json_stat(&proc, &seen);
	else
		text_stat(&proc, &seen);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

static int usage(void)
{
	fputs("usage: linger stat [--json] PID\n"
	      "Shows what linger does in process PID, in numbers.\n\n"
	      "      --json   one JSON object\n"
	      "      --help   show this\n",
	      stdout);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

int lgr_cmd_stat(int argc, char **argv)
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
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': json = true; break;
		case 'h': return usage();
		default: return LGR_EXIT_USAGE;
		}
	}
	if (argc - optind != 1) {
		lgr_say(WHO, optind == argc ? "name a process; `linger ls` lists them"
					    : "name one process at a time");
		return LGR_EXIT_USAGE;
	}
	if (!lgr_parse_pid(argv[optind], &pid)) {
		lgr_say(WHO, "'%s' is no process number; `linger ls` lists them", argv[optind]);
		return LGR_EXIT_USAGE;
	}
	return show(pid, json);
}
