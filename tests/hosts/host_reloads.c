/*
 * host_reloads.c - opens, replaces and closes plugins as its arguments tell it, one step after another.
 *
 * usage: host_reloads STEP...
 * A plugin has a name of one letter (N below); what the steps need of it is in struct plugin. Steps:
 *	open N PATH	close N		fails PATH	  dlopen fails: glibc's own error is printed
 *	load N PATH	opened, but not used: no thread-local object is made
 *	pin N PATH	the same with RTLD_NODELETE
 *	value N		use N		where N		  its version; its data; under which path it is
 *	same N FILE	the path that dladdr gives for N opens FILE's bytes
 *	sleep N		a thread goes to sleep inside N's code; the step ends when it is in there
 *	wake N		it returns through that code, and says what that returned
 *	cp FILE PATH	in place, as cp does it; the same inode
 *	mv FILE PATH	a copy of FILE takes PATH's place, as mv does it; another inode
 *	rm PATH   truncate PATH   ln FILE PATH   symlink FILE PATH   rename PATH PATH
 *	reload TIMES HOW PATH FILE...	for each round one FILE is put in PATH's place (HOW: cp or mv), opened
 *			and closed; prints in how many rounds its code was the one that answered
 *	thread TIMES HOW PATH FILE...	the same, each round's open and calls in a thread that ends before
 *			the close: its thread-local destructors have run
 *	call N FUNCTION	what another function of N returns
 *	tick TIMES PATH FILE FILE	rewrites PATH with either FILE in turns, with nothing in between; says on
 *			standard error how often nothing but the bytes told the two apart (never, where the kernel
 *			gives fine times to files that are looked at: Linux 6.13)
 *	apart STEP	a step in a thread of its own
 *	stop		says "stopped" and its process's id; waits for a line on standard input
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "host.h"

#define ROUNDS_APART                                                                               \
	1000 /* what one version's value differs from the next one's: nothing smaller does */

struct plugin {
	void *handle;
	int (*value)(void);
	int (*use)(void);		     /* counts in .data, follows a pointer in RELRO */
	int (*wait_inside)(int in, int out); /* says so on out, then reads from in */
	pthread_t thread;
	int in[2], out[2];
};
static struct plugin plugins[26];

/* ---------------------------------------------------------------------------------------- files */

static void copy_to(const char *from, const char *to, int flags)
{
	char buffer[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0755);
	ssize_t n;

	check(in >= 0 && out >= 0, "%s -> %s: %s", from, to, strerror(errno));
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		check(write(out, buffer, (size_t)n) == n, "%s: %s", to, strerror(errno));
	check(n == 0, "%s: %s", from, strerror(errno));
	close(in);
	close(out);
}

static void put(const char *how, const char *from, const char *to)
{
	char beside[4096];

	if (!strcmp(how, "cp")) {
		copy_to(from, to, O_TRUNC);
		return;
	}
	snprintf(beside, sizeof(beside), "%s.new", to);
	copy_to(from, beside, O_TRUNC);
	check(rename(beside, to) == 0, "%s: %s", to, strerror(errno));
}

static bool same_bytes(const char *left, const char *right)
{
	FILE *a = fopen(left, "re"), *b = fopen(right, "re");
	int c, d;

	if (!a || !b)
		return false;
	do {
		c = getc(a);
		d = getc(b);
	} while (c == d && c != EOF);
	fclose(a);
	fclose(b);
	return c == d;
}

/* -------------------------------------------------------------------------------------- plugins */

static void open_plugin(struct plugin *p, const char *path, int mode)
{
	p->handle = open_path(path, RTLD_LAZY | mode);
	p->value = (int (*)(void))(uintptr_t)dlsym(p->handle, "value"); /* a dependency has none */
	p->use = (int (*)(void))(uintptr_t)dlsym(p->handle, "use");
	p->wait_inside = (int (*)(int, int))(uintptr_t)dlsym(p->handle, "wait_inside");
}

static void *sleep_inside(void *arg)
{
	struct plugin *p = arg;

	return (void *)(intptr_t)p->wait_inside(p->in[0], p->out[1]);
}

static void begin_sleep(struct plugin *p)
{
	char c;

	check(pipe2(p->in, O_CLOEXEC) == 0 && pipe2(p->out, O_CLOEXEC) == 0, "pipe");
	check(!pthread_create(&p->thread, NULL, sleep_inside, p), "pthread_create");
	check(read(p->out[0], &c, 1) == 1, "the thread did not come to sleep");
}

static void end_sleep(char name, struct plugin *p)
{
	void *result;

	check(write(p->in[1], "", 1) == 1, "cannot wake the thread");
	pthread_join(p->thread, &result);
	printf("%c returned %d\n", name, (int)(intptr_t)result);
}

/* The names of the mapping that an address lies in: the kernel's, and the loader's. */
static void say_where(char name, const struct plugin *p)
{
	const void *address = (const void *)(uintptr_t)p->value;
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long lo, hi, at = (unsigned long)(uintptr_t)address;
	char line[4096 + 128], file[4096] = "";
	struct link_map *map = NULL;
	Dl_info info = { 0 };

	check(dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) && map, "dladdr: nothing");
	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095[^\n]", &lo, &hi, file) == 3 &&
		    at >= lo && at < hi)
			break;
	printf("%c: dladdr %s %s\n%c: l_name %s\n%c: maps %s\n", name, info.dli_fname,
	       info.dli_sname ? info.dli_sname : "?", name, map->l_name, name, file);
	fclose(maps);
}

static void check_bytes(char name, const struct plugin *p, const char *file)
{
	Dl_info info = { 0 };

	check(dladdr((const void *)(uintptr_t)p->value, &info), "dladdr: nothing");
	printf("%c: its path %s %s\n", name,
	       same_bytes(info.dli_fname, file) ? "opens" : "does not open",
	       strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
}

/* -------------------------------------------------------------------------------------- reloads */

struct round {
	const char *path;
	struct plugin plugin;
	int value;
};

static void *open_and_use(void *arg)
{
	struct round *round = arg;

	open_plugin(&round->plugin, round->path, 0);
	round->value = round->plugin.value();
	if (round->plugin.use)
		round->plugin.use();
	return NULL;
}

/* FILE number i (from 0) answers with (i + 1) * ROUNDS_APART. */
static int reload(bool in_thread, char **step)
{
	int times = atoi(step[0]), files = 0, newest = 0;
	struct round round = { .path = step[2] };
	char **file = step + 3;
	pthread_t thread;

	while (file[files] && strcmp(file[files], "."))
		files++;
	check(times > 0 && files > 1, "reload TIMES HOW PATH FILE FILE... .");
	for (int i = 1; i <= times; i++) { /* the first FILE is what is there */
		put(step[1], file[i % files], round.path);
		if (in_thread) {
			check(!pthread_create(&thread, NULL, open_and_use, &round), "thread");
			pthread_join(thread, NULL);
		} else {
			open_and_use(&round);
		}
		close_handle(round.plugin.handle);
		newest += round.value == (i % files + 1) * ROUNDS_APART;
	}
	printf("%d of %d reloads by %s ran the newest code\n", newest, times, step[1]);
	return 4 + files;
}

static bool same_time(const struct stat *a, const struct stat *b)
{
	return a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec &&
	       a->st_size == b->st_size && a->st_ino == b->st_ino;
}

static void rewrite_within_a_tick(char **step)
{
	int rounds = atoi(step[0]), same = 0, newest = 0;
	struct round round = { .path = step[1] };
	struct stat was = { 0 }, now;

	for (int i = 0; i < rounds; i++) {
		copy_to(step[2 + i % 2], step[1], O_TRUNC);
		check(stat(step[1], &now) == 0, "%s: %s", step[1], strerror(errno));
		same += same_time(&was, &now);
		was = now;
		open_and_use(&round);
		close_handle(round.plugin.handle);
		newest += round.value == (i % 2 + 1) * ROUNDS_APART;
	}
	fprintf(stderr, "# %d of %d rewrites were within a tick\n", same, rounds);
	printf("%d of %d rewrites at once ran the newest code\n", newest, rounds);
}

/* ---------------------------------------------------------------------------------------- steps */

static struct plugin *named(const char *name)
{
	check(name && name[0] >= 'a' && name[0] <= 'z' && !name[1], "no plugin's name: %s",
	      name ? name : "");
	return &plugins[name[0] - 'a'];
}

static void expect_failure(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW);

	printf("%s: %s\n", path, handle ? "was opened" : dlerror());
}

/* How many words the step took; 0: it is none of this kind. */
static int file_step(char **step)
{
	const char *verb = step[0];

	if (!strcmp(verb, "cp") || !strcmp(verb, "mv"))
		put(verb, step[1], step[2]);
	else if (!strcmp(verb, "rename"))
		check(rename(step[1], step[2]) == 0, "rename: %s", strerror(errno));
	else if (!strcmp(verb, "ln"))
		check(link(step[1], step[2]) == 0, "link: %s", strerror(errno));
	else if (!strcmp(verb, "symlink"))
		check(symlink(step[1], step[2]) == 0, "symlink: %s", strerror(errno));
	else if (!strcmp(verb, "rm"))
		check(unlink(step[1]) == 0, "unlink: %s", strerror(errno));
	else if (!strcmp(verb, "truncate"))
		check(truncate(step[1], 0) == 0, "truncate: %s", strerror(errno));
	else
		return 0;
	return !strcmp(verb, "rm") || !strcmp(verb, "truncate") ? 2 : 3;
}

static int plugin_step(char **step)
{
	const char *verb = step[0];
	struct plugin *p = named(step[1]);
	char name = *step[1];

	if (!strcmp(verb, "open"))
		return open_plugin(p, step[2], 0), printf("%c: value %d\n", name, p->value()), 3;
	if (!strcmp(verb, "load"))
		return open_plugin(p, step[2], 0), 3;
	if (!strcmp(verb, "pin"))
		return open_plugin(p, step[2], RTLD_NODELETE), 3;
	if (!strcmp(verb, "same"))
		return check_bytes(name, p, step[2]), 3;
	if (!strcmp(verb, "call")) {
		int (*function)(void) = (int (*)(void))(uintptr_t)symbol(p->handle, step[2]);

		return printf("%c: %s %d\n", name, step[2], function()), 3;
	}
	if (!strcmp(verb, "close"))
		close_handle(p->handle);
	else if (!strcmp(verb, "value"))
		printf("%c: value %d\n", name, p->value());
	else if (!strcmp(verb, "use"))
		printf("%c: used %d\n", name, p->use());
	else if (!strcmp(verb, "where"))
		say_where(name, p);
	else if (!strcmp(verb, "sleep"))
		begin_sleep(p);
	else if (!strcmp(verb, "wake"))
		end_sleep(name, p);
	else
		fail("no step: %s", verb);
	return 2;
}

static void *in_a_thread(void *step)
{
	return (void *)(intptr_t)plugin_step(step);
}

static int apart(char **step)
{
	pthread_t thread;
	void *words;

	check(!pthread_create(&thread, NULL, in_a_thread, step), "pthread_create");
	pthread_join(thread, &words);
	return (int)(intptr_t)words;
}

static int take_step(char **step)
{
	char line[16];
	int n = file_step(step);

	if (n)
		return n;
	if (!strcmp(step[0], "reload") || !strcmp(step[0], "thread"))
		return 1 + reload(*step[0] == 't', step + 1);
	if (!strcmp(step[0], "apart"))
		return 1 + apart(step + 1);
	if (!strcmp(step[0], "tick"))
		return rewrite_within_a_tick(step + 1), 5;
	if (!strcmp(step[0], "fails"))
		return expect_failure(step[1]), 2;
	if (strcmp(step[0], "stop"))
		return plugin_step(step);
	printf("stopped %d\n", (int)getpid());
	fflush(stdout);
	check(fgets(line, sizeof(line), stdin), "nobody says go on");
	return 1;
}

int main(int argc, char **argv)
{
	char **step = argv + 1;

	check(argc > 1, "usage: host_reloads STEP...");
	setvbuf(stdout, NULL, _IOLBF, 0);	   /* what was said before a crash is not lost */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* for debuggers that are no parents of ours */
	while (*step)
		step += take_step(step);
	return 0;
}
