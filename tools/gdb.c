/*
 * gdb.c - `linger gdb`: stock gdb, which finds the files that a process or a core has loaded.
 *
 * gdb opens what the loader's list names. Where that leads nowhere, or to another file by now, gdb is
 * given a directory to look in (`set sysroot`), in which each name of the list is a link to the right
 * file (tree.c); and what shares its name with another file is added by its address.
 * Owns no state beyond one run of the command. The process is only read; gdb does the rest.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "settings.h"
#include "tool.h"

#define WHO "linger gdb"

/* What gdb is to look at. */
struct subject {
	const char *name; /* as given */
	pid_t pid;	  /* of a process; 0: it is a core */
	struct lgr_core core;
	struct lgr_auxv auxv;
	struct lgr_maps maps;
	struct lgr_modules modules;
	struct lgr_debuggee of;
};

static void subject_deinit(struct subject *s)
{
	lgr_modules_deinit(&s->modules);
	if (!s->pid)
		lgr_core_deinit(&s->core);
	else
		lgr_maps_deinit(&s->maps);
}

static int no_memory(void)
{
	lgr_say(WHO, "there is not enough memory");
	return LGR_EXIT_FAILED;
}

/* ----------------------------------------------------------------- a process */

/* May it be traced? Asked by a child: what it has seized is let go when it ends. */
static int may_trace(pid_t pid)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ? errno : 0);
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return -EAGAIN;
	return -WEXITSTATUS(status);
}

static int tracer_of(pid_t pid)
{
	_cleanup_fclose_ FILE *file = lgr_proc_file(pid, "status");
	char line[256];
	int tracer = 0;

	while (file && fgets(line, sizeof(line), file) &&
	       sscanf(line, "TracerPid: %d", &tracer) != 1)
		;
	return tracer;
}

static int ptrace_scope(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	return file && fscanf(file, "%d", &scope) == 1 ? scope : 0;
}

/* Says why gdb could not attach; the exit status. */
static int refuse_trace(pid_t pid, int r)
{
	static const char *const scopes[] = {
		"be the same user, or root",
		"the sysctl kernel.yama.ptrace_scope is 1: be root, or set it to 0",
		"the sysctl kernel.yama.ptrace_scope is 2: be root",
		"the sysctl kernel.yama.ptrace_scope is 3: nobody may, until the next boot",
	};
	int tracer = tracer_of(pid), scope = ptrace_scope();
	char command[256] = "";

	if (tracer) {
		lgr_proc_command(tracer, command, sizeof(command));
		lgr_say(WHO, "process %d is traced already, by process %d (%s); end that first",
			(int)pid, tracer, command);
	} else if (r == -EPERM || r == -EACCES) {
		lgr_say(WHO, "process %d may not be traced: %s", (int)pid,
			scopes[scope > 0 && scope < 4 ? scope : 0]);
	} else {
		lgr_say(WHO, "process %d may not be traced: %s", (int)pid, strerror(-r));
	}
	return LGR_EXIT_FAILED;
}

static int refuse_process(pid_t pid, int r)
{
	const struct lgr_proc proc = { .pid = pid };

	if (r != -ESRCH)
		return lgr_proc_refuse(WHO, &proc, r);
	lgr_say(WHO, "there is no process %d", (int)pid);
	return LGR_EXIT_FAILED;
}

static int read_auxv(pid_t pid, struct lgr_auxv *ret)
{
	_cleanup_fclose_ FILE *file = lgr_proc_file(pid, "auxv");
	uint64_t entry[2];

	if (!file)
		return -errno;
	while (fread(entry, sizeof(entry), 1, file) == 1)
		lgr_auxv_take(ret, entry[0], entry[1]);
	return 0;
}

/* Paths of the process are not ours in a container, or behind chroot. */
static void find_root(pid_t pid, char *buf, size_t n)
{
	char link[64], theirs[64] = "", ours[64] = "";
	struct stat a, b;

	snprintf(link, sizeof(link), "/proc/%d/ns/mnt", (int)pid);
	snprintf(buf, n, "/proc/%d/root", (int)pid);
	if (readlink(link, theirs, sizeof(theirs) - 1) < 0 ||
	    readlink("/proc/self/ns/mnt", ours, sizeof(ours) - 1) < 0 || stat(buf, &a) < 0 ||
	    stat("/", &b) < 0 ||
	    (!strcmp(theirs, ours) && a.st_dev == b.st_dev && a.st_ino == b.st_ino))
		*buf = '\0';
}

/* Adds the program itself to the modules, by the name of its file. */
static int add_program(struct subject *s, const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t n = strlen(path), suffix = sizeof(deleted) - 1;
	uint64_t page = s->auxv.phdr & ~UINT64_C(4095);
	struct lgr_module *grown;
	char *name;

	if (n > suffix && !strcmp(path + n - suffix, deleted))
		n -= suffix;
	name = strndup(path, n);
	grown = lgr_grow(s->modules.module, &s->modules.cap, s->modules.count, sizeof(*grown));
	if (!grown || !name) {
		s->modules.module = grown ? grown : s->modules.module;
		free(name);
		return -ENOMEM;
	}
	s->modules.module = grown;
	s->of.program = s->modules.count;
	grown[s->modules.count++] =
		(struct lgr_module){ .name = name, .base = page, .dynamic = s->auxv.phdr };
	return 0;
}

static int open_process(struct subject *s)
{
	char link[64], exe[4096];
	ssize_t n;
	int r;

	r = lgr_maps_read(s->pid, &s->maps);
	if (r == 0 && s->maps.count == 0)
		r = lgr_without_memory(s->pid);
	if (r == 0)
		r = read_auxv(s->pid, &s->auxv);
	if (r < 0)
		return refuse_process(s->pid, r);
	r = may_trace(s->pid);
	if (r < 0)
		return refuse_trace(s->pid, r);
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)s->pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	if (n < 0)
		return refuse_process(s->pid, -errno);
	exe[n] = '\0';
	s->of = (struct lgr_debuggee){
		.pid = s->pid, .read = lgr_read_process, .arg = &s->pid, .maps = &s->maps
	};
	find_root(s->pid, s->of.root, sizeof(s->of.root));
	/* What cannot be read of the list, gdb cannot either. */
	lgr_modules_read(s->of.read, s->of.arg, &s->auxv, &s->maps, &s->modules);
	return add_program(s, exe) < 0 ? no_memory() : 0;
}

/* -------------------------------------------------------------------- a core */

static int open_core(struct subject *s)
{
	const struct lgr_mapping *exe;
	int r = lgr_core_open(s->name, &s->core);

	if (r == -ENOENT)
		lgr_say(WHO, "there is no file %s, and it is no process number", s->name);
	else if (r == -ENOEXEC)
		lgr_say(WHO, "%s is no core file (of a 64-bit program)", s->name);
	else if (r == -EBADMSG)
		lgr_say(WHO, "%s is a damaged core file: its headers are cut off", s->name);
	else if (r < 0)
		lgr_say(WHO, "%s cannot be read: %s", s->name, strerror(-r));
	if (r < 0)
		return LGR_EXIT_FAILED;
	s->auxv = s->core.auxv;
	s->of = (struct lgr_debuggee){ .core = s->name,
				       .read = lgr_read_core,
				       .arg = &s->core,
				       .maps = &s->core.maps,
				       .program = SIZE_MAX };
	lgr_modules_read(s->of.read, s->of.arg, &s->auxv, s->of.maps, &s->modules);
	exe = lgr_maps_find(s->of.maps, s->auxv.phdr, s->auxv.phdr + 1);
	return exe && add_program(s, exe->name) < 0 ? no_memory() : 0;
}

/* ------------------------------------------------------------------- archive */

/* The archive that the process was told to use: LINGER as it was at its start. Allocated, or NULL. */
static char *archive_of(pid_t pid)
{
	_cleanup_fclose_ FILE *file = pid ? lgr_proc_file(pid, "environ") : NULL;
	_cleanup_free_ char *word = NULL;
	struct lgr_settings settings;
	size_t size = 0;

	while (file && getdelim(&word, &size, '\0', file) > 0) {
		if (strncmp(word, "LINGER=", 7))
			continue;
		lgr_settings_init(&settings);
		lgr_settings_apply(&settings, word + 7, NULL, NULL);
		return *settings.of[LGR_SET_ARCHIVE].text == '/'
			       ? strdup(settings.of[LGR_SET_ARCHIVE].text)
			       : NULL;
	}
	return NULL;
}

static char *default_archive(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *dir = NULL;
	int n;

	if (cache && *cache == '/')
		n = asprintf(&dir, "%s/linger", cache);
	else
		n = asprintf(&dir, "%s/.cache/linger", home ? home : "");
	return n < 0 ? NULL : dir;
}

/* gdb may be started in another directory than the one the links are made from. */
static char *absolute(const char *dir)
{
	char *path = realpath(dir, NULL);

	return path ? path : strdup(dir);
}

static int find_copies(const struct subject *s, const char *dir, struct lgr_copies *ret)
{
	_cleanup_free_ char *of_process = dir ? NULL : archive_of(s->pid);
	_cleanup_free_ char *usual = dir || of_process ? NULL : default_archive();
	_cleanup_free_ char *path = NULL;
	struct stat st;

	path = absolute(dir ? dir : of_process ? of_process : usual ? usual : "");
	if (!path)
		return no_memory();
	if (dir && (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))) {
		lgr_say(WHO, "the archive %s is no directory that can be read", dir);
		return LGR_EXIT_FAILED;
	}
	return lgr_copies_open(path, s->pid ? s->pid : s->core.pid, ret) < 0 ? no_memory() : 0;
}

/* ----------------------------------------------------------------------- gdb */

static pid_t gdb_pid;

static void pass_on(int signal)
{
	kill(gdb_pid, signal);
}

/* gdb's own: the terminal sends these to both. */
static const int for_gdb[] = { SIGINT, SIGQUIT, SIGHUP };

static int wait_for_gdb(void)
{
	struct sigaction action = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
	int status;

	sigaction(SIGTERM, &action, NULL);
	while (waitpid(gdb_pid, &status, 0) < 0)
		if (errno != EINTR)
			return LGR_EXIT_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Runs gdb with our commands first, then those of the user. Returns the exit status. */
static int run_gdb(const char *script, char **args)
{
	_cleanup_free_ char **argv = NULL;
	extern char **environ;
	posix_spawnattr_t attr;
	size_t n = 0;
	sigset_t set;
	int r;

	while (args[n])
		n++;
	argv = calloc(n + 4, sizeof(*argv));
	if (!argv)
		return no_memory();
	argv[0] = (char *)"gdb";
	argv[1] = (char *)"-x";
	argv[2] = (char *)script;
	memcpy(argv + 3, args, n * sizeof(*argv));
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(for_gdb) / sizeof(for_gdb[0]); i++) {
		sigaddset(&set, for_gdb[i]);
		signal(for_gdb[i], SIG_IGN);
	}
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(&gdb_pid, "gdb", NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	if (r == 0)
		return wait_for_gdb();
	if (r == ENOENT)
		lgr_say(WHO, "gdb was not found in PATH; install it");
	else
		lgr_say(WHO, "gdb cannot be started: %s", strerror(r));
	return LGR_EXIT_FAILED;
}

/* ------------------------------------------------------------------- command */

static int open_subject(struct subject *s)
{
	return s->pid ? open_process(s) : open_core(s);
}

static int debug(struct subject *s, const char *archive, char **args)
{
	_cleanup_(lgr_copies_deinit) struct lgr_copies copies = { 0 };
	_cleanup_(lgr_tree_deinit) struct lgr_tree tree = { 0 };
	int r;

	r = open_subject(s);
	if (r == 0)
		r = find_copies(s, archive, &copies);
	if (r)
		return r;
	s->of.copies = &copies;
	r = lgr_tree_init(WHO, &s->of, &s->modules, &tree);
	return r ? r : run_gdb(tree.script, args);
}

static int usage(void)
{
	fputs("usage: linger gdb [--archive DIR] PID|CORE [OPTION OF GDB]...\n"
	      "Runs gdb on a process or a core file, and sees to it that gdb finds the files that\n"
	      "were loaded: also those that were deleted or replaced since.\n\n"
	      "      --archive DIR   where linger keeps copies: else what the process was told,\n"
	      "                      else ${XDG_CACHE_HOME:-~/.cache}/linger\n"
	      "      --help          show this\n\n"
	      "Exit status: gdb's, or 1 failed, 2 usage.\n",
	      stdout);
	return lgr_finish(WHO, LGR_EXIT_DONE);
}

int lgr_cmd_gdb(int argc, char **argv)
{
	static const struct option options[] = {
		{ "archive", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	_cleanup_(subject_deinit) struct subject s = { .core.fd = -1 };
	static char who[] = WHO;
	const char *archive = NULL;
	int c;

	argv[0] = who; /* getopt's messages begin with it */
	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (c) {
		case 'a': archive = optarg; break;
		case 'h': return usage();
		default: return LGR_EXIT_USAGE;
		}
	}
	if (optind == argc) {
		lgr_say(WHO, "name a process or a core file");
		return LGR_EXIT_USAGE;
	}
	s.name = argv[optind];
	lgr_parse_pid(s.name, &s.pid);
	return debug(&s, archive, argv + optind + 1);
}
