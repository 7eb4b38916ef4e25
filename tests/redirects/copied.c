/*
 * copied.c - a table of functions that the program has copied is bound as the library's is.
 *
 * usage: copied FOLDER
 * SPDX-License-Identifier: MIT
 */
#include "copied.h"

#include "picture.h"

static const struct table *const volatile table = &t_table;

static int count_own(const struct linger_binding *binding, void *arg)
{
	if (binding->at == &t_table.answer && binding->verdict == LINGER_CHANGED)
		++*(int *)arg;
	return 0;
}

int main(int argc, char **argv)
{
	linger_redirect *first, *second;
	function *replacement;
	struct picture was;
	int own = 0;

	check(argc == 2 && linger_is_here(), "usage: copied FOLDER, with linger");
	folder = argv[1];
	replacement = function_of(open_library("rep.so", RTLD_NOW), "r_answer");
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
