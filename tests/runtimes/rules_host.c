/*
 * rules_host.c - what a runtime may do while somebody else is in the loader, in a constructor, in a
 * callback or in a fork: none of it waits for what waits for it.
 *
 * usage: rules_host RULE FOLDER	(FOLDER: libraries a.so to e.so)
 * Ends by SIGALRM where something hangs. Environment: PLANT=1: the runtime breaks the rule, and must hang.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime.h"

enum { LIBRARIES = 5, TRIES = 200 };

/* In plain data: an address of a library on a stack would keep it. */
static struct library {
	linger_lib *lib;
	_Atomic uintptr_t anchor;
	uint64_t id;
	unsigned calls[LINGER_UNLOADED + 1]; /* callbacks */
} libraries[LIBRARIES];
#define A (&libraries[0])
#define B (&libraries[1])
#define C (&libraries[2])
#define D (&libraries[3])
#define KEPT (&libraries[4]) /* e.so: asked to go from the beginning on */

static const char *folder;
static linger_rt *rt;
static bool plant;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the runtime's, around its own work */

static void *anchor(const struct library *l)
{
	return (void *)atomic_load(&l->anchor);
}

/* What a scenario does there. */
static void (*when_begun[LIBRARIES])(void), (*when_ended[LIBRARIES])(void);
void library_begins(char name, const void *anchor);
void library_ends(char name, const void *anchor);

void library_begins(char name, const void *at)
{
	struct library *l = &libraries[name - 'a'];

	atomic_store(&l->anchor, (uintptr_t)at);
	if (when_begun[name - 'a'])
		when_begun[name - 'a']();
}

void library_ends(char name, const void *at)
{
	check(anchor(&libraries[name - 'a']) == at, "another end of %c", name);
	if (when_ended[name - 'a'])
		when_ended[name - 'a']();
}

static void (*on_requested[LIBRARIES])(void), (*on_unloading[LIBRARIES])(void),
	(*on_unloaded[LIBRARIES])(void);

static void on_close(const struct linger_closing *closing, void *arg)
{
	struct library *l = arg;
	void (*const *todo)(void) = closing->when == LINGER_CLOSE_REQUESTED ? on_requested
				    : closing->when == LINGER_UNLOADING	    ? on_unloading
									    : on_unloaded;

	check(closing->id == l->id, "a callback of %c is for %llu", 'a' + (int)(l - libraries),
	      (unsigned long long)closing->id);
	l->calls[closing->when]++;
	if (todo[l - libraries])
		todo[l - libraries]();
}

static __attribute__((noinline)) void watch(struct library *l)
{
	struct linger_info info;
	int r = linger_query(anchor(l), &info);

	if (r == -ENOSYS)
		return;
	check(r == 0, "%c is %s", 'a' + (int)(l - libraries), word_of(r, &info));
	for (enum linger_when when = LINGER_CLOSE_REQUESTED; when <= LINGER_UNLOADED; when++)
		check(linger_on(anchor(l), when, on_close, l) == 0, "linger_on");
}

static __attribute__((noinline)) void load(struct library *l)
{
	char path[512], text[512] = "";
	void *answer;

	snprintf(path, sizeof(path), "%s/%c.so", folder, 'a' + (int)(l - libraries));
	check(linger_load(path, RTLD_NOW, &l->lib, text, sizeof(text)) == 0, "%s", text);
	/* What was kept is live again from the next call of the loader on. */
	check(linger_lookup(l->lib, "library_answer", &answer) == 0, "linger_lookup");
	l->id = id_at(anchor(l));
}

static __attribute__((noinline)) void unload(struct library *l)
{
	check(linger_unload(l->lib) == 0, "linger_unload");
}

/* Where linger is absent nothing goes, and nobody is told. */
static __attribute__((noinline)) bool is_gone(const struct library *l)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query(anchor(l), &info);

	return r == -ENOSYS || r == -ENOENT || (r == 0 && info.id != l->id);
}

static __attribute__((noinline)) void report(void)
{
	check(linger_epoch_end(rt, linger_epoch_begin(rt), 1) >= 0, "linger_epoch_end");
	linger_reap(rt);
}

static void must_go(struct library *l)
{
	for (int i = 0; i < TRIES && !is_gone(l); i++) {
		clear_stack();
		report();
	}
	check(is_gone(l), "%c is still there", 'a' + (int)(l - libraries));
}

static void must_have_been_told(const struct library *l, unsigned requested)
{
	if (linger_is_here())
		check(l->calls[LINGER_CLOSE_REQUESTED] == requested &&
			      l->calls[LINGER_UNLOADING] == 1 && l->calls[LINGER_UNLOADED] == 1,
		      "%c: %u, %u, %u callbacks", 'a' + (int)(l - libraries),
		      l->calls[LINGER_CLOSE_REQUESTED], l->calls[LINGER_UNLOADING],
		      l->calls[LINGER_UNLOADED]);
}

/* A report, as it may be made under the runtime's own locks: it waits for nobody. */
static __attribute__((noinline)) void work_as(linger_rt *host)
{
	const struct linger_epoch *epoch = linger_epoch_begin(host);
	struct linger_info info;

	if (epoch)
		linger_mark(epoch, anchor(KEPT));
	linger_query(anchor(KEPT), &info);
	linger_query(anchor(A), &info);
	check(linger_epoch_end(host, epoch, 1) >= 0, "linger_epoch_end");
}

/* Not where somebody forks: the child would have the pins and hosts of threads that it does not have. */
static void take_and_give_back(void)
{
	linger_rt *other = NULL;
	int here;

	if (linger_pin(anchor(KEPT)) == 0)
		check(linger_unpin(anchor(KEPT)) == 0, "linger_unpin");
	check(linger_vouch(rt, &here, &here + 1, 1) == 0, "linger_vouch");
	check(linger_vouch(rt, &here, &here + 1, 0) == 0, "linger_vouch, back");
	if (linger_host("other", &other) == 0)
		check(linger_host_gone(other) == 0, "linger_host_gone");
}

static void work(void)
{
	pthread_mutex_lock(&lock);
	work_as(rt);
	take_and_give_back();
	pthread_mutex_unlock(&lock);
}

static atomic_int helper; /* the number of the last one */
static atomic_bool helper_is_done;

struct job {
	void (*run)(void);
	pthread_t thread;
};

static void *run_job(void *arg)
{
	struct job *job = arg;

	atomic_store(&helper, (int)syscall(SYS_gettid));
	job->run();
	atomic_store(&helper_is_done, true);
	return NULL;
}

/* Begins it, and waits until it has ended or waits for somebody. */
static void begin(struct job *job, void (*run)(void))
{
	job->run = run;
	atomic_store(&helper, 0);
	atomic_store(&helper_is_done, false);
	check(!pthread_create(&job->thread, NULL, run_job, job), "pthread_create");
	while (!atomic_load(&helper))
		sched_yield();
	while (!atomic_load(&helper_is_done) && state_of_thread(atomic_load(&helper)) != 'S')
		sched_yield();
}

static void end(struct job *job)
{
	check(!pthread_join(job->thread, NULL), "pthread_join");
}

static void do_elsewhere(void (*run)(void))
{
	struct job job;

	begin(&job, run);
	end(&job);
}

static void load_a(void)
{
	load(A);
}

static void load_b(void)
{
	load(B);
}

static void load_c(void)
{
	load(C);
}

/* ------------------------------------------------ a constructor wants the lock of the runtime */

static void take_the_lock(void)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
}

static void a_constructor_calls_the_runtime(void)
{
	struct job slow, second;

	when_begun[0] = take_the_lock;
	pthread_mutex_lock(&lock);
	begin(&slow, load_a);
	while (!anchor(A))
		sched_yield();
	work_as(rt);
	take_and_give_back();
	watch(A);
	if (plant)
		load(B); /* with the lock that the constructor waits for */
	begin(&second, load_b);
	work_as(rt);
	pthread_mutex_unlock(&lock);
	end(&slow);
	end(&second);
	unload(A);
	unload(B);
	must_go(A);
	must_go(B);
	must_have_been_told(A, 1);
}

/* ---------------------------------------------------------------------------- nested loads */

static struct job beside;

static void load_b_inside(void)
{
	watch(A);
	begin(&beside, load_c);
	load(B);
	watch(B);
	work();
	if (plant)
		end(&beside); /* it waits for this constructor */
}

static void load_d_inside(void)
{
	watch(B);
	load(D);
	watch(D);
	unload(D);
}

static void loads_are_nested(void)
{
	when_begun[0] = load_b_inside;
	when_begun[1] = load_d_inside;
	load(A);
	end(&beside);
	watch(C);
	for (int i = 0; i < 4; i++)
		check(is_gone(&libraries[i]) == !linger_is_here(), "%c has gone", 'a' + i);
	unload(B);
	must_go(B);
	must_go(D);
	check(is_gone(A) == !linger_is_here(), "a has gone with what it has loaded");
	unload(C);
	unload(A);
	must_go(C);
	must_go(A);
	must_have_been_told(A, 1);
	/* It was watched in its constructor, and behind it. */
	check(B->calls[LINGER_UNLOADED] == 2u * linger_is_here(), "b: %u callbacks",
	      B->calls[LINGER_UNLOADED]);
	must_have_been_told(C, 1);
	must_have_been_told(D, 1);
}

/* ------------------------------------------------------------- callbacks load and unload */

static void load_c_under_the_lock_of_nobody(void)
{
	work();
	load(C);
	watch(C);
}

static void when_requested(void)
{
	do_elsewhere(load_c_under_the_lock_of_nobody);
	load(B);
	unload(B);
	work();
}

static void when_unloading(void)
{
	if (plant)
		do_elsewhere(load_b); /* callbacks run in the loader, as destructors do */
	do_elsewhere(work);
	load(D);
	watch(D);
	unload(D);
}

static void when_unloaded(void)
{
	do_elsewhere(work);
	unload(C);
}

static void callbacks_load_and_unload(void)
{
	on_requested[0] = when_requested;
	on_unloading[0] = when_unloading;
	on_unloaded[0] = when_unloaded;
	load(A);
	watch(A);
	unload(A);
	must_go(A);
	if (!linger_is_here())
		return;
	for (int i = 0; i < 4; i++)
		must_go(&libraries[i]);
	must_have_been_told(A, 1);
	must_have_been_told(C, 1);
	must_have_been_told(D, 1);
}

/* -------------------------------------------------- the reaper waits, and has nothing meanwhile */

static atomic_bool go_on;

static void wait_to_go_on(void)
{
	while (!atomic_load(&go_on))
		usleep(1000);
}

static void reap(void)
{
	linger_reap(rt);
}

static void a_reaper_waits_behind_a_constructor(void)
{
	struct job slow, reaper;

	when_begun[0] = wait_to_go_on;
	check(linger_epoch_end(rt, linger_epoch_begin(rt), 1) == linger_is_here(),
	      "linger_epoch_end");
	begin(&slow, load_a);
	while (!anchor(A))
		sched_yield();
	begin(&reaper, reap);
	work();
	watch(A);
	if (plant)
		load(B);
	do_elsewhere(work);
	atomic_store(&go_on, true);
	end(&slow);
	end(&reaper);
	unload(A);
	must_go(A);
	must_have_been_told(A, 1);
}

/* --------------------------------------------------------- reaping where it does nothing */

static void reap_in_vain(void)
{
	check(linger_epoch_end(rt, linger_epoch_begin(rt), 1) >= 0, "linger_epoch_end");
	check(linger_reap(rt) == 0, "it reaps in a constructor or destructor");
	check(is_gone(KEPT) == !linger_is_here(), "it has gone in a constructor or destructor");
	if (plant)
		do_elsewhere(load_b);
}

static void reaping_waits_for_the_loader_to_be_left(void)
{
	when_begun[0] = reap_in_vain;
	load(A);
	when_ended[0] = reap;
	unload(A);
	must_go(A);
}

/* ------------------------------------------------------------------- fork in an epoch */

static atomic_bool stop;
static linger_rt *others[2];

static void *work_on(void *host)
{
	while (!atomic_load(&stop)) {
		if (plant)
			pthread_mutex_lock(&lock); /* which nobody gives back in the child */
		work_as(*(linger_rt **)host);
		if (plant)
			pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void in_the_child(const struct linger_epoch *epoch)
{
	alarm(plant ? 2 : 20);
	if (plant)
		pthread_mutex_lock(&lock);
	check(linger_epoch_end(rt, epoch, 1) >= 0, "the child cannot end the epoch");
	for (int i = 0; i < 2; i++)
		check(linger_host_gone(others[i]) == 0, "linger_host_gone in the child");
	epoch = linger_epoch_begin(rt);
	check(!epoch == !linger_is_here(), "no epoch in the child");
	load(A);
	watch(A);
	unload(A);
	must_go(A);
	must_have_been_told(A, 1);
	must_go(KEPT);
	must_have_been_told(KEPT, 1);
	exit(0);
}

static void a_child_ends_the_epoch(void)
{
	const struct linger_epoch *epoch;
	pthread_t threads[2];
	int status;

	for (int i = 0; i < 2; i++) {
		int r = linger_host("another", &others[i]);

		check(r == 0 || r == -ENOSYS, "linger_host");
		check(!pthread_create(&threads[i], NULL, work_on, &others[i]), "pthread_create");
	}
	for (int i = 0; i < 50; i++) {
		epoch = linger_epoch_begin(rt);
		check(!epoch == !linger_is_here(), "no epoch");
		if (epoch)
			linger_mark(epoch, anchor(KEPT));
		pid_t pid = fork();
		if (pid == 0)
			in_the_child(epoch);
		check(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
		if (plant && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			raise(SIGALRM);
		check(status == 0, "the child ended with status %x", (unsigned)status);
		check(linger_epoch_end(rt, epoch, 1) >= 0, "the parent cannot end the epoch");
		linger_reap(rt);
		check(is_gone(KEPT) == !linger_is_here(), "it was marked, and has gone");
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		check(linger_host_gone(others[i]) == 0, "linger_host_gone");
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} rules[] = {
	{ "constructor", a_constructor_calls_the_runtime },
	{ "nested", loads_are_nested },
	{ "callbacks", callbacks_load_and_unload },
	{ "reaper", a_reaper_waits_behind_a_constructor },
	{ "inside", reaping_waits_for_the_loader_to_be_left },
	{ "fork", a_child_ends_the_epoch },
};

int main(int argc, char **argv)
{
	size_t i = 0;
	int r;

	check(argc == 3, "usage: rules_host RULE FOLDER");
	while (i < sizeof(rules) / sizeof(*rules) && strcmp(rules[i].name, argv[1]))
		i++;
	check(i < sizeof(rules) / sizeof(*rules), "there is no rule %s", argv[1]);
	folder = argv[2];
	plant = getenv("PLANT");
	alarm(plant ? 3 : 60);
	r = linger_host("rules", &rt);
	check(r == 0 || r == -ENOSYS, "linger_host: %d", r);
	load(KEPT);
	watch(KEPT);
	unload(KEPT);
	clear_stack();
	rules[i].run();
	must_go(KEPT);
	must_have_been_told(KEPT, 1);
	puts("done");
	return 0;
}
