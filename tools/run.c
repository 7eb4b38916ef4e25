/*
 * run.c - `linger run`: starts a program with the shim preloaded.
 *
 * Owns no state beyond one run of the command. It ends in exec: what it changes is the environment
 * alone (LD_PRELOAD, LINGER), and only after everything that can be refused was looked at.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "settings.h"
#include "tool.h"

#define WHO "linger run"
#define SHIM "liblinger.so"
#define HELP_HINT "`LINGER=help linger run true` lists the settings"

struct run {
	char *words; /* settings given as options: "word,word:value" */
	char *shim;  /* absolute path */
	bool off;    /* nothing is to be preloaded */
};

static void run_deinit(struct run *run)
{
	free(run->words);
	free(run->shim);
}

/* Says that there is no memory; the exit status. */
static int no_memory(void)
{
	lgr_say(WHO, "there is not enough memory to start anything");
	return LGR_EXIT_RUN_FAILED;
}

/* ----------------------------------------------------------------- settings */

/* @value as it stands in LINGER, where , ; and \ are escaped. Allocated. */
static char *escape(const char *value)
{
	char *escaped = malloc(2 * strlen(value) + 1), *to = escaped;

	if (!escaped)
		return NULL;
	for (; *value; value++) {
		if (strchr(",;\\", *value))
			*to++ = '\\';
		*to++ = *value;
	}
	*to = '\0';
	return escaped;
}

/* Appends @n bytes that are words already. False: no memory. */
static bool add_words(struct run *run, const char *given, size_t n)
{
	char *words = lgr_format("%s%s%.*s", run->words ? run->words : "", run->words ? "," : "",
				 (int)n, given);

	if (!words)
		return false;
	free(run->words);
	run->words = words;
	return true;
}

/* Appends "name:value" with the value escaped. False: no memory. */
static bool add_word(struct run *run, const char *name, const char *value)
{
	_cleanup_free_ char *escaped = escape(value);
	_cleanup_free_ char *word = escaped ? lgr_format("%s:%s", name, escaped) : NULL;

	return word && add_words(run, word, strlen(word));
}

/* Appends a redirect, which has escapes of its own. 0 or the exit status. */
static int add_redirect(struct run *run, const char *text)
{
	_cleanup_free_ char *redirect = lgr_redirect_word(WHO, text);
	_cleanup_free_ char *word = redirect ? lgr_format("redirect:%s", redirect) : NULL;

	if (!redirect)
		return LGR_EXIT_RUN_FAILED; /* why was said */
	return word && add_words(run, word, strlen(word)) ? 0 : no_memory();
}

/* Length of the first of several words. */
static size_t word_length(const char *words)
{
	size_t n = 0;

	while (words[n] && words[n] != ',')
		n += words[n] == '\\' && words[n + 1] ? 2 : 1;
	return n;
}

/* The words of -o. A redirect among them is treated as one of --redirect. */
static int add_given(struct run *run, const char *words)
{
	static const char redirect[] = "redirect:";
	int r = 0;

	while (r == 0 && *words) {
		size_t n = word_length(words);

		if (!strncmp(words, redirect, strlen(redirect))) {
			_cleanup_free_ char *text = strndup(words + strlen(redirect),
							    n - strlen(redirect));

			r = text ? add_redirect(run, text) : no_memory();
		} else if (!add_words(run, words, n)) {
			r = no_memory();
		}
		words += n;
		words += *words == ',';
	}
	return r;
}

static void say_bad(void *arg, const char *word, size_t len, const char *problem)
{
	int *said = arg;

	if ((*said)++ == 0) /* one sentence; the next run says the next one */
		lgr_say(WHO, "bad setting '%.*s': %s; " HELP_HINT, (int)len, word, problem);
}

/* @path of the @what made absolute, allocated; NULL after a sentence. A child may have another directory. */
static char *make_absolute(const char *what, const char *path)
{
	_cleanup_free_ char *cwd = NULL;
	char *absolute;

	if (*path == '/') {
		absolute = strdup(path);
	} else {
		cwd = getcwd(NULL, 0);
		if (!cwd) {
			lgr_say(WHO, "the %s %s has no place: the current directory is gone", what,
				path);
			return NULL;
		}
		absolute = lgr_format("%s%s%s", cwd, cwd[1] ? "/" : "", path);
	}
	if (!absolute)
		no_memory();
	return absolute;
}

/* A log must be possible where the options want it: the shim could only go without. */
static int check_log_place(const char *log)
{
	char dir[PATH_MAX], *slash;
	struct stat st;

	if ((size_t)snprintf(dir, sizeof(dir), "%s", log) >= sizeof(dir)) {
		lgr_say(WHO, "the log's name is too long: %zu bytes with its directory",
			strlen(log));
		return LGR_EXIT_RUN_FAILED;
	}
	slash = strrchr(dir, '/');
	if (!slash[1] || (stat(log, &st) == 0 && S_ISDIR(st.st_mode))) {
		lgr_say(WHO, "the log %s names a directory; name a file in it", log);
		return LGR_EXIT_RUN_FAILED;
	}
	slash[slash == dir] = '\0';
	if (stat(dir, &st) < 0) {
		lgr_say(WHO, "the log %s cannot be written: its directory %s: %s", log, dir,
			strerror(errno));
		return LGR_EXIT_RUN_FAILED;
	}
	if (!S_ISDIR(st.st_mode) || faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0) {
		lgr_say(WHO, "the log %s cannot be written: no file can be made in %s", log, dir);
		return LGR_EXIT_RUN_FAILED;
	}
	return 0;
}

/* @log: what the options' words came to. */
static int check_log(struct run *run, const char *log)
{
	_cleanup_free_ char *path = make_absolute("log", log);
	int r;

	if (!path)
		return LGR_EXIT_RUN_FAILED;
	r = check_log_place(path);
	if (r == 0 && *log != '/' && !add_word(run, "log", path))
		r = no_memory();
	return r;
}

/* @dir: what the options' words came to. */
static int check_archive(struct run *run, const char *dir)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (!strcmp(dir, "off"))
		return 0;
	path = make_absolute("archive", dir);
	if (!path)
		return LGR_EXIT_RUN_FAILED;
	r = lgr_folder_make(WHO, path) < 0 ? LGR_EXIT_RUN_FAILED : 0;
	if (r == 0 && *dir != '/' && !add_word(run, "archive", path))
		r = no_memory();
	return r;
}

/*
 * Judges the options' words, and finds out what is in effect with those of the variable. A bad
 * word in the variable is left to the shim, which names it once and ignores it.
 */
static int check_settings(struct run *run)
{
	const char *variable = getenv("LINGER");
	_cleanup_free_ char *before = strdup(variable ? variable : "");
	_cleanup_free_ char *given = strdup(run->words ? run->words : "");
	struct lgr_settings options, effective;
	int said = 0, r = 0;

	if (!before || !given)
		return no_memory();
	lgr_settings_init(&effective);
	lgr_settings_apply(&effective, before, NULL, NULL);
	lgr_settings_init(&options);
	if (lgr_settings_apply(&options, given, say_bad, &said))
		return LGR_EXIT_RUN_FAILED;
	run->off = effective.of[LGR_SET_OFF].given || options.of[LGR_SET_OFF].given;
	if (run->off)
		return 0;
	if (options.of[LGR_SET_LOG].given)
		r = check_log(run, options.of[LGR_SET_LOG].text);
	if (r == 0 && options.of[LGR_SET_ARCHIVE].given)
		r = check_archive(run, options.of[LGR_SET_ARCHIVE].text);
	return r;
}

/* ----------------------------------------------------------------- the shim */

/* The shim beside this command, else where it is installed. Says what is wrong. */
static int find_shim(struct run *run)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n < 0) {
		lgr_say(WHO, "the shim cannot be found without /proc (%s); mount it",
			strerror(errno));
		return LGR_EXIT_RUN_FAILED;
	}
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	run->shim = lgr_format("%s/" SHIM, self);
	if (run->shim && access(run->shim, F_OK) < 0) {
		free(run->shim);
		run->shim = strdup(LGR_LIBDIR "/" SHIM);
	}
	if (!run->shim)
		return no_memory();
	if (access(run->shim, R_OK) < 0) {
		lgr_say(WHO, SHIM " is neither in %s nor in " LGR_LIBDIR " (%s); install it", self,
			strerror(errno));
		return LGR_EXIT_RUN_FAILED;
	}
	/* A dollar sign would be expanded ($ORIGIN, $LIB). There is no way to quote any of them. */
	if (strpbrk(run->shim, " :$")) {
		lgr_say(WHO,
			"LD_PRELOAD cannot hold the path %s: it has a space, a colon or a dollar "
			"sign; move linger elsewhere",
			run->shim);
		return LGR_EXIT_RUN_FAILED;
	}
	return 0;
}

static int read_shim(const struct run *run, struct lgr_elf_file *ret)
{
	_cleanup_close_ int fd = open(run->shim, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : lgr_elf_file_read(lgr_read_fd, &fd, ret);

	if (r == 0 && ret->linkage == LGR_LINK_LIBRARY)
		return 0;
	lgr_say(WHO, "%s is damaged: it is no shared library; install linger again", run->shim);
	return LGR_EXIT_RUN_FAILED;
}

/* -------------------------------------------------------------- environment */

/* Takes the next entry of an LD_PRELOAD. Returns its length, 0 at the end. */
static size_t next_entry(const char **list, const char **ret)
{
	size_t n;

	*ret = *list + strspn(*list, " :");
	n = strcspn(*ret, " :");
	*list = *ret + n;
	return n;
}

static bool is_shim(const char *entry, size_t n)
{
	size_t len = strlen(SHIM);

	return n >= len && !memcmp(entry + n - len, SHIM, len) &&
	       (n == len || entry[n - len - 1] == '/');
}

/* Appends an entry to a list of them; false: no memory, and the list is as it was. */
static bool add_entry(char **list, const char *entry, size_t n)
{
	char *longer = lgr_format("%s%s%.*s", *list ? *list : "", *list ? ":" : "", (int)n, entry);

	if (!longer)
		return false;
	free(*list);
	*list = longer;
	return true;
}

/*
 * LD_PRELOAD for the program: sanitizers that led it, the one the program needs, the shim, and what
 * else there was. Sanitizers abort when they are not first. A shim that is there already (linger
 * run within linger run) is replaced: two of them would each take the other for the loader.
 */
static char *build_preload(const struct run *run, const char *before, const char *sanitizer)
{
	_cleanup_free_ char *front = NULL;
	_cleanup_free_ char *rest = NULL;
	bool leading = true;
	const char *entry;
	size_t n;

	while ((n = next_entry(&before, &entry))) {
		leading = leading && lgr_is_sanitizer(entry, n);
		if (!is_shim(entry, n) && !add_entry(leading ? &front : &rest, entry, n))
			return NULL;
	}
	if (!front && *sanitizer && !add_entry(&front, sanitizer, strlen(sanitizer)))
		return NULL;
	return lgr_format("%s%s%s%s%s", front ? front : "", front ? ":" : "", run->shim,
			  rest ? ":" : "", rest ? rest : "");
}

static int set_preload(const struct run *run, const struct lgr_program *program)
{
	const char *preload = getenv("LD_PRELOAD");
	_cleanup_free_ char *value = build_preload(run, preload ? preload : "", program->sanitizer);

	return value && setenv("LD_PRELOAD", value, 1) == 0 ? 0 : no_memory();
}

/* Also when linger is off: a shim may be in LD_PRELOAD already. */
static int set_settings(const struct run *run)
{
	const char *linger = getenv("LINGER");
	_cleanup_free_ char *words = NULL;

	if (!run->words)
		return 0;
	words = lgr_format("%s%s%s", linger && *linger ? linger : "", linger && *linger ? "," : "",
			   run->words);
	return words && setenv("LINGER", words, 1) == 0 ? 0 : no_memory();
}

/* ------------------------------------------------------------------ command */

/* Becomes the program. Returns only when that fails: the exit status. */
static int become(char **argv)
{
	int error;

	execvp(argv[0], argv);
	error = errno;
	lgr_say(WHO, "'%s' cannot be started: %s", argv[0], strerror(error));
	return error == ENOENT ? LGR_EXIT_RUN_MISSING : LGR_EXIT_RUN_CANNOT;
}

/* What the options' redirects lead to. */
static int check_redirects(const struct run *run, const struct lgr_elf_file *shim)
{
	_cleanup_free_ char *words = strdup(run->words ? run->words : "");
	struct lgr_settings options;
	int r = 0;

	if (!words)
		return no_memory();
	lgr_settings_init(&options);
	lgr_settings_apply(&options, words, NULL, NULL);
	for (unsigned i = 0; r == 0 && i < options.redirects; i++)
		r = lgr_redirect_judge(WHO, options.redirect[i], shim);
	return r;
}

/* Everything that can be refused, then LD_PRELOAD. */
static int prepare(struct run *run, const char *name)
{
	struct lgr_program program;
	struct lgr_elf_file shim = { 0 };
	int r;

	r = find_shim(run);
	if (r == 0)
		r = read_shim(run, &shim);
	if (r == 0)
		r = lgr_program_judge(WHO, name, &shim, &program);
	if (r == 0)
		r = check_redirects(run, &shim);
	return r == 0 ? set_preload(run, &program) : r;
}

static int start(struct run *run, char **argv)
{
	int r;

	if (!argv[0]) {
		lgr_say(WHO, "name a program to run");
		return LGR_EXIT_RUN_FAILED;
	}
	r = check_settings(run);
	if (r == 0 && !run->off)
		r = prepare(run, argv[0]);
	if (r == 0)
		r = set_settings(run);
	return r == 0 ? become(argv) : r;
}

static int usage(void)
{
	fputs("usage: linger run [OPTION]... [--] PROGRAM [ARGUMENT]...\n"
	      "Runs PROGRAM with linger preloaded.\n\n"
	      "      --policy P   when closed objects are unloaded: safe, host, never or off\n"
	      "      --log FILE   write event logs to FILE.PID\n"
	      "      --redirect SYM[@VER]=LIB[#SYM][;in=GLOB]\n"
	      "                   from the start, calls of SYM go to that of LIB\n"
	      "      --archive[=DIR]   keep copies of the libraries it loads, for profilers\n"
	      "  -o WORD          any setting, as in the variable LINGER, which it beats\n"
	      "      --help       show this\n\n"
	      "Exit status: PROGRAM's, or 125 linger failed or refused, 126 PROGRAM cannot be\n"
	      "executed, 127 PROGRAM was not found. " HELP_HINT ".\n",
	      stdout);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

enum { OPT_POLICY = 256, OPT_LOG, OPT_REDIRECT, OPT_ARCHIVE, OPT_HELP };

static int take_log(struct run *run, const char *log)
{
	_cleanup_free_ char *path = NULL;

	if (!*log) {
		lgr_say(WHO, "--log needs the name of a file");
		return LGR_EXIT_RUN_FAILED;
	}
	path = make_absolute("log", log);
	if (!path)
		return LGR_EXIT_RUN_FAILED;
	return add_word(run, "log", path) ? 0 : no_memory();
}

/* DIR, or NULL where there is none. */
static int take_archive(struct run *run, const char *dir)
{
	_cleanup_free_ char *path = NULL;

	if (dir && !*dir) {
		lgr_say(WHO, "--archive= needs the name of a directory");
		return LGR_EXIT_RUN_FAILED;
	}
	path = dir ? make_absolute("archive", dir) : lgr_folder_default(WHO);
	if (!path)
		return LGR_EXIT_RUN_FAILED;
	return add_word(run, "archive", path) ? 0 : no_memory();
}

/* One option; 0 or the exit status. */
static int take_option(struct run *run, int option)
{
	switch (option) {
	case OPT_POLICY: return add_word(run, "policy", optarg) ? 0 : no_memory();
	case OPT_LOG: return take_log(run, optarg);
	case OPT_REDIRECT: return add_redirect(run, optarg);
	case OPT_ARCHIVE: return take_archive(run, optarg);
	case 'o': return add_given(run, optarg);
	default: return LGR_EXIT_RUN_FAILED; /* getopt said why */
	}
}

int lgr_cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "policy", required_argument, NULL, OPT_POLICY },
		{ "log", required_argument, NULL, OPT_LOG },
		{ "redirect", required_argument, NULL, OPT_REDIRECT },
		{ "archive", optional_argument, NULL, OPT_ARCHIVE },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	_cleanup_(run_deinit) struct run run = { 0 };
	static char who[] = WHO;
	int c, r = 0;

	argv[0] = who; /* getopt's messages begin with it */
	while (r == 0 && (c = getopt_long(argc, argv, "+o:", options, NULL)) != -1) {
		if (c == OPT_HELP)
			return usage();
		r = take_option(&run, c);
	}
	return r == 0 ? start(&run, argv + optind) : r;
}
