/*
 * child.c - runs perf, with a configuration of its own.
 *
 * perf is to use our archive in place of ~/.debug, and to have build-ids recorded; for the rest the user's
 * own configuration is to hold. So it gets a file that is the user's with our words behind it, for the
 * last word wins. It is no file on disk: perf opens it through /proc, where it is this process's.
 *
 * Owns no state. Signals: perf gets those that somebody sends to us; those of the terminal it gets anyway.
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "perf.h"

#define WHO "linger perf"

int lgr_perf_missing(void)
{
	lgr_say(WHO, "there is no perf: install the Debian package linux-perf");
	return LGR_EXIT_RUN_MISSING;
}

/* ------------------------------------------------------------- configuration */

/* Appends the file @name, if there is one, and a newline that it may lack. */
static void add_file(FILE *out, const char *name)
{
	_cleanup_fclose_ FILE *in = fopen(name, "re");
	int c;

	while (in && (c = getc(in)) != EOF)
		putc(c, out);
	if (in)
		putc('\n', out);
}

/* What perf would read: the file of the variable alone, or the system's and the user's. */
static void add_users(FILE *out)
{
	const char *variable = getenv("PERF_CONFIG"), *home = getenv("HOME");
	_cleanup_free_ char *users = home ? lgr_format("%s/.perfconfig", home) : NULL;

	if (variable) {
		add_file(out, variable);
		return;
	}
	if (!getenv("PERF_CONFIG_NOSYSTEM"))
		add_file(out, "/etc/perfconfig");
	if (users && !getenv("PERF_CONFIG_NOGLOBAL"))
		add_file(out, users);
}

/* A value in quotes, as git's and perf's configuration have it. */
static void put_quoted(FILE *out, const char *value)
{
	putc('"', out);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', out);
		putc(*value, out);
	}
	putc('"', out);
}

/* The descriptor of the configuration, or a negative errno. It stays open for as long as perf runs. */
static int make_config(const char *dir)
{
	int fd = memfd_create("perfconfig", MFD_CLOEXEC);
	int copy = fd < 0 ? -1 : dup(fd);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	int r;

	if (!out) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		if (fd >= 0)
			close(fd);
		return r;
	}
	add_users(out);
	fputs("[buildid]\n\tdir = ", out);
	put_quoted(out, dir);
	fputs("\n", out);
	if (lgr_perf_has_build_ids())
		fputs("[record]\n\tbuild-id = mmap\n", out);
	if (fclose(out) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* -------------------------------------------------------------------- perf */

/* In the child. */
static void become_perf(char **argv, int config, enum lgr_child what, const sigset_t *mask)
{
	_cleanup_free_ char *path = lgr_format("/proc/%d/fd/%d", (int)getppid(), config);

	/*
	 * perf 6.1 dies of SIGPIPE, without a word, when addr2line cannot open a file; with the signal
	 * ignored it goes on without that line. What it records must not inherit that.
	 */
	if (what == LGR_CHILD_SHOWS)
		signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (path && setenv("PERF_CONFIG", path, 1) == 0)
		execvp(argv[0], argv);
	_exit(errno == ENOENT ? lgr_perf_missing() : LGR_EXIT_RUN_CANNOT);
}

/* Passes on what came for us. A terminal sends its signals to perf by itself. */
static void pass_on(int signals, pid_t pid)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) == sizeof(info) && info.ssi_code <= 0)
		kill(pid, (int)info.ssi_signo);
}

/*
 * Waits for perf. It ignores SIGPIPE, so if who reads its output goes away (`| head`), it is ended here.
 * Returns its exit status.
 */
static int wait_for(pid_t pid, int signals, enum lgr_child what)
{
	struct pollfd poll_for[] = { { .fd = (int)syscall(__NR_pidfd_open, pid, 0),
				       .events = POLLIN },
				     { .fd = signals, .events = POLLIN },
				     { .fd = what == LGR_CHILD_SHOWS ? 1 : -1 } };
	bool unread = false;
	int status;

	while (poll_for[0].fd >= 0) {
		if (poll(poll_for, 3, -1) < 0)
			break;
		if (poll_for[0].revents)
			break;
		if (poll_for[1].revents)
			pass_on(signals, pid);
		if (poll_for[2].revents & POLLERR) {
			unread = true;
			poll_for[2].fd = -1;
			kill(pid, SIGTERM);
		}
	}
	if (poll_for[0].fd >= 0)
		close(poll_for[0].fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return LGR_EXIT_FAILED;
	if (unread)
		return 128 + SIGPIPE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int lgr_perf_run(const char *dir, char **argv, enum lgr_child what)
{
	_cleanup_close_ int config = make_config(dir);
	_cleanup_close_ int signals = -1;
	sigset_t ours, before;
	pid_t pid;

	if (config < 0) {
		lgr_say(WHO, "perf's configuration cannot be written: %s", strerror(-config));
		return LGR_EXIT_FAILED;
	}
	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGQUIT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, &before);
	signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become_perf(argv, config, what, &before);
	if (pid < 0) {
		lgr_say(WHO, "perf cannot be started: %s", strerror(errno));
		return LGR_EXIT_RUN_CANNOT;
	}
	return wait_for(pid, signals, what);
}
