/*
 * options.c - understands a `perf record` command as far as needed: where the program begins in it, and
 * where the recording goes.
 *
 * Which options take an argument differs from one perf to the next, so its own list is read:
 * `perf record -h`.
 * Owns no state.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "perf.h"

#define OPTIONS_MAX 256u

enum argument { NONE, OPTIONAL, REQUIRED };

struct option {
	char letter;   /* 0: none */
	char name[40]; /* "": none */
	enum argument argument;
};

struct options {
	struct option option[OPTIONS_MAX];
	size_t count;
};

/* ------------------------------------------------------------------ the list */

/*
 * A line of the list: `    -o, --output <file>   text`, `        --aio[=<n>]`, `    -g      text`.
 * Others explain, and begin with more blanks or none.
 */
static bool read_option(const char *line, struct option *ret)
{
	size_t blank = strspn(line, " "), n;

	*ret = (struct option){ 0 };
	line += blank;
	if ((blank != 4 && blank != 8) || *line != '-')
		return false;
	if (line[1] != '-') {
		ret->letter = line[1];
		line += 2;
		if (!strncmp(line, ", ", 2))
			line += 2;
	}
	if (!strncmp(line, "--", 2)) {
		line += 2;
		n = strcspn(line, " [=\n");
		if (n >= sizeof(ret->name))
			return false;
		memcpy(ret->name, line, n);
		line += n;
	}
	ret->argument = *line == '['			   ? OPTIONAL
			: line[0] == ' ' && line[1] == '<' ? REQUIRED
							   : NONE;
	return true;
}

/* In the child: perf writes its list where we read. */
static void become_list(int out)
{
	int nothing = open("/dev/null", O_RDONLY);

	dup2(nothing, 0);
	dup2(out, 1);
	dup2(out, 2);
	execlp("perf", "perf", "record", "-h", (char *)NULL);
	_exit(LGR_EXIT_RUN_MISSING);
}

static int read_options(struct options *ret)
{
	_cleanup_fclose_ FILE *in = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int ends[2], status = 0;
	pid_t pid;

	ret->count = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		become_list(ends[1]);
	close(ends[1]);
	in = fdopen(ends[0], "r");
	if (pid < 0 || !in)
		return -ENOMEM;
	while (getline(&line, &size, in) > 0)
		if (ret->count < OPTIONS_MAX && read_option(line, &ret->option[ret->count]))
			ret->count++;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == LGR_EXIT_RUN_MISSING ? -ENOENT : 0;
}

/* ------------------------------------------------------------------ the words */

static const struct option *find_letter(const struct options *options, char letter)
{
	for (size_t i = 0; i < options->count; i++)
		if (options->option[i].letter == letter)
			return &options->option[i];
	return NULL;
}

/* By its name, or the beginning of it. */
static const struct option *find_name(const struct options *options, const char *name, size_t n)
{
	const struct option *found = NULL;

	for (size_t i = 0; i < options->count; i++) {
		const struct option *o = &options->option[i];

		if (strncmp(o->name, name, n))
			continue;
		if (!o->name[n])
			return o;
		found = found ? found : o;
	}
	return n ? found : NULL;
}

static void take(struct lgr_perf_words *words, const struct option *o, const char *value)
{
	const char *name = o->name;

	if (o->letter == 'o')
		words->output = value;
	else if (o->letter == 'p')
		words->pids = value;
	else if (o->letter == 't')
		words->tids = value;
	else if (o->letter == 'k')
		words->clock = true;
	else if (o->letter == 'a' || o->letter == 'C')
		words->system_wide = true;
	else if (!strcmp(name, "switch-output") || !strcmp(name, "timestamp-filename"))
		words->splits = true;
	else if (!strcmp(name, "dry-run"))
		words->only_looks = true;
}

/* A word with letters; returns how many words follow that belong to it. */
static int take_letters(const struct options *options, const char *word, const char *next,
			struct lgr_perf_words *ret)
{
	for (word++; *word; word++) {
		const struct option *o = find_letter(options, *word);

		if (*word == 'h')
			ret->only_looks = true;
		if (!o)
			continue;
		if (o->argument == NONE) {
			take(ret, o, NULL);
			continue;
		}
		take(ret, o, word[1] ? word + 1 : next);
		return o->argument == REQUIRED && !word[1];
	}
	return 0;
}

static int take_name(const struct options *options, const char *word, const char *next,
		     struct lgr_perf_words *ret)
{
	size_t n = strcspn(word + 2, "=");
	const struct option *o = find_name(options, word + 2, n);
	const char *value = word[2 + n] ? word + 2 + n + 1 : next;

	if (!strncmp(word, "--help", 6))
		ret->only_looks = true;
	if (!o)
		return 0; /* also --no-NAME, which takes nothing */
	take(ret, o, o->argument == NONE ? NULL : value);
	return o->argument == REQUIRED && !word[2 + n];
}

int lgr_perf_words_read(int argc, char **argv, struct lgr_perf_words *ret)
{
	struct options options;
	int i = 1, r = read_options(&options);

	*ret = (struct lgr_perf_words){ 0 };
	if (r == -ENOENT)
		return lgr_perf_missing();
	if (r < 0 || options.count == 0) {
		lgr_say("linger perf record", "perf does not list its options (perf record -h)%s%s",
			r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
		return LGR_EXIT_FAILED;
	}
	while (i < argc && argv[i][0] == '-' && strcmp(argv[i], "--")) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;

		i += 1 + (argv[i][1] == '-' ? take_name(&options, argv[i], next, ret)
					    : take_letters(&options, argv[i], next, ret));
	}
	i += i < argc && !strcmp(argv[i], "--");
	ret->program = (size_t)(i < argc ? i : argc);
	return 0;
}
