/*
 * copied.c - a table of functions that the program has copied is bound as the library's is.
 *
 * usage: copied FOLDER [versions]: the table's function has two versions, at one address
 * SPDX-License-Identifier: MIT
 */
#include "copied.h"

#include "picture.h"

static const struct table *const volatile table = &t_table;

static const char *wanted; /* version; NULL: none */

static int count_own(const struct linger_binding *binding, void *arg)
{
	if (binding->at == &t_table.answer && binding->verdict == LINGER_CHANGED &&
	    (!wanted || (binding->version && !strcmp(binding->version, wanted))))
		++*(int *)arg;
	return 0;
}

/* The library is bound to the new version, and so is the copy. */
static void versions(function *replacement)
{
	linger_redirect *made = redirect_to("t_apart@T_1", replacement);
	int own = 0;

	wanted = "T_2";
	gives(table->answer(), 1, "the old version redirected");
	restore(made);
	made = redirect_to("t_apart@T_2", replacement);
	gives(table->answer(), 100, "the new version redirected");
	check(linger_report(made, count_own, &own) == 0 && own == 1, "it is reported once, not %d",
	      own);
	restore(made);
	gives(table->answer(), 1, "restored");
	puts("done");
}

int main(int argc, char **argv)
{
	linger_redirect *first, *second;
	function *replacement;
	struct picture was;
	int own = 0;

	check(argc >= 2 && linger_is_here(), "usage: copied FOLDER [versions], with linger");
	folder = argv[1];
	replacement = function_of(open_library("rep.so", RTLD_NOW), "r_answer");
	if (argc > 2) {
		versions(replacement);
		return 0;
	}
	was = picture_take();
	first = redirect_to("t_answer", replacement);
	gives(table->answer(), 100, "redirected");
	gives(table->other(), 10, "the other one");
	check(table->version == 7, "what is no function is as it was");
	check(linger_report(first, count_own, &own) == 0 && own == 1, "it is reported once, not %d",
	      own);
	second = redirect_to("t_other", replacement);
	gives(table->other(), 100, "the other one redirected");
	restore(first);
	gives(table->answer(), 1, "restored");
	gives(table->other(), 100, "and the other one not");
	restore(second);
	gives(table->other(), 10, "all restored");
	picture_compare(&was, "all restored");
	picture_free(&was);
	puts("done");
	return 0;
}
