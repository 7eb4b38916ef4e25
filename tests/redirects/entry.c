/*
 * entry.c - redirected at the function's entry: calls that the linker bound inside reach the
 * replacement, and its bytes come back.
 *
 * usage: entry FOLDER LIBRARY [alone | mdwe | filter | later]
 * alone: without other threads, which linger cannot stop under a tracer. mdwe, filter: the kernel does not let
 * anything become executable any more. later: the library has no such entries, and is opened when a redirect
 * waits for one.
 * SPDX-License-Identifier: MIT
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

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

/* Data has no entry, whatever it looks like: its page stays writable. */
static void no_entry(void *library, function *replacement)
{
	struct linger_change change = { .symbol = "t_fill",
					.replacement = address_of(replacement),
					.flags = LINGER_AT_ENTRY };
	unsigned char *data = symbol(library, "t_fill");
	linger_redirect *made;
	int r = linger_redirect_one(&change, &made, NULL, 0);

	check(r == -EOPNOTSUPP, "data redirected at its entry: %d", r);
	data[40] = 1;
}

/* What cannot be done is left, and what came with it is done. */
static void later(const char *library)
{
	void *replacing = open_library("rep.so", RTLD_NOW);
	const void *replacement = symbol(replacing, "r_answer");
	linger_redirect *other = redirect(&(struct linger_change){
		.symbol = "call_inside", .replacement = replacement, .flags = LINGER_LATER });
	linger_redirect *entry = redirect(
		&(struct linger_change){ .symbol = "t_inside",
					 .replacement = replacement,
					 .flags = LINGER_LATER | LINGER_AT_ENTRY });
	void *handle = open_library(library, RTLD_NOW | RTLD_GLOBAL);

	gives(function_of(handle, "call_inside")(), 100, "the other one");
	gives(function_of(handle, "t_inside")(), 5, "no entry");
	restore(entry);
	restore(other);
	gives(function_of(handle, "call_inside")(), 15, "the end");
}

/* As systemd's MemoryDenyWriteExecute does it, with kernels of either age. False: this one is too old. */
static bool deny(const char *how)
{
	struct sock_filter refuse[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
		BPF_STMT(BPF_RET, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(refuse) / sizeof(*refuse), refuse };

	if (!strcmp(how, "mdwe"))
		return !prctl(65 /* PR_SET_MDWE */, 1UL, 0, 0, 0);
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void denied(const struct linger_change *change, const char *how)
{
	linger_redirect *made = redirect(change);
	char err[256] = "";
	int r;

	restore(made);
	if (!deny(how)) {
		puts("not here");
		return;
	}
	r = linger_redirect_one(change, &made, err, sizeof(err));
	check(r == -EPERM, "not refused, but %d: %s", r, err);
	gives(call(), 15, "the code can still be executed");
}

int main(int argc, char **argv)
{
	function *f, *inside, *by_previous;
	struct linger_change change = { .symbol = "t_inside", .flags = LINGER_AT_ENTRY };
	linger_redirect *made, *second;
	struct picture before;
	pthread_t thread;
	void *handle, **previous;

	check(argc >= 3 && linger_is_here(), "usage: see entry.c, with linger");
	folder = argv[1];
	if (argc > 3 && !strcmp(argv[3], "later")) {
		later(argv[2]);
		puts("done");
		return 0;
	}
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

	if (argc > 3 && strcmp(argv[3], "alone")) {
		denied(&change, argv[3]);
		puts("done");
		return 0;
	}
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

	if (strcmp(argv[2], "edge.so"))
		no_entry(open_library(argv[2], RTLD_NOW), f);
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
