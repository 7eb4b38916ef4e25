/*
 * perf.c - `linger perf`: perf, on linger's archive.
 *
 * Owns the table of what linger does itself; every other subcommand is perf's own, and so are its words.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "perf.h"

#define WHO "linger perf"

static const struct {
	const char *name;
	int (*run)(const char *dir, int argc, char **argv);
} own[] = {
	{ "record", lgr_perf_record },
	{ "fix", lgr_perf_fix },
	{ "rescue", lgr_perf_rescue },
};

/* Those that show a recording, in lines or on a terminal. */
static const char *const shows[] = { "report", "script", "annotate", "diff" };

static int usage(void)
{
	fputs("usage: linger perf [--archive DIR] record [PERF'S OPTION]... [--] PROGRAM "
	      "[ARGUMENT]...\n"
	      "       linger perf [--archive DIR] report|script|annotate|... [PERF'S OPTION]...\n"
	      "       linger perf [--archive DIR] fix [-o OUT] FILE\n"
	      "       linger perf [--archive DIR] rescue [--all] [-o DIR] PID\n"
	      "Runs perf so that it names all code that was loaded at run time, whatever became of "
	      "the\n"
	      "files. Copies of these are kept in an archive.\n\n"
	      "  record           perf record, with linger in PROGRAM\n"
	      "  fix              repair a recording that was made without `linger perf`\n"
	      "  rescue           save what a running process has mapped and nobody can open any "
	      "more\n"
	      "      --archive DIR\n"
	      "                   the archive; otherwise linger in $XDG_CACHE_HOME or ~/.cache\n"
	      "      --help       show this\n\n"
	      "Every other subcommand is perf's own, on that archive. perf's configuration stays "
	      "in force.\n"
	      "Exit status: perf's; 127 there is no perf.\n",
	      stdout);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

/* The archive's directory as an absolute path, allocated. NULL after a sentence. */
static char *archive_directory(const char *given)
{
	_cleanup_free_ char *cwd = given && *given != '/' ? getcwd(NULL, 0) : NULL;
	char *dir;

	if (!given)
		return lgr_folder_default(WHO);
	dir = *given == '/' ? strdup(given) : cwd ? lgr_format("%s/%s", cwd, given) : NULL;
	if (!dir)
		lgr_say(WHO, "the archive %s has no place: the current directory is gone", given);
	return dir;
}

/* perf's own subcommand. */
static int pass(const char *dir, char **argv)
{
	static char perf[] = "perf";
	_cleanup_free_ char **words = NULL;
	enum lgr_child what = LGR_CHILD_RECORDS;
	size_t n = 0;

	while (argv[n])
		n++;
	words = calloc(n + 2, sizeof(*words));
	if (!words) {
		lgr_say(WHO, "there is not enough memory to start anything");
		return LGR_EXIT_FAILED;
	}
	words[0] = perf;
	memcpy(words + 1, argv, n * sizeof(*words));
	for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++)
		if (!strcmp(argv[0], shows[i]))
			what = LGR_CHILD_SHOWS;
	return lgr_perf_run(dir, words, what);
}

static int run(const char *given, int argc, char **argv)
{
	_cleanup_free_ char *dir = archive_directory(given);

	if (!dir)
		return LGR_EXIT_FAILED;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!strcmp(argv[0], own[i].name)) {
			optind = 0; /* getopt begins anew */
			return own[i].run(dir, argc, argv);
		}
	}
	return pass(dir, argv);
}

int lgr_cmd_perf(int argc, char **argv)
{
	static const struct option options[] = {
		{ "archive", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static char who[] = WHO;
	const char *archive = NULL;
	int c;

	if (argc > 1 && !strcmp(argv[1], "--workload"))
		return lgr_perf_workload(argc - 1, argv + 1);
	argv[0] = who;
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'a': archive = optarg; break;
		case 'h': return usage();
		default: return LGR_EXIT_USAGE;
		}
	}
	if (optind == argc) {
		lgr_say(WHO,
			"name a subcommand of perf, fix or rescue; `linger perf --help` says more");
		return LGR_EXIT_USAGE;
	}
	if (archive && !*archive) {
		lgr_say(WHO, "--archive needs a directory");
		return LGR_EXIT_USAGE;
	}
	return run(archive, argc - optind, argv + optind);
}
