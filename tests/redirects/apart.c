/*
 * apart.c - definitions that share a name, an address or a page, and what goes while it is given back.
 *
 * usage: apart FOLDER WHAT [LIBRARY...]
 * SPDX-License-Identifier: MIT
 */
#include <sys/mman.h>

#include "picture.h"

static void *replacer;
static struct picture before;

static function *by(const char *name)
{
	return function_of(replacer, name);
}

static linger_redirect *redirect_at(function *definition, function *replacement)
{
	return redirect(&(struct linger_change){ .address = address_of(definition),
						 .replacement = address_of(replacement) });
}

/* One definition replaces another one of the name, and is replaced itself. */
static void replaced_by_its_like(void)
{
	void *caller = open_library("calls1.so", RTLD_NOW);
	function *other = function_of(open_library("apart2.so", RTLD_NOW), "t_apart");
	function *call = function_of(caller, "apart_call");
	linger_redirect *first, *second;

	for (int i = 0; i < 2; i++) {
		before = picture_take();
		first = redirect_to("t_apart", other);
		gives(call(), 2, "the first leads to the other definition");
		second = redirect_at(other, by("apart_100"));
		gives(call(), 2, "a call of the first definition is none of the second");
		restore(i ? first : second);
		gives(call(), i ? 1 : 2, "one is taken back");
		restore(i ? second : first);
		gives(call(), 1, "both are");
		picture_compare(&before, "the end");
	}
}

/* Bound to its own definition before there was another one in the global scope: no slot that waits. */
static void bound_inside(void)
{
	function *call = function_of(open_library("inside.so", RTLD_NOW), "apart_call");
	linger_redirect *made;

	open_library("apart1.so", RTLD_NOW | RTLD_GLOBAL);
	gives(call(), 5, "before");
	before = picture_take();
	made = redirect(&(struct linger_change){ .symbol = "t_apart",
						 .callers = "*/inside.so",
						 .replacement = address_of(by("apart_100")) });
	gives(call(), 5, "it does not call what is redirected");
	restore(made);
	picture_compare(&before, "the end");
}

static void versions(void)
{
	function *old = function_of(open_library("old.so", RTLD_NOW), "apart_call");
	function *new = function_of(open_library("new.so", RTLD_NOW), "apart_call");
	void *versioned = open_library("versioned.so", RTLD_NOW);
	function *definition = (function *)(uintptr_t)dlvsym(versioned, "t_apart", "T_1");
	linger_redirect *first, *second, *third;

	before = picture_take();
	first = redirect_to("t_apart@T_1", by("apart_100"));
	second = redirect_to("t_apart@T_2", by("apart_200"));
	restore(first);
	third = redirect_to("t_apart@T_2", by("apart_300"));
	gives(old(), 1, "only the other version is redirected");
	gives(new (), 300, "the newest wins");
	restore(second);
	restore(third);
	picture_compare(&before, "versions one by one");

	first = redirect_to("t_apart@T_1", by("apart_100"));
	second = redirect_to("t_apart", by("apart_200"));
	gives(old(), 200, "the name alone is all that has its address");
	restore(first);
	gives(old(), 200, "the older one is taken back");
	restore(second);
	picture_compare(&before, "one version, then all");

	first = redirect_to("t_apart", by("apart_100"));
	second = redirect_at(definition, by("apart_200"));
	gives(old(), 200, "by address, of what is redirected");
	gives(new (), 200, "by address, of what is redirected");
	restore(first);
	restore(second);
	picture_compare(&before, "by name, then by address");
}

/* The program has made one page writable, as those do who change slots by themselves. */
static void own_page(const char *library)
{
	void *caller = open_library(library, RTLD_NOW);
	char *table = symbol(caller, "apart_table");
	function *call = function_of(caller, "apart_call");
	linger_redirect *made;
	uintptr_t pages[] = { 1, 3 };

	for (int i = 0; i < 2; i++) {
		char *page = (char *)(((uintptr_t)table + pages[i] * 4096) & ~(uintptr_t)4095);

		check(!mprotect(page, 4096, PROT_READ | PROT_WRITE), "mprotect: %s",
		      strerror(errno));
		before = picture_take();
		made = redirect_to("t_apart", by("apart_100"));
		gives(call(), 100, "redirected");
		for (int k = 0; k < 5; k++)
			gives((*(function **)(table + k * 4096 + 2048))(), 100, "page %d", k);
		check(picture_same_maps(before.maps, picture_maps()),
		      "redirected: protections differ");
		restore(made);
		picture_compare(&before, "the end");
		check(!mprotect(page, 4096, PROT_READ), "mprotect: %s", strerror(errno));
	}
}

static void moved_headers(void)
{
	function *call = function_of(open_library("moved_calls.so", RTLD_NOW), "apart_call");
	linger_redirect *made;

	gives(call(), 1, "before");
	before = picture_take();
	made = redirect_to("t_apart", by("apart_100"));
	gives(call(), 100, "redirected");
	restore(made);
	gives(call(), 1, "the end");
	picture_compare(&before, "the end");
}

/* With policy:off the last handles are the redirect's: what is in what goes is not looked for or written. */
static void goes_at_the_end(void)
{
	void *first = open_library("apart1.so", RTLD_NOW | RTLD_GLOBAL);
	void *second = open_library("apart2.so", RTLD_NOW | RTLD_GLOBAL);
	linger_redirect *made = redirect(
		&(struct linger_change){ .symbol = "t_apart",
					 .replacement = address_of(by("apart_100")),
					 .previous = symbol(replacer, "apart_previous") });

	close_handle(first);
	close_handle(replacer);
	check(is_mapped("/replaces.so") && is_mapped("/apart1.so"), "nothing is held");
	restore(made);
	check(!is_mapped("/replaces.so") && !is_mapped("/apart1.so"), "something is held");
	gives(function_of(second, "t_apart")(), 2, "the next definition");
	close_handle(open_library("apart3.so", RTLD_NOW));
	gives(function_of(second, "t_apart")(), 2, "after another call");
}

/* More come at once than there is room for at first. */
static void crowd(void)
{
	void *before_it = dlsym(RTLD_DEFAULT, "dlopen");

	open_library("crowd.so", RTLD_NOW | RTLD_GLOBAL);
	check(dlsym(RTLD_DEFAULT, "dlopen") == before_it, "what is there from the start overrides");
	gives(function_of(RTLD_DEFAULT, "t_apart")(), 3, "the newest wins");
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";

	check(argc > 2 && linger_is_here(), "usage: apart FOLDER WHAT, with linger");
	folder = argv[1];
	replacer = open_library("replaces.so", RTLD_NOW);
	if (!strcmp(what, "like"))
		replaced_by_its_like();
	else if (!strcmp(what, "inside"))
		bound_inside();
	else if (!strcmp(what, "versions"))
		versions();
	else if (!strcmp(what, "page"))
		own_page("calls5.so");
	else if (!strcmp(what, "large"))
		own_page("calls40.so");
	else if (!strcmp(what, "moved"))
		moved_headers();
	else if (!strcmp(what, "goes"))
		goes_at_the_end();
	else if (!strcmp(what, "crowd"))
		crowd();
	else
		fail("what?");
	puts("done");
	return 0;
}
