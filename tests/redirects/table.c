/*
 * table.c - the capability table: one row for each thing that a tool for redirecting is asked for.
 *
 * usage: table ROW FOLDER. A row ends with status 0, or with a sentence on standard error. Each is a process
 * of its own, built in every way that binds a symbol differently, as are the libraries in FOLDER.
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sys/wait.h>

#include "picture.h"

int t_answer(void);
int t_other(void);
int t_chosen(void);
int t_taken(void);

static __attribute__((noinline)) int own_call(void)
{
	return t_answer() + 0;
}

static struct caller *open_caller(const char *name, int mode)
{
	return caller_of(open_library(name, mode));
}

static function *replacement(const char *name)
{
	return function_of(open_library("rep.so", RTLD_NOW), name);
}

static void calls_give(const struct caller *c, int wanted, const char *when)
{
	gives(c->answer(), wanted, "%s", when);
	gives(c->by_got(), wanted, "%s", when);
	gives((*c->word)(), wanted, "%s", when);
}

/* ------------------------------------------------------------------------------------- the rows */

static void all_modules_at_once(void)
{
	struct caller *c[3] = { open_caller("call1.so", RTLD_LAZY),
				open_caller("call2.so", RTLD_LAZY | RTLD_GLOBAL),
				open_caller("call3.so", RTLD_LAZY) };
	linger_redirect *made;

	gives(own_call(), 1, "before");
	for (int i = 0; i < 2; i++) /* the third one's slots stay unbound until then */
		calls_give(c[i], 1, "before");
	made = redirect_to("t_answer", replacement("r_answer"));
	gives(own_call(), 100, "redirected");
	for (int i = 0; i < 3; i++) {
		calls_give(c[i], 100, "redirected");
		gives(c[i]->other(), 10, "not redirected");
	}
	restore(made);
	gives(own_call(), 1, "restored");
	for (int i = 0; i < 3; i++)
		calls_give(c[i], 1, "restored");
}

/* As found: nothing is called in between, so every slot must be what it was, unbound ones, too. */
static void everything_is_as_found(void)
{
	function *f = replacement("r_answer"), *g = replacement("r_chosen");
	struct caller *c1 = open_caller("call1.so", RTLD_LAZY);
	struct caller *c2 = open_caller("call2.so", RTLD_LAZY);
	struct linger_change changes[] = {
		{ .symbol = "t_answer", .replacement = address_of(f) },
		{ .symbol = "t_other", .replacement = address_of(f) },
		{ .symbol = "t_chosen", .replacement = address_of(g) },
		{ .symbol = "t_third", .replacement = address_of(f) },
	};
	linger_redirect *made[4];
	struct picture before;

	(void)c1;
	calls_give(c2, 1, "before"); /* bound ones and unbound ones */
	gives(c2->chosen(), 3, "before");
	/* What the picture itself calls is bound by then. */
	before = picture_take();
	picture_compare(&before, "nothing done");
	for (int n = 1; n <= 4; n++) {
		char err[256] = "";
		int r = linger_redirect_all(changes, (size_t)n, made, err, sizeof(err));

		check(r == 0, "redirecting %d: %s: %s", n, strerror(-r), err);
		r = linger_restore_all(made, (size_t)n);
		check(r == 0, "restoring %d: %s", n, strerror(-r));
		picture_compare(&before, "restored, nothing called");
	}
	check(linger_redirect_all(changes, 4, made, NULL, 0) == 0, "redirecting");
	calls_give(c1, 100, "redirected");
	calls_give(c2, 100, "redirected");
	gives(c2->chosen(), 300, "redirected");
	gives(own_call(), 100, "redirected");
	check(linger_restore_all(made, 4) == 0, "restoring");
	picture_compare(&before, "restored, all called");
	calls_give(c1, 1, "restored");
	calls_give(c2, 1, "restored");
	gives(c2->chosen(), 3, "restored");
}

/* FILTERED: what holds for caller 1, caller 2, and one loaded later that is not 1. */
static void filtered(struct linger_change change, bool one, bool two, bool later)
{
	struct caller *c1 = open_caller("call1.so", RTLD_LAZY);
	struct caller *c2 = open_caller("call2.so", RTLD_LAZY), *c3;
	struct picture before;
	linger_redirect *made;
	function *f = replacement("r_by_name");
	void *handle;

	gives(c2->answer(), 1, "before");
	gives(own_call(), 1, "before");
	if (change.caller)
		change.caller = c1;
	change.symbol = "t_answer";
	change.replacement = address_of(f);
	before = picture_take();
	made = redirect(&change);
	calls_give(c1, one ? 1001 : 1, "caller 1");
	calls_give(c2, two ? 1001 : 1, "caller 2");
	handle = open_library("call3.so", RTLD_LAZY);
	c3 = caller_of(handle);
	gives(c3->constructed, later ? 1001 : 1, "in the constructor of what is loaded later");
	calls_give(c3, later ? 1001 : 1, "what is loaded later");
	check((c2->find(RTLD_DEFAULT, "t_answer", NULL) == (void *)(uintptr_t)f) == two,
	      "dlsym by caller 2");
	gives(c1->other(), 10, "not redirected");
	close_handle(handle);
	restore(made);
	picture_compare(&before, "restored");
	calls_give(c1, 1, "restored");
	calls_give(c2, 1, "restored");
}

static void callers_by_glob(void)
{
	filtered((struct linger_change){ .callers = "*/call1.so" }, true, false, false);
}

static void callers_by_object(void)
{
	filtered((struct linger_change){ .caller = "set" }, true, false, false);
}

static void all_callers_but_some(void)
{
	filtered((struct linger_change){ .callers = "*/call1.so", .flags = LINGER_ALL_BUT }, false,
		 true, true);
}

static void all_callers_but_an_object(void)
{
	filtered((struct linger_change){ .caller = "set", .flags = LINGER_ALL_BUT }, false, true,
		 true);
}

/* A new file in the place of late.so: one of two builds. */
static void rebuild(int build)
{
	static char content[1 << 20];
	FILE *from = fopen(in_folder(build == 1 ? "late1.so" : "late2.so"), "r"), *to;
	char beside[4096];
	size_t n;

	snprintf(beside, sizeof(beside), "%s", in_folder("late.new"));
	to = fopen(beside, "w");
	check(from && to, "fopen: %s", strerror(errno));
	n = fread(content, 1, sizeof(content), from);
	check(fwrite(content, 1, n, to) == n && fclose(to) == 0, "fwrite: %s", strerror(errno));
	fclose(from);
	check(rename(beside, in_folder("late.so")) == 0, "rename: %s", strerror(errno));
}

static void cycles(bool rebuilt)
{
	linger_redirect *made;
	void *handle;

	rebuild(1);
	made = redirect_to("t_answer", replacement("r_answer"));
	for (int i = 0; i < 50; i++) {
		int build = rebuilt ? 1 + i % 2 : 1;
		struct caller *c;
		char when[32];

		if (rebuilt)
			rebuild(build);
		snprintf(when, sizeof(when), "cycle %d", i);
		handle = open_library("late.so", i % 3 ? RTLD_LAZY : RTLD_NOW);
		c = caller_of(handle);
		gives(c->build, build, "%s", when);
		gives(c->constructed, 100, "%s, in the constructor", when);
		calls_give(c, 100, when);
		close_handle(handle);
	}
	handle = open_library("late.so", RTLD_NOW);
	restore(made);
	calls_give(caller_of(handle), 1, "restored");
}

static void reopened_50_times(void)
{
	cycles(false);
}

static void rebuilt_50_times(void)
{
	cycles(true);
}

static void before_constructors(void)
{
	linger_redirect *made = redirect_to("t_answer", replacement("r_answer"));
	void *handle = open_library("call1.so", RTLD_NOW);

	gives(caller_of(handle)->constructed, 100, "in a constructor");
	restore(made);
	gives(open_caller("call2.so", RTLD_NOW)->constructed, 1, "in a constructor, restored");
}

static void before_ifunc_resolvers(void)
{
	linger_redirect *made = redirect_to("t_answer", replacement("r_answer"));
	function *volatile *uses = symbol(open_library("uses_early.so", RTLD_LAZY), "uses_early");

	gives((*uses)(), 100, "in a resolver");
	restore(made);
}

static int mine(void)
{
	return 77;
}

static void pointers_in_data(void)
{
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	linger_redirect *made;

	gives((*c->word)(), 1, "before");
	*c->stored = mine; /* the program's own business from now on */
	made = redirect_to("t_answer", replacement("r_answer"));
	gives((*c->word)(), 100, "an initialised word");
	check(*c->stored == mine, "a word that the program had overwritten was written");
	*c->word = mine;
	restore(made);
	check(*c->stored == mine && *c->word == mine,
	      "what the program wrote was taken for the redirect's");
}

static void vtables(void)
{
	void *shape = open_library("shape.so", RTLD_LAZY | RTLD_GLOBAL);
	void *square = open_library("square.so", RTLD_LAZY);
	function *of_shape = function_of(square, "area_of_shape");
	function *of_square = function_of(square, "area_of_square");
	struct picture before;
	linger_redirect *made;
	function *f = replacement("r_answer");

	check(shape, "no shape");
	gives(of_shape(), 40, "before");
	before = picture_take();
	made = redirect_to("_ZN7t_shape4areaEv", f);
	gives(of_shape(), 100, "redirected");
	gives(of_square(), 100, "redirected, in a derived class");
	restore(made);
	picture_compare(&before, "restored");
	gives(of_shape() + of_square(), 80, "restored");
}

static void versions(void)
{
	void *user = open_library("of_versions.so", RTLD_LAZY);
	function *old = function_of(user, "call_old"), *new = function_of(user, "call_new");
	function *old_word = function_of(user, "old_word");
	function *new_word = function_of(user, "new_word"), *f = replacement("r_answer");
	void *handle = open_library("versions.so", RTLD_LAZY);
	static const struct {
		const char *name;
		int old, new;
	} cases[] = { { "t_versioned@V1", 100, 22 },
		      { "t_versioned@V2", 11, 100 },
		      { "t_versioned", 11, 100 } };

	for (int i = 0; i < 3; i++) {
		linger_redirect *made = redirect_to(cases[i].name, f);

		gives(old(), cases[i].old, "%s", cases[i].name);
		gives(new (), cases[i].new, "%s", cases[i].name);
		gives(old_word(), cases[i].old, "%s", cases[i].name);
		gives(new_word(), cases[i].new, "%s", cases[i].name);
		gives(((function *)(uintptr_t)dlvsym(handle, "t_versioned", "V1"))(), cases[i].old,
		      "dlvsym, %s", cases[i].name);
		gives(((function *)(uintptr_t)dlsym(handle, "t_versioned"))(), cases[i].new,
		      "dlsym, %s", cases[i].name);
		gives(previous_of(made)(), i ? 22 : 11, "the previous, %s", cases[i].name);
		restore(made);
		gives(old() + new () + old_word() + new_word(), 66, "restored, %s", cases[i].name);
	}
}

static void version_scripts(void)
{
	function *call = function_of(open_library("of_versions.so", RTLD_LAZY), "call_scripted");
	function *f = replacement("r_answer");
	linger_redirect *made = redirect_to("t_scripted", f);
	int r;

	gives(call(), 100, "t_scripted");
	restore(made);
	gives(call(), 33, "restored");
	made = redirect_to("t_scripted@V2", f);
	gives(call(), 100, "t_scripted@V2");
	restore(made);
	r = linger_redirect_one(
		&(struct linger_change){ .symbol = "t_scripted@V1", .replacement = address_of(f) },
		&made, NULL, 0);
	check(r == -ENODATA, "t_scripted@V1: %s", strerror(-r));
	gives(call(), 33, "refused");
}

static void ifuncs(void)
{
	struct caller *c1 = open_caller("call1.so", RTLD_LAZY);
	struct caller *c2 = open_caller("call2.so", RTLD_LAZY);
	struct picture before;
	linger_redirect *made;
	void *address = (void *)(uintptr_t)-1;
	function *f = replacement("r_chosen");

	gives(c1->chosen(), 3, "before"); /* the other one's slot is unbound */
	before = picture_take();
	made = redirect(&(struct linger_change){
		.symbol = "t_chosen", .replacement = address_of(f), .previous = &address });
	gives(c1->chosen(), 300, "redirected");
	gives(c2->chosen(), 300, "redirected, at its first call");
	gives(previous_of(made)(), 3, "the previous is what the resolver chose");
	check(previous_of(made) == (function *)(uintptr_t)address, "the pointer has %p", address);
	gives(((function *)(uintptr_t)dlsym(RTLD_DEFAULT, "t_chosen"))(), 300, "dlsym");
	restore(made);
	picture_compare(&before, "restored");
	gives(c1->chosen() + c2->chosen() + t_chosen(), 9, "restored");
	made = redirect_to("t_chosen", replacement("r_chosen_by_name"));
	gives(c1->chosen(), 3003, "a replacement that calls it by its name");
	gives(t_chosen(), 3003, "a replacement that calls it by its name");
	restore(made);
}

static void dlsym_results(void)
{
	void *rep = open_library("rep.so", RTLD_LAZY | RTLD_GLOBAL);
	void *definer = open_library("def.so", RTLD_LAZY);
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	void *(*from_rep)(void *, const char *, const char *) =
		(void *(*)(void *, const char *, const char *))(uintptr_t)symbol(rep, "r_find");
	void *old = dlsym(RTLD_DEFAULT, "t_answer"), *new = symbol(rep, "r_answer");
	struct {
		void *handle;
		const char *name;
	} where[] = { { RTLD_DEFAULT, "RTLD_DEFAULT" },
		      { definer, "a handle" },
		      { dlopen(NULL, RTLD_NOW), "the program's handle" },
		      { RTLD_NEXT, "RTLD_NEXT" } };
	linger_redirect *made;

	gives(((function *)(uintptr_t)old)(), 1, "before");
	made = redirect_to("t_answer", (function *)(uintptr_t) new);
	for (int i = 0; i < 4; i++) {
		check(dlsym(where[i].handle, "t_answer") == new, "%s: the program gets the old one",
		      where[i].name);
		check(c->find(where[i].handle, "t_answer", NULL) == new,
		      "%s: a library gets the old one", where[i].name);
		check(from_rep(where[i].handle, "t_answer", NULL) == old,
		      "%s: the replacing module gets %p, not the previous one", where[i].name,
		      from_rep(where[i].handle, "t_answer", NULL));
	}
	restore(made);
	for (int i = 0; i < 4; i++)
		check(dlsym(where[i].handle, "t_answer") == old, "%s: restored, not the old one",
		      where[i].name);
}

static void dlvsym_results(void)
{
	void *handle = open_library("versions.so", RTLD_LAZY | RTLD_GLOBAL);
	void *rep = open_library("rep.so", RTLD_LAZY);
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	void *(*from_rep)(void *, const char *, const char *) =
		(void *(*)(void *, const char *, const char *))(uintptr_t)symbol(rep, "r_find");
	void *old = dlvsym(handle, "t_versioned", "V1"),
	     *other = dlvsym(handle, "t_versioned", "V2");
	void *new = symbol(rep, "r_answer");
	linger_redirect *made = redirect_to("t_versioned@V1", (function *)(uintptr_t) new);
	void *const handles[] = { handle, RTLD_DEFAULT, RTLD_NEXT };

	check(old && other && old != other, "two versions");
	for (int i = 0; i < 3; i++) {
		check(dlvsym(handles[i], "t_versioned", "V1") == new, "handle %d: the old one", i);
		check(dlvsym(handles[i], "t_versioned", "V2") == other,
		      "handle %d: the other version was replaced", i);
	}
	for (int i = 0; i < 2; i++) {
		check(c->find(handles[i], "t_versioned", "V1") == new, "a library, handle %d", i);
		check(from_rep(handles[i], "t_versioned", "V1") == old,
		      "the replacing module, handle %d: not the previous one", i);
		check(from_rep(handles[i], "t_versioned", "V2") == other, "V2, handle %d", i);
	}
	check(!dlvsym(handle, "t_versioned", "V3"), "a version that nobody has");
	restore(made);
	check(dlvsym(handle, "t_versioned", "V1") == old, "restored, not the old one");
}

static void undone_in_any_order(void)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	function *f[3] = { replacement("r_answer"), replacement("r_second"),
			   replacement("r_by_name") };
	const int values[3] = { 100, 200, 1001 };
	struct picture before;

	calls_give(c, 1, "before");
	gives(own_call(), 1, "before");
	before = picture_take();
	for (int order = 0; order < 6; order++) {
		linger_redirect *made[3];
		bool stands[3] = { true, true, true };

		for (int i = 0; i < 3; i++)
			made[i] = redirect_to("t_answer", f[i]);
		for (int i = 0; i < 3; i++) {
			int newest = -1;

			restore(made[orders[order][i]]);
			stands[orders[order][i]] = false;
			for (int j = 0; j < 3; j++)
				newest = stands[j] ? j : newest;
			/* All three are of one module, which stays bound to the definition itself. */
			calls_give(c, newest < 0 ? 1 : values[newest], "the newest that stands");
			gives(own_call(), newest < 0 ? 1 : values[newest], "order %d", order);
		}
		picture_compare(&before, "all undone");
	}
}

static void the_previous_at_any_depth(void)
{
	void *rep = open_library("rep.so", RTLD_LAZY);
	void **previous = symbol(rep, "r_previous");
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	linger_redirect *made[10];

	for (int i = 0; i < 10; i++) {
		char name[16];

		snprintf(name, sizeof(name), "r_member%d", i);
		made[i] = redirect(
			&(struct linger_change){ .symbol = "t_answer",
						 .replacement = address_of(function_of(rep, name)),
						 .previous = &previous[i] });
		calls_give(c, 1 | ((1 << (i + 1)) - 1) << 4, name);
	}
	restore(made[4]);
	gives(c->answer(), (0x3ff & ~(1 << 4)) << 4 | 1, "without the fifth");
	restore(made[0]);
	gives(c->answer(), (0x3ff & ~(1 << 4 | 1)) << 4 | 1, "without the first");
	restore(made[9]);
	gives(c->answer(), (0x1ff & ~(1 << 4 | 1)) << 4 | 1, "without the last");
	made[0] = redirect_to("t_answer", function_of(rep, "r_by_word"));
	gives(c->answer(), 2001 | 0, "by the replacing module's own word: the definition");
	restore(made[0]);
	gives(c->answer(), (0x1ff & ~(1 << 4 | 1)) << 4 | 1, "as before");
}

/* What a row does in the end, when nothing on the stack leads anywhere any more: see main. */
static void (*in_the_end)(void);

static __attribute__((noinline)) void overwrite_the_stack(void)
{
	volatile char frame[65536];

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = 1;
}

/* Opens and closes something, which is when linger gives back what it kept. KEEPS: it never does. */
static bool goes_after_a_while(const char *name)
{
	for (int i = 0; i < 100 && is_mapped(name); i++) {
		close_handle(open_library("other.so", RTLD_NOW));
		usleep(10000); /* under policy safe it looks again after a pause */
	}
	return is_mapped(name) == linger_keeps();
}

/* Long enough for linger to look again, several times. */
static void opens_and_closes_others(void)
{
	overwrite_the_stack();
	for (int i = 0; i < 15; i++) {
		close_handle(open_library("other.so", RTLD_NOW));
		usleep(10000);
	}
}

static linger_redirect *standing;

static void the_replaced_one_goes(void)
{
	void *handle;

	opens_and_closes_others();
	check(is_mapped("/def2.so"), "it is gone while it is redirected");
	restore(standing);
	overwrite_the_stack();
	check(goes_after_a_while("/def2.so"), "it stays after the redirect was undone");
	handle = open_library("def2.so", RTLD_LAZY);
	gives(function_of(handle, "t_second")(), 2, "opened once more");
}

static void the_replaced_object_is_closed(void)
{
	void *handle = open_library("def2.so", RTLD_LAZY | RTLD_GLOBAL);
	function *f = function_of(handle, "t_second"), *previous;

	standing = redirect_to("t_second", replacement("r_answer"));
	previous = previous_of(standing);
	check(previous == f, "the previous is another one");
	close_handle(handle);
	check(is_mapped("/def2.so"), "it is not kept while it is redirected");
	gives(previous(), 2, "called after it was closed");
	handle = open_library("def2.so", RTLD_LAZY | RTLD_GLOBAL);
	gives(function_of(handle, "t_second")(), 100, "opened again");
	close_handle(handle);
	gives(previous_of(standing)(), 2, "closed again");
	in_the_end = the_replaced_one_goes;
}

static void the_replacing_one_goes(void)
{
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	void *handle;

	opens_and_closes_others();
	check(is_mapped("/rep2.so"), "it is gone while it replaces");
	calls_give(c, 100, "the replacement was closed");
	restore(standing);
	calls_give(c, 1, "restored");
	overwrite_the_stack();
	check(goes_after_a_while("/rep2.so"), "it stays after the redirect was undone");
	handle = open_library("rep2.so", RTLD_LAZY);
	redirect_to("t_answer", function_of(handle, "r_answer"));
	calls_give(c, 100, "opened again, and redirected again");
}

static void the_replacing_object_is_closed(void)
{
	void *handle = open_library("rep2.so", RTLD_LAZY);

	standing = redirect_to("t_answer", function_of(handle, "r_answer"));
	close_handle(handle);
	check(is_mapped("/rep2.so"), "it is not kept while it replaces");
	in_the_end = the_replacing_one_goes;
}

/* One name in two libraries, each with a caller: the same replacement for the one, the other, and both. */
static void two_definitions_of_one_name(void)
{
	static const char *const names[] = { "uses2.so", "uses3.so" };
	function *f = replacement("r_answer"), *call[2], **word[2];
	linger_redirect *made[2] = { NULL, NULL };
	struct picture before;
	void *provider[2];

	for (int i = 0; i < 2; i++) {
		struct late *api = symbol(open_library(names[i], RTLD_NOW), "late_api");

		call[i] = api->call;
		word[i] = api->word;
		provider[i] = (void *)(uintptr_t)*word[i];
		gives(call[i](), 2 + i, "before");
	}
	before = picture_take();
	for (int step = 1; step < 16; step++) { /* made and restored in each order */
		int i = step % 2, stands;

		if (made[i]) {
			restore(made[i]);
			made[i] = NULL;
		} else {
			made[i] = redirect(&(struct linger_change){ .symbol = "t_second",
								    .provider = provider[i],
								    .replacement = address_of(f) });
		}
		for (int k = 0; k < 2; k++) {
			stands = made[k] ? 100 : 2 + k;
			gives(call[k](), stands, "definition %d, step %d", k, step);
			gives((*word[k])(), stands, "definition %d's word, step %d", k, step);
		}
	}
	for (int k = 0; k < 2; k++)
		if (made[k])
			restore(made[k]);
	picture_compare(&before, "restored");
}

static atomic_bool over;
static atomic_ulong newest;
static atomic_uint busy; /* threads that have called 100 times */

/* Each value is never older than what was in force before the call. */
static void *calls_all_the_time(void *arg)
{
	struct caller *c = arg;
	long calls = 0;

	while (!atomic_load(&over)) {
		unsigned long before = atomic_load(&newest), after;
		int got[3] = { c->answer(), c->by_got(), (*c->word)() };

		after = atomic_load(&newest);
		for (int i = 0; i < 3; i++) {
			check(got[i] == 1 || got[i] == 100, "a call gave %d", got[i]);
			/* Odd: redirected for good until the number changes. */
			if (before == after && before % 4 == 1)
				check(got[i] == 100, "binding %d: redirected, and called the old",
				      i);
			if (before == after && before % 4 == 3)
				check(got[i] == 1, "binding %d: restored, and called the new", i);
		}
		if (++calls == 100)
			atomic_fetch_add(&busy, 1);
	}
	return NULL;
}

static void threads(void)
{
	function *f = replacement("r_answer");
	pthread_t thread[4];

	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "call1.so", "call2.so", "call3.so",
						     "late1.so" };

		check(!pthread_create(&thread[i], NULL, calls_all_the_time,
				      open_caller(names[i], RTLD_LAZY)),
		      "no thread");
	}
	for (int i = 0; i < 500 || atomic_load(&busy) < 4; i++) {
		linger_redirect *made = redirect_to("t_answer", f);

		atomic_fetch_add(&newest, 1); /* 1: redirected */
		gives(own_call(), 100, "redirected");
		atomic_fetch_add(&newest, 1);
		restore(made);
		atomic_fetch_add(&newest, 1); /* 3: restored */
		gives(own_call(), 1, "restored");
		atomic_fetch_add(&newest, 1);
	}
	atomic_store(&over, true);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
}

/* Its RUNPATH leads to sub/found.so, which nobody else finds. */
static void runpath_of_the_caller(void)
{
	linger_redirect *made = redirect_to("t_answer", replacement("r_answer"));
	void *with = open_library("runpath.so", RTLD_LAZY), *handle;

	gives(caller_of(with)->answer(), 100, "redirected");
	handle = caller_of(with)->open("found.so");
	check(handle, "its own RUNPATH: %s", dlerror());
	gives(caller_of(handle)->answer(), 100, "what it opened");
	close_handle(handle);
	check(!open_caller("call1.so", RTLD_LAZY)->open("found.so"), "found by another's RUNPATH");
	restore(made);
	check(caller_of(with)->open("found.so"), "its own RUNPATH, restored: %s", dlerror());
}

static void deepbind(void)
{
	void *handle = open_library("call1.so", RTLD_LAZY | RTLD_DEEPBIND);
	linger_redirect *made = redirect_to("t_answer", replacement("r_answer"));

	calls_give(caller_of(handle), 100, "opened before");
	calls_give(open_caller("call2.so", RTLD_NOW | RTLD_DEEPBIND), 100, "opened after");
	restore(made);
	calls_give(caller_of(handle), 1, "restored");
}

static void namespaces(void)
{
	void *handle = dlmopen(LM_ID_NEWLM, in_folder("call1.so"), RTLD_LAZY), *later;
	function *f = replacement("r_answer");
	linger_redirect *made;
	struct caller *c;
	Lmid_t number;

	check(handle, "dlmopen: %s", dlerror());
	check(dlinfo(handle, RTLD_DI_LMID, &number) == 0, "dlinfo: %s", dlerror());
	c = caller_of(handle);
	made = redirect_to("t_answer", f);
	gives(own_call(), 100, "the base namespace");
	calls_give(c, 1, "another namespace, not meant");
	restore(made);
	made = redirect(&(struct linger_change){ .symbol = "t_answer",
						 .replacement = address_of(f),
						 .namespace_ = (unsigned)number });
	gives(own_call(), 1, "the base namespace, not meant");
	calls_give(c, 100, "another namespace");
	later = dlmopen(number, in_folder("call2.so"), RTLD_LAZY);
	check(later, "dlmopen: %s", dlerror());
	calls_give(caller_of(later), 100, "another namespace, later");
	restore(made);
	calls_give(c, 1, "restored");
}

/* What the program sees as the address of a function: in one that is not PIE, its own PLT. */
static void addresses_taken_in_the_program(void)
{
	function *volatile taken = t_taken;
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	linger_redirect *made;

	gives(taken(), 60, "before");
	check(*c->taken_word == taken, "its address is another one in a library");
	made = redirect_to("t_taken", replacement("r_answer"));
	gives((*c->taken_word)(), 100, "redirected, a word in a library");
	gives(c->taken(), 100, "redirected, a library's call");
	gives(t_taken(), 100, "redirected, the program's call");
	gives(((function *)(uintptr_t)dlsym(RTLD_DEFAULT, "t_taken"))(), 100, "redirected, dlsym");
	gives(previous_of(made)(), 60, "the previous");
	restore(made);
	gives((*c->taken_word)(), 60, "restored");
	gives(c->taken(), 60, "restored");
	gives(taken(), 60, "restored");
}

static void by_address(void)
{
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	const void *definition = symbol(open_library("def.so", RTLD_LAZY), "t_other");
	function *f = replacement("r_second");
	linger_redirect *made = redirect(
		&(struct linger_change){ .address = definition, .replacement = address_of(f) });

	gives(c->other(), 200, "redirected");
	gives(c->answer(), 1, "not redirected");
	check(address_of(previous_of(made)) == definition, "the previous is another one");
	restore(made);
	gives(c->other(), 10, "restored");
}

/* Own bindings are left alone, unless asked for. */
static void the_replacing_module_itself(void)
{
	void *rep = open_library("rep.so", RTLD_LAZY);
	function *by_name = function_of(rep, "r_by_name"), *f = function_of(rep, "r_answer");
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	linger_redirect *made = redirect_to("t_answer", by_name);

	gives(c->answer(), 1001, "it calls what it replaces by name");
	gives(function_of(rep, "r_by_word")(), 2001, "its words");
	restore(made);
	made = redirect(&(struct linger_change){
		.symbol = "t_answer", .replacement = address_of(f), .flags = LINGER_SELF });
	gives(by_name(), 1100, "LINGER_SELF");
	restore(made);
	gives(by_name(), 1001, "restored");
}

static int asks(void)
{
	return t_answer() + 5000;
}

static void the_program_replaces(void)
{
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	linger_redirect *made = redirect_to("t_answer", asks);

	gives(c->answer(), 5001, "redirected to the program");
	gives(own_call(), 1, "the program's own call");
	restore(made);
	gives(c->answer(), 1, "restored");
}

static void in_constructors_and_destructors(void)
{
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	void *rep = open_library("rep.so", RTLD_LAZY | RTLD_GLOBAL);

	check(rep, "no replacement");
	for (int i = 0; i < 3; i++) {
		void *handle = open_library("ctor.so", RTLD_NOW);

		calls_give(c, 100, "redirected in a constructor");
		close_handle(handle);
		calls_give(c, linger_keeps() ? 100 : 1, "restored in a destructor");
	}
}

/* The child has what the parent had, and goes its own way. */
static void forked_children(void)
{
	struct caller *c = open_caller("call1.so", RTLD_LAZY);
	function *f = replacement("r_second");
	linger_redirect *made = redirect_to("t_answer", replacement("r_answer"));
	int status = -1;
	pid_t child = fork();

	check(child >= 0, "fork: %s", strerror(errno));
	if (child == 0) {
		calls_give(c, 100, "in the child");
		redirect_to("t_answer", f);
		calls_give(c, 200, "redirected in the child");
		restore(made);
		calls_give(c, 200, "the older one is restored in the child");
		gives(open_caller("call2.so", RTLD_NOW)->constructed, 200, "opened in the child");
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child && status == 0, "the child: status 0x%x",
	      (unsigned)status);
	calls_give(c, 100, "in the parent");
	restore(made);
	calls_give(c, 1, "restored in the parent");
}

static void errors_of_the_program_stay(void)
{
	function *f = replacement("r_answer");
	const char *text, *holds = getenv("HOLDS");

	check(!dlopen("/nowhere/at/all.so", RTLD_NOW), "opened what is not there");
	errno = 77;
	restore(redirect_to("t_answer", f));
	gives(errno, 77, "errno");
	linger_redirect_one(
		&(struct linger_change){ .symbol = "t_nowhere", .replacement = address_of(f) },
		NULL, NULL, 0);
	gives(errno, 77, "errno, when it is refused");
	text = dlerror();
	if (!holds || !*holds) /* with policy:off linger takes handles, by dlopen */
		return;
	check(text && strstr(text, "/nowhere/at/all.so"), "dlerror has %s",
	      text ? text : "forgotten");
}

/* Runs "$LINGER_CMD WORD PID ARGUMENT", which asks this very process while it waits for it. */
static void command(const char *word, const char *argument)
{
	char line[8192];

	snprintf(line, sizeof(line), "exec \"$LINGER_CMD\" %s %d '%s' >/dev/null", word,
		 (int)getpid(), argument);
	check(system(line) == 0, "the command failed: %s", line);
}

static void by_the_command(void)
{
	struct caller *c[2] = { open_caller("call1.so", RTLD_LAZY),
				open_caller("call2.so", RTLD_LAZY | RTLD_GLOBAL) };
	char spec[4096];

	calls_give(c[0], 1, "before");
	snprintf(spec, sizeof(spec), "t_answer=%s/rep.so#r_answer", folder);
	command("redirect", spec);
	gives(own_call(), 100, "redirected");
	for (int i = 0; i < 2; i++)
		calls_give(c[i], 100, "redirected");
	command("restore", "all");
	gives(own_call(), 1, "restored");
	for (int i = 0; i < 2; i++)
		calls_give(c[i], 1, "restored");
}

/* ------------------------------------------------------------------------------------------ main */

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static const struct {
	const char *name;
	void (*run)(void);
} rows[] = {
	ROW(all_modules_at_once),
	ROW(everything_is_as_found),
	ROW(callers_by_glob),
	ROW(callers_by_object),
	ROW(all_callers_but_some),
	ROW(all_callers_but_an_object),
	ROW(reopened_50_times),
	ROW(rebuilt_50_times),
	ROW(before_constructors),
	ROW(before_ifunc_resolvers),
	ROW(pointers_in_data),
	ROW(vtables),
	ROW(versions),
	ROW(version_scripts),
	ROW(ifuncs),
	ROW(dlsym_results),
	ROW(dlvsym_results),
	ROW(undone_in_any_order),
	ROW(the_previous_at_any_depth),
	ROW(the_replaced_object_is_closed),
	ROW(the_replacing_object_is_closed),
	ROW(threads),
	ROW(runpath_of_the_caller),
	ROW(deepbind),
	ROW(namespaces),
	ROW(addresses_taken_in_the_program),
	ROW(by_address),
	ROW(the_replacing_module_itself),
	ROW(the_program_replaces),
	ROW(two_definitions_of_one_name),
	ROW(in_constructors_and_destructors),
	ROW(forked_children),
	ROW(errors_of_the_program_stay),
	ROW(by_the_command),
};

int main(int argc, char **argv)
{
	if (argc < 3) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			puts(rows[i].name);
		return 0;
	}
	check(linger_is_here(), "linger is absent");
	folder = argv[2];
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(rows[i].name, argv[1])) {
			rows[i].run();
			overwrite_the_stack();
			if (in_the_end)
				in_the_end();
			return 0;
		}
	fail("no row is called %s", argv[1]);
}
