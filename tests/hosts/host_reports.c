/*
 * host_reports.c - a language runtime in miniature: what it knows of, it marks. Each case loads a library,
 * gives it up, reports, reaps, and says in words what became of it and of what it needs.
 *
 * usage: host_reports CASE
 *
 * No pointer into the library stays on the stack or in a register: calls and addresses are made in
 * functions that have returned, with what they left on the stack overwritten, and the runtime's own
 * pointers are kept turned over.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sys/wait.h>

#include "host.h"

static linger_rt *rt;
static linger_lib *lib;
static uintptr_t turned; /* ~answer */
static uintptr_t turned_base;

#define APART __attribute__((noinline, noclone))

/* Frames that have been left keep what was in them. */
static APART void wipe(void)
{
	volatile char trash[16384];

	for (size_t i = 0; i < sizeof(trash); i++)
		trash[i] = (char)i;
}

static APART void load_apart(void)
{
	char error[256];
	void *address;

	check(linger_load(plugin("reported"), RTLD_NOW, &lib, error, sizeof(error)) == 0, "%s",
	      error);
	check(linger_lookup(lib, "answer", &address) == 0 && ((int (*)(void))address)() == 42,
	      "answer");
	turned = ~(uintptr_t)address;
	check(linger_lookup(lib, "anchor", &address) == 0, "anchor");
	turned_base = ~(uintptr_t)address;
}

static void load(void)
{
	load_apart();
	wipe();
}

static APART const char *word_apart(uintptr_t address)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query((const void *)~address, &info);

	return word_of(r, &info);
}

static void unload(void)
{
	check(linger_unload(lib) == 0, "unload");
	wipe();
}

static APART void mark_apart(const struct linger_epoch *epoch, uintptr_t address)
{
	linger_mark(epoch, (const void *)~address);
}

/* A whole report, in which address (turned, 0: nothing) is reachable. */
static APART int report_of(linger_rt *host, uintptr_t address, int complete)
{
	const struct linger_epoch *epoch = linger_epoch_begin(host);

	if (epoch && address)
		mark_apart(epoch, address);
	return linger_epoch_end(host, epoch, complete);
}

static void tell(const char *what)
{
	int gone;

	wipe();
	gone = linger_reap(rt);
	wipe();
	printf("%s: %d gone, library %s, what it needs %s\n", what, gone, word_apart(turned),
	       word_apart(turned_base));
	wipe();
}

/* ---------------------------------------------------------------------------------------- the cases */

static void simple(void)
{
	load();
	report_of(rt, 0, 1);
	tell("in use, not reported");
	unload();
	tell("no report");
	report_of(rt, turned, 1);
	tell("marked");
	report_of(rt, turned_base, 1);
	tell("what it needs is marked");
}

static void base_marked(void)
{
	load();
	unload();
	wipe();
	printf("%d wait\n", report_of(rt, 0, 1));
	tell("not marked");
}

static void aborted(void)
{
	load();
	unload();
	report_of(rt, 0, 0);
	tell("an aborted report");
	report_of(rt, 0, 1);
	report_of(rt, 0, 0);
	tell("a complete one, and an aborted one after it");
	report_of(rt, 0, 1);
	tell("a complete one");
}

static void too_late(void)
{
	const struct linger_epoch *epoch;

	load();
	close_handle(open_path(plugin("flag_tls"), RTLD_NOW)); /* the subject of the report */
	epoch = linger_epoch_begin(rt);
	check(epoch || !linger_is_here(), "nothing is kept");
	unload();
	linger_epoch_end(rt, epoch, 1);
	tell("kept after the report began, another one before");
	report_of(rt, 0, 1);
	tell("kept before the next");
}

static void two_hosts(void)
{
	linger_rt *other;

	check(linger_host("other", &other) == 0, "a second host");
	load();
	unload();
	report_of(rt, 0, 1);
	tell("one of two has reported");
	report_of(other, turned, 1);
	tell("the other one marks it");
	report_of(other, 0, 1);
	tell("both have reported");
	load();
	unload();
	report_of(rt, 0, 1);
	check(linger_host_gone(other) == 0, "gone");
	report_of(rt, 0, 1);
	tell("the other one has gone");
}

static APART void pin_apart(int on)
{
	check((on ? linger_pin : linger_unpin)((const void *)~turned) == 0, "pin");
}

static void pinned(void)
{
	load();
	pin_apart(1);
	pin_apart(1);
	unload();
	report_of(rt, 0, 1);
	tell("pinned twice");
	pin_apart(0);
	tell("once");
	pin_apart(0);
	tell("not pinned");
	report_of(rt, 0, 1);
	tell("and reported since");
}

static int channel[2];

static APART void *call_apart(void *arg)
{
	void *address;

	(void)arg;
	check(linger_lookup(lib, "wait_here", &address) == 0, "wait_here");
	return (void *)(intptr_t)((int (*)(int))address)(channel[0]);
}

/* Until the thread sleeps: in its read (S), or behind the child of its vfork (D). */
static void until_it_sleeps(pid_t tid, char in)
{
	char state = 0;

	while (state != in) {
		state = state_of_thread(tid);
		check(state, "thread %d is not there", (int)tid);
	}
}

static _Atomic pid_t sleeper;

static void *sleep_in_library(void *arg)
{
	void *result;

	sleeper = gettid();
	result = call_apart(arg);
	return result;
}

static void thread_inside(void)
{
	pthread_t t;
	void *result;

	check(pipe(channel) == 0, "pipe");
	load();
	check(pthread_create(&t, NULL, sleep_in_library, NULL) == 0, "thread");
	while (!sleeper)
		;
	until_it_sleeps(sleeper, 'S');
	unload();
	report_of(rt, 0, 1);
	tell("a thread is inside");
	check(write(channel[1], "x", 1) == 1 && pthread_join(t, &result) == 0, "join");
	printf("it returned %d\n", (int)(intptr_t)result);
	tell("it has left");
	report_of(rt, 0, 1);
	tell("and that is reported");
}

/* A thread that has nothing to do with the library: waits for a byte itself, or behind a child. */
static void *sleep_elsewhere(void *with_child)
{
	char byte;

	sleeper = gettid();
	if (!with_child)
		return (void *)read(channel[0], &byte, 1);
	if (vfork() == 0)
		_exit(read(channel[0], &byte, 1) == 1 ? 0 : 1);
	return NULL;
}

static void with_a_thread(void *with_child, const char *what)
{
	pthread_t t;

	check(pipe(channel) == 0, "pipe");
	check(pthread_create(&t, NULL, sleep_elsewhere, with_child) == 0, "thread");
	while (!sleeper)
		;
	until_it_sleeps(sleeper, with_child ? 'D' : 'S');
	load();
	unload();
	report_of(rt, 0, 1);
	tell(what);
	check(write(channel[1], "x", 1) == 1 && pthread_join(t, NULL) == 0, "join");
	report_of(rt, 0, 1);
	tell("it has ended");
}

static void thread_elsewhere(void)
{
	with_a_thread(NULL, "a thread is elsewhere");
}

/* It cannot be stopped before the child has ended, so nothing can be said. */
static void thread_in_vfork(void)
{
	with_a_thread(&channel, "a thread is in vfork");
}

/* A pointer in this frame. */
static APART void on_own_stack(void)
{
	void *volatile here __attribute__((unused)) = (void *)~turned;

	report_of(rt, 0, 1);
	tell("on the reaper's own stack");
	here = NULL;
}

static void own_stack(void)
{
	load();
	unload();
	on_own_stack();
	wipe();
	report_of(rt, 0, 1);
	tell("that frame is left");
}

/* ---------------------------------------------------------------------------------------- callbacks */

static int told;

static void note(const struct linger_closing *closing, void *arg)
{
	static const char *const words[] = { "?", "requested", "unloading", "unloaded" };

	told++;
	printf("%s: %s, %s\n", (const char *)arg, words[closing->when], word_apart(turned));
	check(closing->ranges && ~turned >= closing->range[0].lo &&
		      ~turned < closing->range[closing->ranges - 1].hi,
	      "the ranges are another's");
}

static void load_again(const struct linger_closing *closing, void *arg)
{
	(void)closing;
	(void)arg;
	puts("a callback opens it again");
	load();
}

static APART void watch_apart(int when, linger_callback *fn, const char *arg)
{
	check(linger_on((const void *)~turned, when, fn, (void *)(uintptr_t)arg) == 0, "linger_on");
}

static void callbacks(void)
{
	load();
	watch_apart(LINGER_UNLOADED, note, "first");
	watch_apart(LINGER_CLOSE_REQUESTED, note, "second");
	watch_apart(LINGER_UNLOADING, note, "third");
	watch_apart(LINGER_UNLOADING, note, "fourth");
	unload();
	load();
	unload();
	report_of(rt, 0, 1);
	tell("reported");
	printf("%d calls\n", told);
	check(linger_on(&rt, LINGER_UNLOADED, note, NULL) == -EPERM, "of the program itself");
	check(linger_on((const void *)16, LINGER_UNLOADED, note, NULL) == -ENOENT, "of nothing");
	check(linger_on(&rt, 4, note, NULL) == -EINVAL, "at another time");
}

static void saved(void)
{
	load();
	watch_apart(LINGER_UNLOADING, load_again, "");
	unload();
	report_of(rt, 0, 1);
	tell("a callback saves it");
	unload();
}

static void forked(void)
{
	const struct linger_epoch *epoch;
	int status = -1;

	load();
	unload();
	epoch = linger_epoch_begin(rt);
	fflush(stdout);
	if (fork() == 0) {
		linger_epoch_end(rt, epoch, 1);
		tell("the child ends the report");
		load();
		unload();
		report_of(rt, 0, 1);
		tell("and makes one of its own");
		fflush(stdout);
		_exit(0);
	}
	check(wait(&status) > 0 && status == 0, "the child ended with %d", status);
	linger_epoch_end(rt, epoch, 1);
	tell("the parent ends it, too");
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "simple", simple },	      { "needed", base_marked },
	{ "aborted", aborted },	      { "late", too_late },
	{ "hosts", two_hosts },	      { "pinned", pinned },
	{ "inside", thread_inside },  { "elsewhere", thread_elsewhere },
	{ "vfork", thread_in_vfork }, { "stack", own_stack },
	{ "callbacks", callbacks },   { "saved", saved },
	{ "forked", forked },
};

int main(int argc, char **argv)
{
	check(argc == 2, "usage: host_reports CASE");
	check(linger_host("reports", &rt) == 0, "linger is absent");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (!strcmp(cases[i].name, argv[1])) {
			cases[i].run();
			return 0;
		}
	fail("no such case");
}
