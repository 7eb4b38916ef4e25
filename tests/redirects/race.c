/*
 * race.c - redirects while another thread makes first calls through lazy slots: none may be lost.
 *
 * usage: race FOLDER N       N redirects, and as many restores, each while a first call is on its way
 *        race FOLDER held    the deterministic form: a first call waits in an IFUNC's resolver
 *        race FOLDER longer  the same, for longer than linger waits
 * It prints how many were lost, that is, how many slots lead elsewhere when both are done; and how many
 * of these came right in the next dl* call.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "picture.h"

#define SLOTS 1000
#define SPREAD 40000 /* ns: a redirect has reached its definition by then */

static function *replacement;
static atomic_int turn = -1, answered = -1;
static atomic_bool over;
static function *const *calls; /* calls[i]() is a first call through a slot of its own */
static int result;
static unsigned long lost, late;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *first_calls(void *arg)
{
	unsigned random = 1;
	int done = -1, now;

	for (;;) {
		for (unsigned spins = 0; (now = atomic_load(&turn)) == done; spins++) {
			if (atomic_load(&over))
				return arg;
			if (spins > 1000)
				sched_yield();
		}
		done = now;
		if (now < 0)
			continue; /* between two rounds */
		for (uint64_t begin = now_ns(), wait = (unsigned)rand_r(&random) % SPREAD;
		     now_ns() < begin + wait;)
			;
		result = calls[now]();
		atomic_store(&answered, now);
	}
}

/* Lets the other thread call i for the first time, and does something meanwhile. */
static void at_the_same_time(int i, const struct linger_change *change, linger_redirect **made)
{
	atomic_store(&turn, i);
	if (change)
		made[i] = redirect(change);
	else
		restore(made[i]);
	for (unsigned spins = 0; atomic_load(&answered) != i; spins++)
		if (spins > 1000)
			sched_yield();
}

/* Both are done. What a thread that got no processor for 50 ms put back is set right in a dl* call. */
static void count(int i, int wanted)
{
	if (calls[i]() == wanted)
		return;
	close_handle(dlopen(NULL, RTLD_NOW));
	if (calls[i]() == wanted)
		late++;
	else
		lost++;
}

/* One opening of the library gives SLOTS unbound slots. */
static void round_of(bool restoring, const char *const *names)
{
	static linger_redirect *made[SLOTS];
	void *handle;

	if (restoring)
		for (int i = 0; i < SLOTS; i++)
			made[i] = redirect_to(names[i], replacement);
	handle = open_library("first.so", RTLD_LAZY);
	calls = symbol(handle, "first_calls");
	atomic_store(&answered, -1);
	for (int i = 0; i < SLOTS; i++) {
		at_the_same_time(i,
				 restoring ? NULL
					   : &(struct linger_change){ .symbol = names[i],
								      .replacement = address_of(
									      replacement) },
				 made);
		check(result == i || result == -1, "the call gave %d", result);
		count(i, restoring ? i : -1);
	}
	if (!restoring)
		check(linger_restore_all(made, SLOTS) == 0, "restoring");
	for (int i = 0; i < SLOTS; i++)
		count(i, i);
	atomic_store(&turn, -1);
	close_handle(handle);
	check(!is_mapped("/first.so"), "its slots would not be fresh the next time");
}

static void races(unsigned long n)
{
	const char *const *names = symbol(open_library("defs.so", RTLD_NOW), "names");
	pthread_t thread;

	check(!pthread_create(&thread, NULL, first_calls, NULL), "no thread");
	for (unsigned long done = 0; done < n; done += SLOTS)
		round_of(done / SLOTS % 2, names);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
}

/* ---------------------------------------------------------------------------------- deterministic */

static _Thread_local bool is_held;
static atomic_bool entered, go, returned;

static void hold(void)
{
	if (!is_held)
		return; /* whoever else asks what the resolver chooses */
	atomic_store(&entered, true);
	while (!atomic_load(&go))
		sched_yield();
}

static void *held_call(void *arg)
{
	is_held = true;
	result = calls[0]();
	is_held = false;
	return arg;
}

static linger_redirect *held_made;
static void *redirects(void *arg)
{
	held_made = redirect_to("t_slow", replacement);
	atomic_store(&returned, true);
	return arg;
}

static unsigned verdict;
static int look(const struct linger_binding *binding, void *arg)
{
	struct linger_info info;

	check(linger_query(arg, &info) == 0, "no such library");
	if (binding->id == info.id && binding->kind == LINGER_SLOT_JUMP)
		verdict = binding->verdict;
	return 0;
}

static bool definition_changed(const struct picture *was)
{
	for (size_t i = 0; i < was->n; i++)
		if (was->word[i].kind == PICTURE_SYMBOL && !strcmp(was->word[i].name, "t_slow") &&
		    was->word[i].value != *(volatile uintptr_t *)was->word[i].at)
			return true;
	return false;
}

/*
 * A thread is in its first call: the resolver has chosen, the slot is not written yet. When the redirect
 * has changed the definition the thread goes on, and writes what was chosen before; LONGER: not until the
 * redirect has returned.
 */
static void held(bool longer)
{
	void (*volatile * hook)(void) = symbol(open_library("slow.so", RTLD_LAZY), "slow_hook");
	void *handle = open_library("calls_slow.so", RTLD_LAZY);
	struct picture before;
	pthread_t caller, redirecter;

	calls = symbol(handle, "first_calls");
	before = picture_take();
	*hook = hold;
	check(!pthread_create(&caller, NULL, held_call, NULL), "no thread");
	while (!atomic_load(&entered))
		sched_yield();
	check(!pthread_create(&redirecter, NULL, redirects, NULL), "no thread");
	while (!definition_changed(&before) && !atomic_load(&returned))
		sched_yield();
	if (longer) {
		while (!atomic_load(&returned))
			usleep(1000);
		check(linger_report(held_made, look, symbol(handle, "first_calls")) == 0,
		      "no report");
		check(verdict == LINGER_UNBOUND, "while the thread is there, its verdict is %u",
		      verdict);
	}
	atomic_store(&go, true);
	pthread_join(caller, NULL);
	pthread_join(redirecter, NULL);
	check(result == 1 || result == -1, "the call gave %d", result);
	if (longer) /* a later dl* call sets it right */
		close_handle(open_library("slow.so", RTLD_LAZY));
	if (calls[0]() != -1) {
		lost++;
		check(linger_report(held_made, look, symbol(handle, "first_calls")) == 0,
		      "no report");
		check(verdict == LINGER_UNSETTLED, "lost, its verdict is %u", verdict);
		return;
	}
	check(linger_report(held_made, look, symbol(handle, "first_calls")) == 0, "no report");
	check(verdict == LINGER_CHANGED, "settled, its verdict is %u", verdict);
	restore(held_made);
	gives(calls[0](), 1, "restored");
}

int main(int argc, char **argv)
{
	unsigned long n;

	check(argc == 3 && linger_is_here(), "usage: race FOLDER WHAT, with linger");
	folder = argv[1];
	replacement = function_of(open_library("rep.so", RTLD_LAZY), "r_minus");
	n = strtoul(argv[2], NULL, 10);
	if (n)
		races(n);
	else
		held(!strcmp(argv[2], "longer"));
	printf("%lu lost, %lu late\n", lost, late);
	return 0;
}
