/*
 * entry.c - redirected at the function's entry: calls that the linker bound inside reach the
 * replacement, and its bytes come back.
 *
 * usage: entry FOLDER LIBRARY [alone]: without other threads, which linger cannot stop under a tracer
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>

#include "picture.h"

static function *call;
static atomic_bool over;

static void *calls_all_the_time(void *arg)
{
	while (!atomic_load(&over)) {
		int got = call();

		/* Each of three calls gives 5 or 100. */
		check(got == 15 || got == 110 || got == 205 || got == 300, "a call gave %d", got);
	}
	return arg;
}

static int led_on;
static int count_calls(const struct linger_binding *binding, void *arg)
{
	(void)arg;
	if (binding->kind == LINGER_CALL_INTERNAL)
		check(binding->verdict == LINGER_CHANGED, "a call inside: verdict %u",
		      binding->verdict);
	led_on += binding->kind == LINGER_CALL_INTERNAL;
	return 0;
}

/* Two names of one function, redirected at the one entry that they have, undone in both orders. */
static void two_names(function *inside, function *first, function *second)
{
	struct linger_change by_address = { .address = address_of(inside),
					    .replacement = address_of(first),
					    .flags = LINGER_AT_ENTRY },
			     other_name = { .symbol = "t_second_name",
					    .replacement = address_of(second),
					    .flags = LINGER_AT_ENTRY };
	linger_redirect *older = redirect(&by_address), *newer = redirect(&other_name);

	gives(call(), 600, "the newer one, by its other name");
	restore(older);
	gives(call(), 600, "the older one restored");
	restore(newer);
	gives(call(), 15, "both names restored");
	by_address.address = NULL;
	by_address.symbol = "t_inside";
	older = redirect(&by_address);
	newer = redirect(&other_name);
	gives(call(), 600, "each by its name");
	restore(newer);
	gives(call(), 300, "the newer one restored");
	restore(older);
	gives(call(), 15, "each restored");
}

int main(int argc, char **argv)
{
	function *f, *inside, *by_previous;
	struct linger_change change = { .symbol = "t_inside", .flags = LINGER_AT_ENTRY };
	linger_redirect *made, *second;
	struct picture before;
	pthread_t thread;
	void *handle, **previous;

	check(argc >= 3 && linger_is_here(), "usage: entry FOLDER LIBRARY [alone], with linger");
	folder = argv[1];
	handle = open_library(argv[2], RTLD_NOW | RTLD_GLOBAL);
	call = function_of(handle, "call_inside");
	inside = function_of(handle, "t_inside");
	handle = open_library("rep.so", RTLD_NOW);
	f = function_of(handle, "r_answer");
	by_previous = function_of(handle, "r_member3"); /* 128 | what it replaces */
	previous = symbol(handle, "r_previous");
	gives(call(), 15, "before");
	gives(inside(), 5, "before");
	before = picture_take();

	change.replacement = address_of(f);
	made = redirect(&change);
	gives(call(), 300, "calls bound inside");
	gives(inside(), 100, "by its address");
	gives(previous_of(made)(), 5, "the previous");
	check(linger_report(made, count_calls, NULL) == 0, "no report");
	gives(led_on, 3, "calls inside that the report knows of");
	restore(made);
	picture_compare(&before, "restored");
	gives(call(), 15, "restored");

	change.replacement = address_of(by_previous);
	change.previous = &previous[3];
	made = redirect(&change);
	gives(call(), 3 * (128 | 5), "a replacement that calls the previous");
	change.replacement = address_of(f);
	change.previous = NULL;
	second = redirect(&change);
	gives(call(), 300, "a second one");
	restore(made);
	gives(call(), 300, "the second one stands");
	restore(second);
	gives(call(), 15, "both restored");
	picture_compare(&before, "both restored");

	two_names(inside, f, function_of(handle, "r_second"));
	picture_compare(&before, "two names restored");

	/* Complete: nothing is out of reach at the entry. */
	change.flags |= LINGER_COMPLETE;
	made = redirect(&change);
	gives(call(), 300, "LINGER_COMPLETE");
	restore(made);
	change.flags = LINGER_AT_ENTRY;

	if (argc > 3) {
		puts("done");
		return 0;
	}
	check(!pthread_create(&thread, NULL, calls_all_the_time, NULL), "no thread");
	for (int i = 0; i < 300; i++) {
		made = redirect(&change);
		gives(call(), 300, "redirected while it is called");
		restore(made);
		gives(call(), 15, "restored while it is called");
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	picture_compare(&before, "the end");
	puts("done");
	return 0;
}
