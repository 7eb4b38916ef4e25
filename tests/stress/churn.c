/*
 * churn.c - threads open, use, close, rename, overwrite and delete libraries, and fork, for a while.
 *
 * usage: churn SECONDS SEED FOLDER TEMPLATE	(TEMPLATE: plug_churned.so; works without linger, too)
 * Each file has a generation, raised with each change under the file's lock. Checked:
 *  - an open gives the newest generation, or, while there are handles, at least that of the oldest one;
 *  - an instance stays what it is, while it is open and, with linger, after it was closed (K);
 *  - a file that was deleted cannot be opened; children open, use and close, and end well;
 *  - in the end of each round linger's counts agree with each other, and when the policy is off everything
 *    is unloaded at the next call: mappings and descriptors are as they were after the first round.
 *
 * Locks, in this order: world (exclusive: a fork whose child calls the loader; glibc's own state is not
 * sound in a child that was forked in the middle of a load), forking, a file's content, its counts.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "region.h"

enum { THREADS = 8, FILES = 5, HELD = 3, DEAD = 6, POLICY_NEVER = 2, POLICY_OFF = 3 };
#define STAMP UINT64_C(0x6368757272657473)
#define KEPT_IN_A_ROUND 200
#define STEPS_IN_A_ROUND 1500

#define fail(...)                                                                                  \
	do {                                                                                       \
		fprintf(stderr, __VA_ARGS__);                                                      \
		fputc('\n', stderr);                                                               \
		fflush(stderr);                                                                    \
		_exit(1);                                                                          \
	} while (0)
#define check(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail(__VA_ARGS__);                                                         \
	} while (0)

struct file {
	char path[512], beside[512];
	pthread_rwlock_t content; /* exclusive: a change of the file */
	uint64_t generation;	  /* guarded by content */
	pthread_mutex_t counts;
	int handles;	 /* that there are, or may be; guarded by counts */
	uint64_t oldest; /* generation when handles was 0 last; guarded by counts */
};

struct instance {
	struct file *file;
	void *handle; /* NULL: closed */
	uint64_t (*generation)(void);
	uint64_t (*use)(void);
	uint64_t expected, used;
};

struct worker {
	pthread_t thread;
	unsigned random;
	struct instance held[HELD], dead[DEAD];
	uint64_t opens, changes, forks, late_calls;
};

static struct file files[FILES];
static struct worker workers[THREADS];
static pthread_rwlock_t world;
static pthread_barrier_t round_begins, round_ends;
static struct lgr_region *region;
static _Atomic bool over;
static _Atomic uint64_t steps, last_generation;
static time_t deadline;
static char *image;
static size_t image_size, stamp_at;

/* ---------------------------------------------------------------------------------------- files */

static void read_template(const char *path)
{
	uint64_t word = STAMP;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	check(fd >= 0 && fstat(fd, &st) == 0, "%s: %s", path, strerror(errno));
	image_size = (size_t)st.st_size;
	image = malloc(image_size);
	check(image && read(fd, image, image_size) == st.st_size, "cannot read %s", path);
	close(fd);
	for (size_t at = 0; at + 16 <= image_size; at += 8)
		if (!memcmp(image + at, &word, sizeof(word)))
			stamp_at = at + 8;
	check(stamp_at, "%s has no stamp", path);
}

/* A new generation; O_TRUNC: in place. The caller has the content. */
static void write_file(struct file *file, const char *path)
{
	uint64_t generation = ++last_generation;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	check(fd >= 0, "%s: %s", path, strerror(errno));
	check(pwrite(fd, image, stamp_at, 0) == (ssize_t)stamp_at &&
		      pwrite(fd, &generation, 8, (off_t)stamp_at) == 8 &&
		      pwrite(fd, image + stamp_at + 8, image_size - stamp_at - 8,
			     (off_t)stamp_at + 8) == (ssize_t)(image_size - stamp_at - 8),
	      "%s: %s", path, strerror(errno));
	close(fd);
	file->generation = generation;
}

static bool in_use(struct file *file)
{
	bool used;

	pthread_mutex_lock(&file->counts);
	used = file->handles != 0;
	pthread_mutex_unlock(&file->counts);
	return used;
}

static void change(struct worker *w, struct file *file)
{
	int how = rand_r(&w->random) % 8;

	pthread_rwlock_wrlock(&file->content);
	if (how < 4 && !in_use(file)) { /* what is in use would crash, also without linger */
		write_file(file, file->path);
	} else {
		if (how == 7) {
			void *handle;

			check(unlink(file->path) == 0, "unlink: %s", strerror(errno));
			handle = in_use(file) ? NULL : dlopen(file->path, RTLD_NOW);
			check(!handle, "%s was deleted, and opened", file->path);
		}
		write_file(file, file->beside);
		check(rename(file->beside, file->path) == 0, "rename: %s", strerror(errno));
	}
	pthread_rwlock_unlock(&file->content);
	w->changes++;
}

/* ------------------------------------------------------------------------------------ instances */

static void use(struct instance *instance)
{
	uint64_t generation = instance->generation(), used = instance->use();

	check(generation == instance->expected, "%s: generation %llu is now %llu (%s)",
	      instance->file->path, (unsigned long long)instance->expected,
	      (unsigned long long)generation, instance->handle ? "open" : "closed");
	check(used > instance->used, "%s: its count went back from %llu to %llu",
	      instance->file->path, (unsigned long long)instance->used, (unsigned long long)used);
	instance->used = used;
}

static struct instance open_file(struct file *file)
{
	struct instance instance = { .file = file };
	uint64_t oldest;

	pthread_rwlock_rdlock(&file->content);
	pthread_mutex_lock(&file->counts);
	if (!file->handles++)
		file->oldest = file->generation;
	oldest = file->oldest;
	pthread_mutex_unlock(&file->counts);
	instance.handle = dlopen(file->path, RTLD_NOW | RTLD_LOCAL);
	check(instance.handle, "dlopen: %s", dlerror());
	instance.generation = (uint64_t(*)(void))(uintptr_t)dlsym(instance.handle, "generation");
	instance.use = (uint64_t(*)(void))(uintptr_t)dlsym(instance.handle, "use");
	check(instance.generation && instance.use, "dlsym: %s", dlerror());
	instance.expected = instance.generation();
	check(instance.expected >= oldest && instance.expected <= file->generation,
	      "%s: generation %llu, which must be from %llu to %llu", file->path,
	      (unsigned long long)instance.expected, (unsigned long long)oldest,
	      (unsigned long long)file->generation);
	pthread_rwlock_unlock(&file->content);
	use(&instance);
	return instance;
}

static void close_instance(struct instance *instance)
{
	struct file *file = instance->file;

	use(instance);
	check(dlclose(instance->handle) == 0, "dlclose: %s", dlerror());
	instance->handle = NULL;
	pthread_mutex_lock(&file->counts);
	file->handles--;
	pthread_mutex_unlock(&file->counts);
}

/* What a program does that forgot a pointer into a library that it has closed. */
static void close_and_remember(struct worker *w, struct instance *instance)
{
	close_instance(instance);
	if (region)
		w->dead[rand_r(&w->random) % DEAD] = *instance;
	instance->file = NULL;
}

/* ---------------------------------------------------------------------------------------- forks */

static pthread_mutex_t forking = PTHREAD_MUTEX_INITIALIZER;

/* The child's other threads are gone with the handles they have, which it knows nothing of. */
static void in_child(unsigned *random)
{
	for (int i = 0; i < 3; i++) {
		void *handle = dlopen(files[rand_r(random) % FILES].path, RTLD_NOW);
		uint64_t (*generation)(void) =
			handle ? (uint64_t(*)(void))(uintptr_t)dlsym(handle, "generation") : NULL;

		if (!generation || !generation() || dlclose(handle) != 0)
			_exit(2);
	}
	_exit(0);
}

static void fork_once(struct worker *w)
{
	bool with_loader = rand_r(&w->random) % 2;
	int status = 0;
	pid_t child;

	if (with_loader) /* and no file is in the middle of a change */
		pthread_rwlock_wrlock(&world);
	/* glibc's list of fork handlers is locked in a fork, and stays so in the child of another one,
	 * whose dlclose wants it (nptl/register-atfork.c in 2.36). */
	pthread_mutex_lock(&forking);
	child = fork();
	pthread_mutex_unlock(&forking);
	check(child >= 0, "fork: %s", strerror(errno));
	if (child == 0) {
		alarm(30); /* a child that hangs is found */
		if (with_loader)
			in_child(&w->random);
		_exit(0);
	}
	/* Until it has ended: what it opens must not be changed in place meanwhile. */
	check(waitpid(child, &status, 0) == child && status == 0,
	      "a child %s ended with status 0x%x", with_loader ? "that called the loader" : "",
	      (unsigned)status);
	if (with_loader)
		pthread_rwlock_unlock(&world);
	w->forks++;
}

/* -------------------------------------------------------------------------------------- threads */

static void step(struct worker *w)
{
	struct file *file = &files[rand_r(&w->random) % FILES];
	struct instance *held = &w->held[rand_r(&w->random) % HELD];
	struct instance *dead = &w->dead[rand_r(&w->random) % DEAD];
	int what = rand_r(&w->random) % 100;

	if (what == 0) {
		fork_once(w);
		return;
	}
	pthread_rwlock_rdlock(&world);
	if (dead->file) {
		use(dead);
		w->late_calls++;
	}
	if (held->file) {
		close_and_remember(w, held);
	} else if (what < 20) {
		change(w, file);
	} else {
		*held = open_file(file);
		w->opens++;
		if (what < 80)
			close_and_remember(w, held);
	}
	pthread_rwlock_unlock(&world);
}

static bool round_is_over(void)
{
	return ++steps >= STEPS_IN_A_ROUND || (region && region->kept >= KEPT_IN_A_ROUND) ||
	       time(NULL) >= deadline;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		pthread_barrier_wait(&round_begins);
		if (over)
			return NULL;
		do
			step(w);
		while (!round_is_over());
		pthread_rwlock_rdlock(&world); /* others may be forking still */
		for (int i = 0; i < HELD; i++)
			if (w->held[i].file)
				close_instance(&w->held[i]);
		pthread_rwlock_unlock(&world);
		memset(w->held, 0, sizeof(w->held));
		memset(w->dead, 0, sizeof(w->dead));
		pthread_barrier_wait(&round_ends);
	}
}

/* --------------------------------------------------------------------------------------- rounds */

struct state {
	int maps, descriptors;
	uint64_t objects;
};

static uint64_t counter(enum lgr_counter which)
{
	return region->counter[which];
}

static void check_counts(void)
{
	check(region->kept == counter(LGR_N_KEEPS) - counter(LGR_N_REOPENS) - counter(LGR_N_CLOSES),
	      "kept %llu: keeps %llu, reopens %llu, closes %llu", (unsigned long long)region->kept,
	      (unsigned long long)counter(LGR_N_KEEPS), (unsigned long long)counter(LGR_N_REOPENS),
	      (unsigned long long)counter(LGR_N_CLOSES));
	check(counter(LGR_N_REQUESTS) >= counter(LGR_N_KEEPS) &&
		      counter(LGR_N_KEEPS) >= counter(LGR_N_REOPENS),
	      "requests %llu, keeps %llu", (unsigned long long)counter(LGR_N_REQUESTS),
	      (unsigned long long)counter(LGR_N_KEEPS));
}

/* The program has given up everything: with the policy off, the next call unloads it. */
static struct state relax(const char *folder)
{
	struct state state;

	check_counts();
	region->policy = POLICY_OFF;
	check(dlopen(NULL, RTLD_NOW), "dlopen(NULL): %s", dlerror());
	/* What that unloaded is noticed by itself; what never was kept, here. */
	check(dlclose(dlopen(NULL, RTLD_NOW)) == 0, "dlclose: %s", dlerror());
	check(region->kept == 0, "still kept: %llu", (unsigned long long)region->kept);
	check_counts();
	check(count_maps(folder) == 0, "%d mappings of %s are left", count_maps(folder), folder);
	check(count_maps("/memfd:") == 0, "%d mappings of copies are left", count_maps("/memfd:"));
	state = (struct state){ count_maps(""), count_descriptors(), region->objects };
	region->policy = POLICY_NEVER;
	return state;
}

static void compare(const struct state *first, const struct state *now, int round)
{
	check(now->descriptors == first->descriptors, "round %d: %d descriptors, first %d", round,
	      now->descriptors, first->descriptors);
	check(now->objects == first->objects, "round %d: %llu objects, first %llu", round,
	      (unsigned long long)now->objects, (unsigned long long)first->objects);
#ifndef SANITIZED /* the runtimes map what they need when they need it */
	check(now->maps <= first->maps, "round %d: %d mappings, first %d", round, now->maps,
	      first->maps);
#endif
}

static void start(const char *folder, unsigned seed)
{
	struct rlimit limit;
	pthread_rwlockattr_t fair;

	/* A copy of a kept library's file is an open descriptor. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	pthread_rwlockattr_init(&fair);
	pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&world, &fair);
	pthread_barrier_init(&round_begins, NULL, THREADS + 1);
	pthread_barrier_init(&round_ends, NULL, THREADS + 1);
	for (int i = 0; i < FILES; i++) {
		struct file *file = &files[i];

		snprintf(file->path, sizeof(file->path), "%s/f%d.so", folder, i);
		snprintf(file->beside, sizeof(file->beside), "%s/f%d.new", folder, i);
		pthread_rwlock_init(&file->content, &fair);
		pthread_mutex_init(&file->counts, NULL);
		write_file(file, file->path);
	}
	/* They also make the process's first calls of the loader, all at once. */
	for (int i = 0; i < THREADS; i++) {
		workers[i].random = seed * 101 + (unsigned)i;
		check(!pthread_create(&workers[i].thread, NULL, work, &workers[i]), "no thread");
	}
}

int main(int argc, char **argv)
{
	struct worker sum = { 0 };
	struct state first = { 0 }, now;
	int rounds = 0;

	check(argc == 5, "usage: churn SECONDS SEED FOLDER TEMPLATE");
	region = region_find();
	read_template(argv[4]);
	deadline = time(NULL) + atoi(argv[1]);
	start(argv[3], (unsigned)atoi(argv[2]));
	/* The first round is there for what it leaves behind, the second for the comparison. */
	for (; rounds < 2 || time(NULL) < deadline; rounds++) {
		steps = 0;
		pthread_barrier_wait(&round_begins);
		pthread_barrier_wait(&round_ends);
		if (!region)
			continue;
		now = relax(argv[3]);
		if (rounds == 0)
			first = now;
		compare(&first, &now, rounds);
	}
	over = true;
	pthread_barrier_wait(&round_begins);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		sum.opens += workers[i].opens;
		sum.changes += workers[i].changes;
		sum.forks += workers[i].forks;
		sum.late_calls += workers[i].late_calls;
	}
	printf("# process %d, %d rounds: %llu opens, %llu changes, %llu forks, %llu calls of "
	       "closed "
	       "code\n",
	       (int)getpid(), rounds, (unsigned long long)sum.opens,
	       (unsigned long long)sum.changes, (unsigned long long)sum.forks,
	       (unsigned long long)sum.late_calls);
	if (region)
		printf("requests %llu keeps %llu reopens %llu closes %llu unloads %llu\n",
		       (unsigned long long)counter(LGR_N_REQUESTS),
		       (unsigned long long)counter(LGR_N_KEEPS),
		       (unsigned long long)counter(LGR_N_REOPENS),
		       (unsigned long long)counter(LGR_N_CLOSES),
		       (unsigned long long)counter(LGR_N_UNLOADS));
	puts("done");
	free(image);
	return 0;
}
