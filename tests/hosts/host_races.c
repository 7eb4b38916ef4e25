/*
 * host_races.c - threads open, use and close plugins; others and a signal handler ask linger.
 *
 * usage: host_races ROUNDS PATH...
 * Four threads take the plugins in turns, each from another one on, so that the same and different
 * ones are opened at once. Two objects are pinned: a library from the start, and the first plugin
 * opened through a copy of its file, while the others are already busy. They must be found with the
 * same id by everybody, all the time.
 * Built with -DONE_BY_ONE for TSan: it does not see the loader's lock, and takes what two threads do
 * inside dlopen and dlclose for a race, also without linger.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "host.h"

#define THREADS 4
#ifdef ONE_BY_ONE
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
#define LOCK() pthread_mutex_lock(&one)
#define UNLOCK() pthread_mutex_unlock(&one)
#else
#define LOCK() ((void)0)
#define UNLOCK() ((void)0)
#endif

static char **paths;
static int path_count, rounds;
static _Atomic bool over;
static _Atomic unsigned long asked;

struct pin {
	const void *address;
	uint64_t id;
};
static struct pin pins[2];
static _Atomic int pin_count;

struct worker {
	pthread_t thread;
	int first;
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
		struct linger_info info = { 0, 0, 0 };
		const char *anchor;
		int (*value)(void);
		uint64_t id;
		void *handle;
		int r;

		LOCK();
		handle = open_path(paths[(w->first + i) % path_count], RTLD_NOW);
		UNLOCK();
		anchor = symbol(handle, "anchor");
		value = (int (*)(void))(uintptr_t)symbol(handle, "base_value");
		check(value() > 40, "the plugin's data is wrong");
		r = linger_query(anchor, &info);
		id = info.id;
		/*
		 * We hold it, so it is somebody's from here on. Its id is known as soon as its
		 * load has been noticed, which another thread may have to do.
		 */
		if (r != -ENOSYS) {
			check(r == 0, "what we hold open is %s", word_of(r, &info));
			r = linger_query(anchor, &info);
			check(r == 0 && (!id || info.id == id),
			      "what we hold open is now %s, id %llu -> %llu", word_of(r, &info),
			      (unsigned long long)id, (unsigned long long)info.id);
		}
		LOCK();
		close_handle(handle);
		UNLOCK();
	}
	return NULL;
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
	pins[0] = (struct pin){ (const void *)(uintptr_t)dlopen,
				id_at((const void *)(uintptr_t)dlopen) };
	atomic_store(&pin_count, linger_is_here() ? 1 : 0);
	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < THREADS; i++)
		workers[i].first = i * path_count / THREADS;
	if (linger_is_here())
		pthread_create(&check_thread, NULL, checker, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	LOCK();
	late = open_path(argv[2], RTLD_NOW);
	UNLOCK();
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
		check(!dlopen(paths[i], RTLD_NOW | RTLD_NOLOAD) == !linger_keeps(),
		      "%s is still loaded, or not kept", paths[i]);
	dlerror();
	close_handle(late);
	if (linger_is_here()) {
		check_gone(pins[1].address);
		check(asked > 100, "only %lu questions", (unsigned long)asked);
	}
	puts("done");
	return 0;
}
