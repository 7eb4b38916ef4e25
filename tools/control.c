/*
 * control.c - asks a process that has the setting `control` for something.
 *
 * Owns no state beyond one request. The process serves it when it comes to it: in a dl* call of its own,
 * or where a thread that waits in a system call gets SIGURG (preload/control.h).
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "tool.h"

#define FIRST_MS                                                                                   \
	2 /* behind a signal; between rounds doubled each time, since they interrupt the program */
#define LAST_MS 256

struct asking {
	const char *who;
	struct lgr_proc proc;
	const char *request;
	double until;
	int failed; /* why it could not be connected to last, or 0 */
	char *answer;
	size_t size;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---------------------------------------------------------------------- the process */

static int find(struct asking *a)
{
	pid_t pid = a->proc.pid;
	int r = lgr_proc_open_on(pid, &a->proc);

	if (r < 0)
		return lgr_proc_refuse(a->who, &a->proc, r);
	if (a->proc.region.control)
		return 0;
	lgr_say(a->who,
		"process %d is not under control; start it with `linger run -o control` (if it "
		"was, its "
		"log says why there is no socket)",
		(int)pid);
	return LGR_EXIT_FAILED;
}

/* ------------------------------------------------------------------------ the socket */

/* A connected socket with the request on its way; or a negative errno. */
static int ask(const struct asking *a)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	int fd;

	snprintf(address.sun_path, sizeof(address.sun_path), "%.*s",
		 (int)sizeof(address.sun_path) - 1, a->proc.region.control_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		goto fail;
	if (peer.pid && peer.pid != a->proc.pid) {
		errno = ECONNREFUSED; /* whose socket bears the name now */
		goto fail;
	}
	if (send(fd, a->request, strlen(a->request), MSG_NOSIGNAL) == (ssize_t)strlen(a->request))
		return fd;
fail:
	size = (socklen_t)errno;
	close(fd);
	return -(int)size;
}

static int refuse(const struct asking *a, int r)
{
	lgr_say(a->who, "process %d cannot be asked at %.*s: %s", (int)a->proc.pid,
		(int)sizeof(a->proc.region.control_path), a->proc.region.control_path,
		strerror(-r));
	return LGR_EXIT_FAILED;
}

static int give_up(const struct asking *a)
{
	lgr_say(a->who,
		"process %d has not come to it: it made no dlopen or dlclose, and no thread of it "
		"could be interrupted in a system call that waits (a handler for SIGURG and a "
		"small "
		"alternate signal stack prevent that); --wait gives it more time",
		(int)a->proc.pid);
	return LGR_EXIT_FAILED;
}

/* Reads what has come. 1: that was all, 0: there is more to come, or a negative errno. */
static int take(struct asking *a, int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		char *longer = realloc(a->answer, a->size + (size_t)n + 1);

		if (!longer)
			return -ENOMEM;
		a->answer = longer;
		memcpy(longer + a->size, buf, (size_t)n);
		a->size += (size_t)n;
		longer[a->size] = '\0';
	}
	return n == 0 ? 1 : errno == EAGAIN ? 0 : -errno;
}

/* Lets one thread look. 1: the answer is there, 0, or a negative errno. */
static int poke(struct asking *a, int fd, pid_t tid)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	syscall(SYS_tgkill, a->proc.pid, tid, SIGURG);
	return poll(&p, 1, FIRST_MS) > 0 ? take(a, fd) : 0;
}

/* One thread after the other, the first one first, since each is interrupted. */
static int poke_all(struct asking *a, int fd)
{
	char path[64];
	struct dirent *entry;
	DIR *tasks;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)a->proc.pid);
	tasks = opendir(path);
	if (!tasks)
		return -ESRCH;
	while (r == 0 && now() < a->until && (entry = readdir(tasks))) {
		pid_t tid;

		if (lgr_parse_pid(entry->d_name, &tid))
			r = poke(a, fd, tid);
	}
	closedir(tasks);
	return r;
}

/* Until the answer is there, or the time is over. 1, 0 (ask again), or a negative errno. */
static int wait_for(struct asking *a, int fd)
{
	for (int ms = FIRST_MS; now() < a->until; ms = ms < LAST_MS ? 2 * ms : ms) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int r = poke_all(a, fd);

		if (r == 0 && poll(&p, 1, ms) > 0)
			r = take(a, fd);
		if (r < 0)
			return r == -ECONNRESET ? 0 : r;
		if (r > 0)
			return a->size > 0;
	}
	return -ETIMEDOUT;
}

/*
 * The socket of a child of a fork is not there until the child has been poked, nor that of a program that
 * has closed it until its next dl* call. One that came to it before the request was sent has hung up.
 */
static int try(struct asking *a)
{
	_cleanup_close_ int fd = -1;

	a->failed = 0;
	if (*a->proc.region.control_path)
		fd = ask(a);
	if (fd >= 0)
		return wait_for(a, fd);
	if (fd == -EAGAIN || fd == -ENOENT || fd == -ECONNREFUSED || fd == -EPIPE ||
	    !*a->proc.region.control_path) {
		a->failed = *a->proc.region.control_path ? fd : 0;
		return poke_all(a, -1);
	}
	return fd;
}

static int run(struct asking *a)
{
	int r = 0;

	while (r == 0 && now() < a->until) {
		int status = find(a);

		if (status)
			return status;
		r = try(a);
	}
	if (r == 0 && a->failed)
		r = a->failed;
	if (r == 0 || r == -ETIMEDOUT)
		return give_up(a);
	if (r < 0)
		return refuse(a, r);
	if (strncmp(a->answer, "error ", 6))
		return 0;
	a->answer[strcspn(a->answer, "\n")] = '\0';
	lgr_say(a->who, "%s", a->answer + 6);
	return LGR_EXIT_FAILED;
}

int lgr_control_ask(const char *who, pid_t pid, const char *request, double seconds,
		    char **ret_answer)
{
	struct asking a = { .who = who, .proc = { .pid = pid }, .until = now() + seconds };
	_cleanup_free_ char *line = NULL;
	int r;

	if (asprintf(&line, "%s\n", request) < 0) {
		line = NULL;
		lgr_say(who, "there is not enough memory to ask");
		return LGR_EXIT_FAILED;
	}
	a.request = line;
	r = run(&a);
	if (r == 0)
		*ret_answer = a.answer;
	else
		free(a.answer);
	return r;
}
