/*
 * api.c - every function of linger.h, each answer on a line of its own. C99 and C++11, with no warning.
 *
 * usage: api LIBRARY BROKEN	LIBRARY has answer() and null_symbol, BROKEN cannot be loaded
 *
 * The same program is run with linger preloaded, linked and absent. It is a stranger's: the public
 * header alone.
 * SPDX-License-Identifier: MIT
 */
#include <linger.h>
#include <stdio.h>
#include <string.h>

#define HOSTS 64
#define VOUCHES 256

static linger_rt *rt;
static char called[64]; /* callbacks, in their order */

static const char *word_of(int r)
{
	static char number[16];

	switch (r) {
	case -ENOENT: return "-ENOENT";
	case -ENOSYS: return "-ENOSYS";
	case -EINVAL: return "-EINVAL";
	case -ENOSPC: return "-ENOSPC";
	case -EPERM: return "-EPERM";
	case -ELIBACC: return "-ELIBACC";
	}
	snprintf(number, sizeof(number), "%d", r);
	return number;
}

static void say(const char *what, int r)
{
	printf("%s: %s\n", what, word_of(r));
}

static void must(int condition, const char *what)
{
	if (!condition)
		printf("WRONG: %s\n", what);
}

static __attribute__((noinline)) const char *state_at(const void *address)
{
	static const char *const states[] = {
		"?", "loading", "live", "kept", "condemned", "closing"
	};
	struct linger_info info;
	int r = linger_query(address, &info);

	return r < 0 ? word_of(r) : info.state <= LINGER_CLOSING ? states[info.state] : "?";
}

static linger_lib *load(const char *path)
{
	linger_lib *lib = NULL;
	char err[256] = "untouched";

	say("load", linger_load(path, RTLD_NOW | RTLD_LOCAL, &lib, err, sizeof(err)));
	must(strcmp(err, "untouched") == 0, "err is written on success");
	return lib;
}

static int call(const void *function)
{
	return ((int (*)(void))(uintptr_t)function)();
}

static void failing(const char *broken)
{
	static char sentinel;
	linger_lib *const untouched = (linger_lib *)(void *)&sentinel;
	linger_lib *lib = untouched;
	char err[256], small[9] = "xxxxxxxx";

	say("load what is not there", linger_load("/no/such.so", RTLD_NOW, &lib, err, sizeof(err)));
	printf("%s\n", err);
	must(!dlerror(), "the text is still there for dlerror");
	say("load what is broken", linger_load(broken, RTLD_NOW, &lib, err, sizeof(err)));
	printf("%s\n", strrchr(err, '/') + 1);
	linger_load("/no/such.so", RTLD_NOW, &lib, small, 5);
	must(strcmp(small, "/no/") == 0 && memcmp(small + 5, "xxx", 4) == 0, "cut to 5 bytes");
	linger_load("/no/such.so", RTLD_NOW, &lib, small, 1);
	must(memcmp(small, "\0no/", 5) == 0, "cut to one byte");
	linger_load("/no/such.so", RTLD_NOW, &lib, small + 1, 0);
	must(small[1] == 'n', "no byte");
	say("load, no text wanted", linger_load("/no/such.so", RTLD_NOW, &lib, NULL, 0));
	must(lib == untouched, "the library is written on failure");
}

static void lookups(linger_lib *lib)
{
	static char sentinel;
	void *address = &sentinel;

	say("lookup of nothing", linger_lookup(lib, "no_such_symbol", &address));
	must(address == &sentinel, "the address is written on failure");
	must(!dlerror(), "the text is still there for dlerror");
	dlsym((void *)lib, "no_such_symbol"); /* leaves a text */
	say("lookup of NULL", linger_lookup(lib, "null_symbol", &address));
	must(address == NULL, "the symbol has no address");
	say("lookup in what it needs", linger_lookup(lib, "free", &address));
	must(address != NULL, "free has an address");
	say("lookup", linger_lookup(lib, "answer", &address));
	printf("answer: %d\n", call(address));
}

static void note(const struct linger_closing *closing, void *arg)
{
	struct linger_info info;

	strcat(strcat(called, *called ? " " : ""), (const char *)arg);
	must(closing->id != 0 && closing->ranges > 0 && closing->range,
	     "a callback is told nothing");
	for (uint32_t i = 0; i < closing->ranges; i++)
		must(closing->range[i].lo < closing->range[i].hi &&
			     (closing->range[i].lo | closing->range[i].hi) % 4096 == 0,
		     "a range is no pages");
	must((linger_query((const void *)closing->range[0].lo, &info) == 0 &&
	      info.id == closing->id) == (closing->when != LINGER_UNLOADED),
	     "the library is there until LINGER_UNLOADED, and not then");
}

static void ask_for_callbacks(const void *anchor)
{
	int here = 0;

	say("on, requested", linger_on(anchor, LINGER_CLOSE_REQUESTED, note, (void *)"requested"));
	say("on, unloading", linger_on(anchor, LINGER_UNLOADING, note, (void *)"unloading"));
	say("on, another", linger_on(anchor, LINGER_UNLOADING, note, (void *)"another"));
	say("on, unloaded", linger_on(anchor, LINGER_UNLOADED, note, (void *)"unloaded"));
	say("on, nobody's", linger_on(&here, LINGER_UNLOADED, note, NULL));
	say("on, the program", linger_on(&rt, LINGER_UNLOADED, note, NULL));
	say("on, no such time", linger_on(anchor, (enum linger_when)0, note, NULL));
	say("on, no function", linger_on(anchor, LINGER_UNLOADED, NULL, NULL));
}

static void pins(const void *anchor)
{
	int here = 0;

	say("pin", linger_pin(anchor));
	say("pin again", linger_pin(anchor));
	say("unpin", linger_unpin(anchor));
	say("unpin again", linger_unpin(anchor));
	say("unpin once more", linger_unpin(anchor));
	say("pin nothing", linger_pin(&here));
	say("unpin nothing", linger_unpin(&here));
}

static void hosts(void)
{
	static char sentinel;
	linger_rt *const untouched = (linger_rt *)(void *)&sentinel;
	linger_rt *host[HOSTS], *more = untouched;
	char name[] = "host";
	int n = 0, wrong = 0;

	while (n < HOSTS && linger_host(name, &host[n]) == 0)
		n++;
	printf("hosts: %d\n", n);
	say("one more", linger_host(name, &more));
	must(more == untouched, "the host is written on failure");
	memset(name, 'x', 4); /* it is copied */
	for (int i = 0; i < n; i++)
		wrong += linger_host_gone(host[i]) != 0;
	printf("not gone: %d\n", wrong);
	say("gone, NULL", linger_host_gone(NULL));
	say("host", linger_host("api", &rt));
}

static void vouches(void)
{
	static char heap[VOUCHES + 1][16];
	int n = 0, wrong = 0;

	say("vouch backwards", linger_vouch(rt, heap[1], heap[0], 1));
	say("take back what was not", linger_vouch(rt, heap[0], heap[1], 0));
	/* Every other one of them, so that there is nothing to join. */
	while (n <= VOUCHES && linger_vouch(rt, heap[n], heap[n] + 8, 1) == 0)
		n++;
	printf("vouches: %d\n", n);
	for (int i = 0; i < VOUCHES && i < n; i++)
		wrong += linger_vouch(rt, heap[i], heap[i] + 8, 0) != 0;
	printf("not taken back: %d\n", wrong);
	say("vouch, NULL", linger_vouch(NULL, heap[0], heap[1], 1));
}

/*
 * From here on the address is kept where a look at stacks and registers does not find it, and what
 * brings it there has a frame of its own, which is gone when that is looked at.
 */
#define APART static __attribute__((noinline))

static uintptr_t hidden;

APART const void *shown(void)
{
	return (const void *)~hidden;
}

APART void unloads(linger_lib *lib, const char *path)
{
	linger_lib *again = load(path);

	must(again == lib, "another library");
	say("unload", linger_unload(lib));
	printf("state: %s\n", state_at(shown()));
	printf("called: %s\n", *called ? called : "nothing");
	say("unload the second", linger_unload(lib));
	printf("state: %s\n", state_at(shown()));
	printf("called: %s\n", *called ? called : "nothing");
	say("unload what is not loaded", linger_unload(lib));
	printf("called: %s\n", *called ? called : "nothing");
	if (strcmp(state_at(shown()), "-ENOENT") != 0)
		printf("answer: %d\n", call(shown()));
}

APART void epochs(void)
{
	const struct linger_epoch *epoch, *before;
	linger_rt *other = NULL;

	say("end, NULL", linger_epoch_end(rt, NULL, 1));
	epoch = linger_epoch_begin(rt);
	printf("epoch: %s\n", epoch ? "begun" : "NULL");
	if (!epoch)
		return;
	must(~hidden - epoch->lo < epoch->span, "the library is not in the epoch");
	must((uintptr_t)&rt - epoch->lo >= epoch->span, "the program is in the epoch");
	linger_mark(epoch, NULL);
	linger_mark(epoch, (const void *)UINTPTR_MAX);
	linger_mark(epoch, shown());
	say("end, marked", linger_epoch_end(rt, epoch, 1));
	say("reap", linger_reap(rt));
	epoch = linger_epoch_begin(rt);
	say("end, not complete", linger_epoch_end(rt, epoch, 0));
	say("reap", linger_reap(rt));
	before = linger_epoch_begin(rt);
	epoch = linger_epoch_begin(rt); /* aborts that one */
	if (before != epoch)
		say("end, aborted", linger_epoch_end(rt, before, 1));
	epoch = linger_epoch_begin(rt);
	must(linger_host("another", &other) == 0, "another host");
	must(linger_epoch_end(other, epoch, 1) == -EINVAL, "another host's epoch");
	linger_host_gone(other);
	say("reap", linger_reap(rt));
}

/* Frames that have been left keep what was in them, and the next ones do not overwrite all of it. */
APART void wipe(void)
{
	volatile char trash[16384];

	for (size_t i = 0; i < sizeof(trash); i++)
		trash[i] = (char)i;
}

/* The stacks are looked at in here: the frame above has had the address in a register. */
APART void last_epoch(void)
{
	const struct linger_epoch *epoch = linger_epoch_begin(rt);

	if (epoch)
		say("end, not marked", linger_epoch_end(rt, epoch, 1));
}

APART void first_part(const char *path)
{
	linger_lib *lib = load(path);
	void *anchor = NULL;

	lookups(lib);
	linger_lookup(lib, "answer", &anchor);
	hidden = ~(uintptr_t)anchor;
	printf("state: %s\n", state_at(anchor));
	ask_for_callbacks(anchor);
	pins(anchor);
	hosts();
	vouches();
	unloads(lib, path);
}

/* The text is there on every failure: a caller prints it. */
static void refused_redirect(void)
{
	struct linger_change change;
	linger_redirect *redirect;
	char text[100] = "untouched";

	memset(&change, 0, sizeof(change));
	change.symbol = "api_nobody";
	change.replacement = text;
	say("redirect nobody's", linger_redirect_one(&change, &redirect, text, sizeof(text)));
	printf("and why: %s\n", text);
	say("redirect, no text wanted", linger_redirect_one(&change, &redirect, NULL, 0));
}

int main(int argc, char **argv)
{
	int here = 0, r;

	if (argc < 3)
		return 2;
	printf("query, a variable: %s\n", state_at(&here));
	failing(argv[2]);
	first_part(argv[1]);
	epochs();
	wipe();
	last_epoch();
	r = linger_reap(rt);
	say("reap", r);
	printf("called: %s\n", *called ? called : "nothing");
	printf("state: %s\n", state_at(shown()));
	say("reap again", linger_reap(rt));
	printf("epoch, nothing kept: %s\n", linger_epoch_begin(rt) ? "begun" : "NULL");
	say("gone", linger_host_gone(rt));
	say("gone again", linger_host_gone(rt));
	say("reap without a host", linger_reap(NULL));
	refused_redirect();
	return 0;
}
