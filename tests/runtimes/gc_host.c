/*
 * gc_host.c - a language on the collector of Boehm, Demers and Weiser, whose libraries are unloaded when
 * the last closure of theirs has died.
 *
 * usage: gc_host churn CYCLES LIBRARY...	loads, uses, drops and collects
 *        gc_host cases LIBRARY LIBRARY		what keeps a library, and what does not
 * It reports to linger in each collection, and holds no pin, vouch or count of its own:
 *  - an object's mark procedure marks its code;
 *  - the data of a library that is to go are no roots, else what it remembers would keep it for ever;
 *    but they are reached with the first closure of it: what runs may use them;
 *  - nothing is unmapped while the collector looks: reaping comes after it.
 * Environment: PLANT=marks: marks nothing; roots: keeps the data as roots; data: never looks at them. Each
 * must be seen to fail.
 * SPDX-License-Identifier: MIT
 */
#include <gc/gc.h>
#include <gc/gc_mark.h>

#include "objects.h"
#include "runtime.h"

enum { LIBRARIES = 16, DATA = 4, PATIENCE = 10 };
enum life { GONE, LIVE, ASKED };

/* In plain data: no word of it is seen by the stack check, and none of it is the collector's. */
static struct library {
	const char *path;
	linger_lib *lib;
	uintptr_t anchor;
	uint64_t id;
	enum life life;
	struct { /* writable segments, as the collector found them in this collection */
		uintptr_t *lo, *hi;
	} data[DATA];
	int n_data;
	unsigned requested, unloading, unloaded; /* callbacks */
} libraries[LIBRARIES];
static int n_libraries;

static struct object *roots[8]; /* the variables of the language */
static linger_rt *rt;
static const struct linger_epoch *epoch;
static int object_kind;
static unsigned long collections, repeated;
static uintptr_t noted;
static bool plant_marks, plant_roots, plant_data;
static bool report_when_making; /* a collection falls into the making of the next object */

/* ------------------------------------------------------------------------------- the collector */

static struct library *library_at(const void *p)
{
	struct linger_info info;

	if (linger_query(p, &info))
		return NULL;
	for (int i = 0; i < n_libraries; i++)
		if (libraries[i].life != GONE && libraries[i].id == info.id)
			return &libraries[i];
	return NULL;
}

/* Called at the beginning of each collection for the writable segments of every object that is loaded. */
static int is_root(const char *name, void *start, size_t size)
{
	struct library *l = library_at(start);

	if (!l) /* the language keeps its objects in its own data, nowhere else */
		return !*name || (!linger_is_here() && strstr(name, "gc_library"));
	check(l->n_data < DATA, "%s has too much data", name);
	l->data[l->n_data].lo = (uintptr_t *)(((uintptr_t)start + 7) & ~(uintptr_t)7);
	l->data[l->n_data++].hi = (uintptr_t *)(((uintptr_t)start + size) & ~(uintptr_t)7);
	return l->life == LIVE || plant_roots;
}

/* May see an object on a free list: it has no code. */
static struct GC_ms_entry *mark_object(GC_word *address, struct GC_ms_entry *top,
				       struct GC_ms_entry *limit, GC_word unused)
{
	struct object *o = (struct object *)address;
	struct library *l;

	(void)unused;
	for (int i = 0; i < 2; i++)
		top = GC_MARK_AND_PUSH(o->environment[i], top, limit, (void **)&o->environment[i]);
	if (!o->code)
		return top;
	if (epoch && !plant_marks)
		linger_mark(epoch, (void *)(uintptr_t)o->code);
	l = library_at((void *)(uintptr_t)o->code);
	if (!l || l->life != ASKED || plant_data)
		return top;
	for (int i = 0; i < l->n_data; i++)
		for (uintptr_t *p = l->data[i].lo; p < l->data[i].hi; p++)
			top = GC_MARK_AND_PUSH((void *)*p, top, limit, (void **)p);
	return top;
}

static __attribute__((noinline)) void collect_only(void)
{
	for (int i = 0; i < n_libraries; i++)
		libraries[i].n_data = 0;
	clear_stack(); /* a conservative collector believes what it finds there */
	GC_gcollect();
	collections++;
}

static __attribute__((noinline)) void collect_and_report(int complete)
{
	const struct linger_epoch *e;

	epoch = linger_epoch_begin(rt);
	collect_only();
	e = epoch;
	epoch = NULL;
	check(linger_epoch_end(rt, e, complete) >= 0, "the epoch cannot be ended");
}

static void collect(void)
{
	collect_and_report(1);
	linger_reap(rt);
}

/* -------------------------------------------------------------------------------- the language */

static struct object *make(object_code *code, uintptr_t number, struct object *a, struct object *b)
{
	struct object *o;

	if (report_when_making) {
		report_when_making = false;
		collect_and_report(1);
	}
	o = GC_generic_malloc(sizeof(*o), object_kind);
	check(o, "no memory");
	o->number = number;
	o->code = code;
	o->environment[0] = a;
	o->environment[1] = b;
	return o;
}

static struct object *apply(struct object *function, struct object *argument)
{
	return function->code(function, argument);
}

static void note(uintptr_t number)
{
	noted += number;
}

static const struct language language = { make, apply, note };

static void finalise(void *object, void *closure)
{
	apply(closure, object);
}

static void on_close(const struct linger_closing *closing, void *arg)
{
	struct library *l = arg;

	check(closing->id == l->id, "callback for %llu, not %llu", (unsigned long long)closing->id,
	      (unsigned long long)l->id);
	check(closing->ranges > 0, "%s has no ranges", l->path);
	switch (closing->when) {
	case LINGER_CLOSE_REQUESTED:
		l->life = ASKED;
		l->requested++;
		break;
	case LINGER_UNLOADING: l->unloading++; break;
	default: l->life = GONE; l->unloaded++;
	}
}

static __attribute__((noinline)) uintptr_t address_in(struct library *l, const char *name)
{
	void *address = NULL;

	check(linger_lookup(l->lib, name, &address) == 0 && address, "%s has no %s", l->path, name);
	return (uintptr_t)address;
}

/* Also opens again what is kept: then its data are roots again. */
static __attribute__((noinline)) void load(struct library *l)
{
	char text[256] = "";
	uint64_t last = l->life == GONE ? 0 : l->id;

	check(linger_load(l->path, RTLD_NOW, &l->lib, text, sizeof(text)) == 0, "%s", text);
	l->life = LIVE;
	l->anchor = address_in(l, "library_begin");
	l->id = id_at((void *)l->anchor);
	check(!last || !l->id || last == l->id, "%s is another one", l->path);
	((void (*)(const struct language *))l->anchor)(&language);
	for (enum linger_when when = LINGER_CLOSE_REQUESTED;
	     !last && l->id && when <= LINGER_UNLOADED; when++)
		check(linger_on((void *)l->anchor, when, on_close, l) == 0, "linger_on");
}

static __attribute__((noinline)) void unload(struct library *l)
{
	unsigned requested = l->requested;

	check(linger_unload(l->lib) == 0, "%s cannot be unloaded", l->path);
	check(!l->id || l->requested == requested + 1, "%s: CLOSE_REQUESTED came %u times", l->path,
	      l->requested - requested);
}

static __attribute__((noinline)) struct object *adder(struct library *l, uintptr_t number)
{
	return ((struct object * (*)(uintptr_t)) address_in(l, "library_adder"))(number);
}

static __attribute__((noinline)) struct object *composed(struct library *l, struct object *a,
							 struct object *b)
{
	return ((struct object * (*)(struct object *, struct object *))
			address_in(l, "library_composed"))(a, b);
}

static __attribute__((noinline)) void remember(struct library *l, struct object *value)
{
	((void (*)(struct object *))address_in(l, "library_remember"))(value);
}

static __attribute__((noinline)) struct object *recalling(struct library *l)
{
	return ((struct object * (*)(void)) address_in(l, "library_recalling"))();
}

static __attribute__((noinline)) struct object *mourning(struct library *l, uintptr_t number)
{
	return ((struct object * (*)(uintptr_t)) address_in(l, "library_mourning"))(number);
}

static __attribute__((noinline)) uintptr_t call(struct object *function, uintptr_t number)
{
	return apply(function, make(NULL, number, NULL, NULL))->number;
}

/* ----------------------------------------------------------------------------------- questions */

static __attribute__((noinline)) void must_be_kept(struct library *l, const char *why)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query((void *)l->anchor, &info);

	check(r == -ENOSYS || (r == 0 && info.id == l->id && info.state == LINGER_KEPT),
	      "%s: %s is %s", why, l->path, word_of(r, &info));
	check(r == -ENOSYS || l->life == ASKED, "%s: callbacks of %s", why, l->path);
}

static __attribute__((noinline)) bool is_gone(struct library *l)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query((void *)l->anchor, &info);

	return r == -ENOSYS || r == -ENOENT || (r == 0 && info.id != l->id);
}

/* A conservative collector may believe a dead word once; not for long. */
static void must_go(struct library *l, const char *why)
{
	unsigned unloading = l->unloading, unloaded = l->unloaded;
	int n = 0;

	if (!l->id)
		l->life = GONE;
	for (; !is_gone(l) && n < PATIENCE; n++)
		collect();
	if (n > 1)
		repeated += (unsigned)n - 1;
	check(is_gone(l), "%s: %s is still there after %d collections", why, l->path, n);
	check(!l->id || (l->life == GONE && n), "%s: %s went before it was reported", why, l->path);
	check(!l->id || (l->unloading == unloading + 1 && l->unloaded == unloaded + 1),
	      "%s: %s has %u callbacks UNLOADING, %u UNLOADED", why, l->path,
	      l->unloading - unloading, l->unloaded - unloaded);
}

/* --------------------------------------------------------------------------------------- churn */

/* The closures of one cycle are used in the next one, too, beside its own. */
static void cycle(unsigned long i)
{
	struct library *l = &libraries[i % (unsigned long)n_libraries];
	struct library *before = i ? &libraries[(i - 1) % (unsigned long)n_libraries] : NULL;
	struct object **mine = &roots[i % 2 * 2], **its = &roots[(i + 1) % 2 * 2];

	load(l);
	mine[0] = adder(l, i);
	mine[1] = composed(l, mine[0], adder(l, 1));
	if (i % 3 == 0)
		unload(l);
	check(call(mine[1], 5) == i + 6, "cycle %lu", i);
	collect();
	check(call(mine[1], 6) == i + 7, "cycle %lu, collected", i);
	if (before) {
		must_be_kept(before, "a closure of the cycle before");
		check(call(its[1], 7) == i - 1 + 8, "cycle %lu, the one before", i);
	}
	if (i % 3)
		unload(l);
	if (i % 5 == 0) {
		load(l);
		check(call(mine[1], 8) == i + 9, "cycle %lu, opened again", i);
		unload(l);
	}
	its[0] = its[1] = NULL;
	if (before)
		must_go(before, "no closure");
	must_be_kept(l, "a closure");
	check(call(mine[1], 9) == i + 10, "cycle %lu, asked to go", i);
	if (i % 2) { /* one of them dies, another keeps it */
		mine[0] = NULL;
		collect();
		must_be_kept(l, "the other closure");
		check(call(mine[1], 10) == i + 11, "cycle %lu, the other closure", i);
	}
}

static void churn(unsigned long cycles)
{
	unsigned long rss, maps, rss_before = 0, maps_before = 0;

	for (unsigned long i = 0; i < cycles; i++) {
		cycle(i);
		if (i + 1 == cycles / 10)
			measure(&rss_before, &maps_before);
	}
	measure(&rss, &maps);
	fprintf(stderr,
		"# %lu cycles, %lu collections, %lu repeated, RssAnon %lu -> %lu KiB, %lu -> %lu "
		"maps\n",
		cycles, collections, repeated, rss_before, rss, maps_before, maps);
	check(repeated * 100 <= cycles, "%lu collections were repeated", repeated);
	if (linger_is_here()) {
		check(rss <= rss_before + 1024, "RssAnon %lu -> %lu KiB", rss_before, rss);
		check(maps == maps_before, "%lu -> %lu maps", maps_before, maps);
	}
	roots[0] = roots[1] = roots[2] = roots[3] = NULL;
	must_go(&libraries[(cycles - 1) % (unsigned long)n_libraries], "the end");
}

/* --------------------------------------------------------------------------------------- cases */

static struct library *a, *b;

static void closures_keep(void)
{
	load(a);
	roots[0] = adder(a, 1);
	unload(a);
	for (int i = 0; i < 3; i++) {
		collect();
		must_be_kept(a, "a closure");
		check(call(roots[0], 1) == 2, "a closure");
	}
	roots[0] = NULL;
	must_go(a, "no closure");
}

static void a_closure_reaches_another_library(void)
{
	load(a);
	load(b);
	roots[0] = composed(b, adder(a, 1), NULL);
	unload(b);
	unload(a);
	collect();
	must_be_kept(a, "through another library");
	must_be_kept(b, "a closure");
	check(call(roots[0], 1) == 2, "through another library");
	roots[0] = NULL;
	must_go(a, "no closure");
	check(is_gone(b), "they die together, and go one by one");
	b->life = GONE;
}

static void a_cycle_keeps_nothing(void)
{
	load(a);
	load(b);
	roots[0] = composed(a, NULL, NULL);
	roots[0]->environment[0] = composed(b, roots[0], NULL);
	unload(b);
	unload(a);
	collect();
	must_be_kept(a, "a cycle that is reached");
	must_be_kept(b, "a cycle that is reached");
	roots[0] = NULL;
	must_go(a, "a cycle that is not reached");
	check(is_gone(b), "half of a cycle is still there");
	b->life = GONE;
}

static __attribute__((noinline)) void remember_own_closure(void)
{
	remember(a, adder(a, 1));
}

static void its_own_data_keep_nothing(void)
{
	load(a);
	remember_own_closure();
	collect();
	unload(a);
	must_go(a, "only its own data reach a closure");
}

static __attribute__((noinline)) void remember_number(uintptr_t number)
{
	remember(a, make(NULL, number, NULL, NULL));
}

/* What was freed is used again. */
static __attribute__((noinline)) void fill(void)
{
	for (int i = 0; i < 5000; i++)
		make(NULL, 1234, NULL, NULL);
}

static void its_own_data_live_while_it_does(void)
{
	load(a);
	remember_number(40);
	roots[0] = recalling(a);
	unload(a);
	for (int i = 0; i < 3; i++) {
		collect();
		fill();
		must_be_kept(a, "a closure");
		check(call(roots[0], 2) == 42, "its data were lost: %lu",
		      (unsigned long)call(roots[0], 2));
	}
	roots[0] = NULL;
	must_go(a, "no closure");
}

static __attribute__((noinline)) void make_dying(uintptr_t number)
{
	roots[1] = make(NULL, number, NULL, NULL);
	GC_register_finalizer(roots[1], finalise, mourning(a, 100), NULL, NULL);
}

static void a_pending_finaliser_keeps(void)
{
	load(a);
	make_dying(11);
	unload(a);
	collect();
	must_be_kept(a, "a finaliser of what lives");
	roots[1] = NULL;
	for (int i = 0; i < PATIENCE && !GC_should_invoke_finalizers(); i++)
		collect();
	check(GC_should_invoke_finalizers(), "what is finalised does not die");
	collect();
	collect();
	must_be_kept(a, "a finaliser that is to run");
	noted = 0;
	check(GC_invoke_finalizers() == 1, "not one finaliser");
	check(noted == 111, "the finaliser noted %lu", (unsigned long)noted);
	must_go(a, "its finaliser has run");
}

/* The collector knows nothing of it: linger looks at the stack. */
static __attribute__((noinline)) void hold_code_on_the_stack(void)
{
	uintptr_t (*volatile code)(uintptr_t) = (uintptr_t(*)(uintptr_t))address_in(
		a, "library_twice");

	unload(a);
	for (int i = 0; i < 3; i++) {
		collect();
		must_be_kept(a, "code on the stack");
		check(code(21) == 42, "code on the stack");
	}
	code = NULL;
}

static void code_on_the_stack_keeps(void)
{
	load(a);
	hold_code_on_the_stack();
	must_go(a, "the frame has gone");
}

static __attribute__((noinline)) void hold_closure_on_the_stack(void)
{
	struct object *volatile closure = adder(a, 1);

	unload(a);
	for (int i = 0; i < 3; i++) {
		collect();
		must_be_kept(a, "a closure on the stack");
		check(call(closure, 1) == 2, "a closure on the stack");
	}
	closure = NULL;
}

static void a_closure_on_the_stack_keeps(void)
{
	load(a);
	hold_closure_on_the_stack();
	must_go(a, "the frame has gone");
}

static void only_a_complete_report_counts(void)
{
	load(a);
	unload(a);
	collect_only();
	linger_reap(rt);
	must_be_kept(a, "a collection without a report");
	collect_and_report(0);
	linger_reap(rt);
	must_be_kept(a, "a report that is not complete");
	must_go(a, "a complete one");
}

/* The request comes when the epoch has begun already. */
static void an_epoch_has_its_subjects_from_its_beginning(void)
{
	const struct linger_epoch *e;

	load(a);
	load(b);
	unload(b);
	e = linger_epoch_begin(rt);
	unload(a);
	check(linger_epoch_end(rt, e, 1) >= 0, "the epoch cannot be ended");
	linger_reap(rt);
	must_be_kept(a, "it was asked to go in the epoch");
	check(is_gone(b), "it was asked to go before the epoch");
	b->life = GONE;
	must_go(a, "the next epoch");
}

/* The heap does not have it when it is looked at, the stack not any more when that is looked at. */
static __attribute__((noinline)) void make_in_a_collection(void)
{
	uintptr_t make_adder = address_in(a, "library_adder");

	unload(a);
	report_when_making = true;
	roots[0] = ((struct object * (*)(uintptr_t)) make_adder)(1);
	check(!report_when_making, "nothing was made");
}

static void code_that_is_stored_behind_the_report_keeps(void)
{
	load(a);
	make_in_a_collection();
	clear_stack();
	linger_reap(rt);
	must_be_kept(a, "a closure that was made in a collection");
	check(call(roots[0], 1) == 2, "a closure that was made in a collection");
	roots[0] = NULL;
	must_go(a, "no closure");
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "closures keep", closures_keep },
	{ "a closure reaches another library", a_closure_reaches_another_library },
	{ "a cycle keeps nothing", a_cycle_keeps_nothing },
	{ "its own data keep nothing", its_own_data_keep_nothing },
	{ "its own data live while it does", its_own_data_live_while_it_does },
	{ "a pending finaliser keeps", a_pending_finaliser_keeps },
	{ "code on the stack keeps", code_on_the_stack_keeps },
	{ "a closure on the stack keeps", a_closure_on_the_stack_keeps },
	{ "only a complete report counts", only_a_complete_report_counts },
	{ "an epoch has its subjects from its beginning",
	  an_epoch_has_its_subjects_from_its_beginning },
	{ "code that is stored behind the report keeps",
	  code_that_is_stored_behind_the_report_keeps },
};

int main(int argc, char **argv)
{
	const char *plant = getenv("PLANT");
	int first = argc > 1 && !strcmp(argv[1], "churn") ? 3 : 2;
	int r;

	check(argc >= first + 2 && argc - first <= LIBRARIES, "usage: see gc_host.c");
	plant_marks = plant && !strcmp(plant, "marks");
	plant_roots = plant && !strcmp(plant, "roots");
	plant_data = plant && !strcmp(plant, "data");
	for (int i = first; i < argc; i++)
		libraries[n_libraries++].path = argv[i];

	GC_set_finalize_on_demand(1);
	GC_INIT();
	GC_register_has_static_roots_callback(is_root);
	object_kind = (int)GC_new_kind(GC_new_free_list(),
				       GC_MAKE_PROC(GC_new_proc(mark_object), 0), 0, 1);
	r = linger_host("closures", &rt);
	check(r == 0 || r == -ENOSYS, "linger_host: %d", r);

	if (first == 3) {
		churn(strtoul(argv[2], NULL, 10));
	} else {
		a = &libraries[0];
		b = &libraries[1];
		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
			cases[i].run();
			printf("%s\n", cases[i].name);
			fflush(stdout);
		}
	}
	check(linger_host_gone(rt) == 0, "linger_host_gone");
	puts("done");
	return 0;
}
