/*
 * marks_host.c - eight threads mark in parallel what stays; what none of them has marked goes, and
 * nothing else, while another thread loads, uses and unloads.
 *
 * usage: marks_host ROUNDS SEED LIBRARY...	the last one is the other thread's
 * Half of what stays is marked by one of the eight alone. Environment: PLANT=marker: one of them marks
 * nothing, which must be seen.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>

#include "runtime.h"

enum { MARKERS = 8, LIBRARIES = 17, MARKS = 200, PATIENCE = 1000 };

/* In plain data: an address of a library on a stack would keep it. */
static struct library {
	const char *path;
	linger_lib *lib; /* NULL: it has gone */
	uintptr_t data, answer;
	uint64_t id;
	bool stays; /* in this round */
} libraries[LIBRARIES];
static int n_libraries;

static linger_rt *rt;
static const struct linger_epoch *epoch;
static pthread_barrier_t begun, done;
static unsigned long round_number, repeated, gone;
static bool stop, plant;
static atomic_bool stop_loading;
static atomic_ulong loads;

/* xorshift64 (Marsaglia, 2003) */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static __attribute__((noinline)) void mark_what_stays(int me, uint64_t *state)
{
	uint64_t noise;

	for (int n = 0; n < MARKS; n++) {
		int i = (int)(draw(state) % (uint64_t)n_libraries);
		struct library *l = &libraries[i];
		bool mine = i % 2 || (i / 2 + (int)round_number) % MARKERS == me;

		noise = draw(state);
		linger_mark(epoch, &noise);
		linger_mark(epoch, (void *)(uintptr_t)(noise | UINT64_C(1) << 63));
		linger_mark(epoch, NULL);
		if (l->stays && mine && !(plant && me == 3))
			linger_mark(epoch, (void *)(l->data + noise % 8192));
	}
	/* Drawing may leave one out. */
	for (int i = 0; i < n_libraries; i++)
		if (libraries[i].stays && !(plant && me == 3) &&
		    (i % 2 || (i / 2 + (int)round_number) % MARKERS == me))
			linger_mark(epoch, (void *)libraries[i].answer);
}

static void *mark(void *arg)
{
	uint64_t state = (uint64_t)(uintptr_t)arg * UINT64_C(0x9e3779b97f4a7c15);

	for (;;) {
		pthread_barrier_wait(&begun);
		if (stop)
			return NULL;
		if (epoch)
			mark_what_stays((int)(uintptr_t)arg - 1, &state);
		clear_stack();
		pthread_barrier_wait(&done);
	}
}

static __attribute__((noinline)) uintptr_t address_in(linger_lib *lib, const char *name)
{
	void *address;

	check(linger_lookup(lib, name, &address) == 0, "%s", name);
	return (uintptr_t)address;
}

static __attribute__((noinline)) void load(struct library *l)
{
	char text[256] = "";

	check(linger_load(l->path, RTLD_NOW, &l->lib, text, sizeof(text)) == 0, "%s", text);
	l->data = address_in(l->lib, "library_data");
	l->answer = address_in(l->lib, "library_answer");
	l->id = id_at((void *)l->data);
}

static __attribute__((noinline)) void use(const struct library *l)
{
	check(((uintptr_t(*)(uintptr_t))l->answer)(41) == 42, "%s", l->path);
}

/* Nothing keeps its library but its own stack. */
static void *load_on(void *arg)
{
	struct library *l = arg;

	while (!atomic_load(&stop_loading)) {
		load(l);
		use(l);
		check(linger_unload(l->lib) == 0, "linger_unload");
		atomic_fetch_add(&loads, 1);
		sched_yield();
	}
	return NULL;
}

static __attribute__((noinline)) bool is_gone(const struct library *l)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query((const void *)l->data, &info);

	check(r || info.id != l->id || info.state == LINGER_KEPT, "%s is %s", l->path,
	      word_of(r, &info));
	return r == -ENOENT || (r == 0 && info.id != l->id);
}

static __attribute__((noinline)) void report(void)
{
	epoch = linger_epoch_begin(rt);
	pthread_barrier_wait(&begun);
	pthread_barrier_wait(&done);
	check(linger_epoch_end(rt, epoch, 1) >= 0, "linger_epoch_end");
	linger_reap(rt);
	clear_stack();
}

/* What stays is there and works. Returns how many are there that should have gone. */
static __attribute__((noinline)) int look(void)
{
	int late = 0;

	for (int i = 0; i < n_libraries && linger_is_here(); i++) {
		struct library *l = &libraries[i];

		if (!l->lib)
			continue;
		if (l->stays) {
			check(!is_gone(l), "%s was marked, and has gone", l->path);
			use(l);
		} else if (is_gone(l)) {
			l->lib = NULL;
			gone++;
		} else {
			late++;
		}
	}
	return late;
}

static __attribute__((noinline)) void begin_round(uint64_t *state)
{
	for (int i = 0; i < n_libraries; i++) {
		struct library *l = &libraries[i];

		if (!l->lib) {
			load(l);
			check(linger_unload(l->lib) == 0, "linger_unload");
		}
		l->stays = draw(state) % 3;
	}
	clear_stack();
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 4 ? strtoul(argv[1], NULL, 10) : 0;
	uint64_t seed = argc > 4 ? strtoul(argv[2], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1
				 : 0;
	pthread_t threads[MARKERS + 1];
	int r;

	check(rounds && argc - 3 <= LIBRARIES, "usage: marks_host ROUNDS SEED LIBRARY...");
	plant = getenv("PLANT");
	n_libraries = argc - 4;
	for (int i = 0; i <= n_libraries; i++)
		libraries[i].path = argv[i + 3];
	r = linger_host("markers", &rt);
	check(r == 0 || r == -ENOSYS, "linger_host: %d", r);
	pthread_barrier_init(&begun, NULL, MARKERS + 1);
	pthread_barrier_init(&done, NULL, MARKERS + 1);
	for (uintptr_t i = 0; i < MARKERS; i++)
		check(!pthread_create(&threads[i], NULL, mark, (void *)(i + 1)), "pthread_create");
	check(!pthread_create(&threads[MARKERS], NULL, load_on, &libraries[n_libraries]),
	      "pthread_create");

	for (round_number = 0; round_number < rounds; round_number++) {
		int n = 0;

		begin_round(&seed);
		do
			report();
		while (look() && ++n < PATIENCE);
		check(n < PATIENCE, "round %lu: what nobody marked is still there", round_number);
		repeated += (unsigned long)n;
	}

	atomic_store(&stop_loading, true);
	pthread_join(threads[MARKERS], NULL);
	stop = true;
	pthread_barrier_wait(&begun);
	for (int i = 0; i < MARKERS; i++)
		pthread_join(threads[i], NULL);
	fprintf(stderr,
		"# %lu rounds, %lu libraries gone, %lu reports repeated, %lu loads beside\n",
		rounds, gone, repeated, atomic_load(&loads));
	check(!linger_is_here() || gone > rounds, "only %lu have gone", gone);
	puts("done");
	return 0;
}
