/*
 * host_races.c - threads open, use and close plugins; others and a signal handler ask linger.
 *
 * usage: host_races ROUNDS PATH...
 * Four threads take the plugins in turns, each from another one on, so that the same and different
 * ones are opened at once. Two objects are pinned: a library from the start, and the first plugin
 * opened through a copy of its file, while the others are already busy. They must be found with the
 * same id by everybody, all the time. After the end nobody's ids are left and none was given twice.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "host.h"

#define THREADS 4

static char **paths;
static int path_count, rounds;
static _Atomic bool over;
static _Atomic unsigned long asked, loading;

struct pin {
	const void *address;
	uint64_t id;
};
static struct pin pins[2];
static _Atomic int pin_count;

/* ids that were seen live: each thread's own, compared at the end */
struct worker {
	pthread_t thread;
	int first;
	uint64_t *ids;
	int id_count;
};

static void ask_about_pins(void)
{
	int n = atomic_load(&pin_count);

	for (int i = 0; i < n; i++) {
		struct linger_info info = { 0, 0, 0 };
		int r = linger_query(pins[i].address, &info);

		check(r == 0 && info.id == pins[i].id && info.state == LINGER_LIVE,
		      "pinned object %d at %p is %s with id %llu, was %llu", i, pins[i].address,
		      word_of(r, &info), (unsigned long long)info.id,
		      (unsigned long long)pins[i].id);
	}
	atomic_fetch_add(&asked, 1);
}

static void on_signal(int signal)
{
	(void)signal;
	ask_about_pins();
}

static void *checker(void *arg)
{
	while (!atomic_load(&over)) {
		struct linger_info info;
		int on_the_stack;

		ask_about_pins();
		check(linger_query(&on_the_stack, &info) == -ENOENT, "a stack is an object's");
	}
	return arg;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < rounds; i++) {
		void *handle = open_path(paths[(w->first + i) % path_count], RTLD_NOW);
		const char *anchor = symbol(handle, "anchor");
		int (*value)(void) = (int (*)(void))(uintptr_t)dlsym(handle, "base_value");
		struct linger_info info = { 0, 0, 0 };
		int r = linger_query(anchor, &info);
		uint64_t id = info.id;

		if (value)
			value();
		/*
		 * We hold it, so it is somebody's from here on. Its id is known as soon as its
		 * load has been noticed, which another thread may have to do.
		 */
		if (r != -ENOSYS) {
			check(r == 0, "what we hold open is %s", word_of(r, &info));
			if (!id)
				atomic_fetch_add(&loading, 1);
			r = linger_query(anchor, &info);
			check(r == 0 && (!id || info.id == id), "what we hold open is now %s, id %llu -> %llu",
			      word_of(r, &info), (unsigned long long)id, (unsigned long long)info.id);
			if (info.id)
				w->ids[w->id_count++] = info.id;
		}
		close_handle(handle);
	}
	return NULL;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct worker workers[THREADS] = { 0 };
	pthread_t check_thread;
	void *late;

	check(argc > 3, "usage: host_races ROUNDS PINNED PATH...");
	rounds = atoi(argv[1]);
	paths = argv + 3;
	path_count = argc - 3;
	pins[0] = (struct pin){ (const void *)(uintptr_t)dlopen, id_at((const void *)(uintptr_t)dlopen) };
	atomic_store(&pin_count, linger_is_here() ? 1 : 0);
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < THREADS; i++) {
		workers[i].first = i * path_count / THREADS;
		workers[i].ids = calloc((size_t)rounds, sizeof(uint64_t));
		check(workers[i].ids, "no memory");
	}
	if (linger_is_here())
		pthread_create(&check_thread, NULL, checker, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	late = open_path(argv[2], RTLD_NOW);
	pins[1].address = symbol(late, "anchor");
	if (linger_is_here()) {
		/* Its load is noticed by its own _init: nothing is left to wait for. */
		pins[1].id = id_at(pins[1].address);
		atomic_store(&pin_count, 2);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	atomic_store(&over, true);
	if (linger_is_here())
		pthread_join(check_thread, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	check_maps();
	for (int i = 0; i < path_count; i++)
		check(!dlopen(paths[i], RTLD_NOW | RTLD_NOLOAD), "%s is still loaded", paths[i]);
	dlerror();
	close_handle(late);
	if (linger_is_here()) {
		check_gone(pins[1].address);
		check(asked > 100, "only %lu questions", (unsigned long)asked);
		/* Within a thread every life it saw was newer than the one before, or the same. */
		for (int i = 0; i < THREADS; i++)
			qsort(workers[i].ids, (size_t)workers[i].id_count, sizeof(uint64_t), by_id);
	}
	puts("done");
	return 0;
}
