/*
 * later.c - redirects of a name that nobody defines yet, and of one whose definer goes.
 *
 * usage: later FOLDER
 * SPDX-License-Identifier: MIT
 */
#include "picture.h"

static function *replacement;
static void *previous = &previous;

static linger_redirect *later(void)
{
	linger_redirect *made = redirect(
		&(struct linger_change){ .symbol = "t_second",
					 .replacement = address_of(replacement),
					 .previous = &previous,
					 .flags = LINGER_LATER });
	return made;
}

static struct late *late_of(void *handle)
{
	return symbol(handle, "late_api");
}

static void leads(struct late *l, int wanted, const char *when)
{
	gives(l->call(), wanted, "%s", when);
	gives(l->by_got(), wanted, "%s", when);
	gives((*l->word)(), wanted, "%s", when);
}

static void previous_is(const linger_redirect *made, int wanted, const char *when)
{
	void *ret = &ret;
	int r = linger_previous(made, &ret);

	if (!wanted) {
		check(r == -ENOENT, "%s: the previous of a name nobody defines: %s", when,
		      r ? strerror(-r) : "one");
		check(!previous, "%s: the pointer has %p", when, previous);
		return;
	}
	check(r == 0 && ret == previous, "%s: the previous: %s, %p, the pointer %p", when,
	      strerror(-r), ret, previous);
	gives(((function *)(uintptr_t)ret)(), wanted, "%s: the previous", when);
}

/* Definer and callers in one group: the caller's constructor is the first to call. */
static void in_one_group(int flags)
{
	linger_redirect *made = later();
	void *handle;

	previous_is(made, 0, "before");
	handle = open_library("with_a.so", flags);
	gives(late_of(handle)->constructed, 100, "in a constructor");
	leads(late_of(handle), 100, "opened with its definer");
	previous_is(made, 2, "defined");
	restore(made);
	leads(late_of(handle), 2, "restored");
	close_handle(handle);
}

static void one_after_the_other(void)
{
	linger_redirect *made = later(), *second;
	void *definer, *handle;

	definer = open_library("a.so", RTLD_LAZY | RTLD_GLOBAL);
	previous_is(made, 2, "defined");
	gives(function_of(definer, "t_second")(), 100, "dlsym");
	second = later();
	handle = open_library("without.so", RTLD_LAZY);
	leads(late_of(handle), 100, "opened after its definer");
	restore(made);
	leads(late_of(handle), 100, "the second stands");
	previous_is(second, 2, "the first is gone");
	restore(second);
	leads(late_of(handle), 2, "restored");
	close_handle(handle);
	close_handle(definer);
}

static void never_defined(void)
{
	linger_redirect *made = later();
	void *handle;

	previous_is(made, 0, "before");
	restore(made);
	handle = open_library("with_a.so", RTLD_NOW);
	gives(late_of(handle)->constructed, 2, "restored before");
	leads(late_of(handle), 2, "restored before");
	close_handle(handle);
}

/* The definer goes, a second one takes over, and so does the redirect. */
static void another_definer(void)
{
	linger_redirect *made = later();
	void *a = open_library("a.so", RTLD_LAZY | RTLD_GLOBAL), *b, *handle;

	previous_is(made, 2, "defined by the first");
	b = open_library("b.so", RTLD_LAZY | RTLD_GLOBAL);
	previous_is(made, 2, "defined by both: the first one's");
	close_handle(a);
	handle = open_library("without.so", RTLD_LAZY);
	previous_is(made, 3, "the first is gone");
	gives(late_of(handle)->constructed, 100, "bound to the second");
	leads(late_of(handle), 100, "bound to the second");
	restore(made);
	leads(late_of(handle), 3, "restored");
	made = later();
	leads(late_of(handle), 100, "redirected again");
	restore(made);
	close_handle(handle);
	close_handle(b);
}

/* And comes back when nobody has defined the name for a while. */
static void gone_and_back(void)
{
	linger_redirect *made = later();

	for (int i = 0; i < 5; i++) {
		void *handle = open_library(i % 2 ? "with_b.so" : "with_a.so", RTLD_LAZY);
		struct late *l = late_of(handle);

		gives(l->constructed, 100, "round %d", i);
		leads(l, 100, "each time");
		previous_is(made, i % 2 ? 3 : 2, "each time");
		close_handle(handle);
	}
	restore(made);
}

int main(int argc, char **argv)
{
	struct picture before;

	check(argc == 2 && linger_is_here(), "usage: later FOLDER, with linger");
	folder = argv[1];
	replacement = function_of(open_library("rep.so", RTLD_LAZY), "r_answer");
	before = picture_take();
	in_one_group(RTLD_LAZY);
	in_one_group(RTLD_NOW);
	one_after_the_other();
	never_defined();
	another_definer();
	gone_and_back();
	close_handle(open_library("b.so", RTLD_LAZY)); /* what is kept goes in a later call */
	picture_compare_(&before, true, "all over");   /* policy never keeps what was opened */
	puts("done");
	return 0;
}
