/*
 * record.c - `linger perf record`: perf record, with linger in the program that is recorded.
 *
 * The program is started as `linger run` does, and puts what it loads into the archive. For processes that
 * run already, what they have mapped is saved before and after, unless they have linger with that archive.
 * When perf is done, its recording is repaired: perf cannot say what a file without a build-id was.
 * Owns no state.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "perf.h"

#define WHO "linger perf record"
#define ADDED 11 /* words at most, and the NULL behind them */

/* --------------------------------------------------------------- the program */

int lgr_perf_workload(int argc, char **argv)
{
	static char run[] = "run", end[] = "--";
	_cleanup_free_ char *archive = NULL;
	_cleanup_free_ char **words = NULL;

	if (argc < 5) /* --workload DIR CONFIG -- PROGRAM */
		return LGR_EXIT_USAGE;
	archive = lgr_format("--archive=%s", argv[1]);
	words = calloc((size_t)argc + 1, sizeof(*words));
	if (!archive || !words)
		return LGR_EXIT_RUN_FAILED;
	/* What perf has is not for the program, which may be another perf. */
	if (*argv[2])
		setenv("PERF_CONFIG", argv[2], 1);
	else
		unsetenv("PERF_CONFIG");
	words[0] = run;
	words[1] = archive;
	words[2] = end;
	memcpy(words + 3, argv + 4, ((size_t)argc - 4) * sizeof(*words));
	return lgr_cmd_run(argc - 1, words);
}

/* The words for perf: ours in front of the user's options, and in front of the program. Allocated. */
static char **make_words(const char *dir, char *self, int argc, char **argv,
			 const struct lgr_perf_words *words)
{
	static char perf[] = "perf", record[] = "record", clock[] = "-k",
		    mono[] = "CLOCK_MONOTONIC", workload[] = "--workload", end[] = "--",
		    none[] = "";
	char **made = calloc((size_t)argc + ADDED, sizeof(*made)), **to = made;
	char *config = getenv("PERF_CONFIG");

	if (!made)
		return NULL;
	*to++ = perf;
	*to++ = record;
	if (!words->clock) {
		*to++ = clock;
		*to++ = mono;
	}
	for (size_t i = 1; i < words->program && strcmp(argv[i], end); i++)
		*to++ = argv[i];
	if (words->program == (size_t)argc)
		return made;
	*to++ = end;
	*to++ = self;
	*to++ = perf;
	*to++ = workload;
	*to++ = (char *)(uintptr_t)dir;
	*to++ = config ? config : none;
	*to++ = end;
	memcpy(to, argv + words->program, ((size_t)argc - words->program) * sizeof(*to));
	return made;
}

/* ------------------------------------------------------- processes that run */

/* Did linger in this process write a manifest here? Those of a rescue begin with the process itself. */
static bool has_manifest(const char *dir, pid_t pid)
{
	_cleanup_(lgr_manifest_deinit) struct lgr_manifest manifest = { 0 };
	struct lgr_proc proc;

	return lgr_proc_open_on(pid, &proc) == 0 &&
	       lgr_manifest_read(dir, &pid, 1, &manifest) == 0 && manifest.count > 0;
}

static void rescue(const char *dir, pid_t pid)
{
	struct lgr_rescue saved;
	int r = lgr_rescue_process(dir, pid, true, &saved);

	if (r < 0 && r != -ESRCH && r != -ENOENT)
		lgr_say(WHO, "the files of process %d cannot be saved: %s", (int)pid, strerror(-r));
}

/* The process of a thread. */
static pid_t process_of(pid_t tid)
{
	_cleanup_fclose_ FILE *in = lgr_proc_file(tid, "status");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int pid;

	while (in && getline(&line, &size, in) > 0)
		if (sscanf(line, "Tgid: %d", &pid) == 1)
			return pid;
	return tid;
}

/* Of a list with commas between. */
static void rescue_all(const char *dir, const char *list, bool threads)
{
	_cleanup_free_ char *copy = list ? strdup(list) : NULL;
	char *rest = copy, *word;
	pid_t pid;

	while (rest && (word = strsep(&rest, ","))) {
		if (!lgr_parse_pid(word, &pid))
			continue;
		pid = threads ? process_of(pid) : pid;
		if (!has_manifest(dir, pid))
			rescue(dir, pid);
	}
}

static void rescue_words(const char *dir, const struct lgr_perf_words *words)
{
	rescue_all(dir, words->pids, false);
	rescue_all(dir, words->tids, true);
}

/* ------------------------------------------------------------------- command */

/* perf writes to standard output, where that is a pipe and no file is named. */
static bool is_streamed(const struct lgr_perf_words *words)
{
	struct stat st;

	if (words->output)
		return !strcmp(words->output, "-");
	return fstat(1, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Was there a recording written by this one? perf keeps the last one where it cannot begin. */
static bool is_newer(const char *name, const struct stat *before)
{
	struct stat st;

	return stat(name, &st) == 0 &&
	       (st.st_ino != before->st_ino || st.st_mtim.tv_sec != before->st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != before->st_mtim.tv_nsec);
}

static int record(const char *dir, char **made, const struct lgr_perf_words *words)
{
	const char *output = words->output ? words->output : "perf.data";
	struct stat before = { 0 };
	int status;

	if (stat(output, &before) < 0)
		before.st_ino = 0;
	rescue_words(dir, words);
	status = lgr_perf_run(dir, made, LGR_CHILD_RECORDS);
	rescue_words(dir, words);
	if (!is_streamed(words) && !words->splits && is_newer(output, &before))
		lgr_fix_recorded(dir, output);
	return status;
}

int lgr_perf_record(const char *dir, int argc, char **argv)
{
	_cleanup_free_ char **made = NULL;
	struct lgr_perf_words words;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int r;

	r = lgr_perf_words_read(argc, argv, &words);
	if (r)
		return r;
	self[n < 0 ? 0 : n] = '\0';
	made = make_words(dir, self, argc, argv, &words);
	if (!made) {
		lgr_say(WHO, "there is not enough memory to start anything");
		return LGR_EXIT_FAILED;
	}
	if (words.only_looks)
		return lgr_perf_run(dir, made, LGR_CHILD_RECORDS);
	r = lgr_perf_may_record(words.system_wide);
	if (r)
		return r;
	if (lgr_archive_open(WHO, dir) < 0)
		return LGR_EXIT_FAILED;
	return record(dir, made, &words);
}
