/*
 * apart.c - definitions that share a name, an address or a page, and what goes while it is given back.
 *
 * usage: apart FOLDER WHAT [LIBRARY...]
 * SPDX-License-Identifier: MIT
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

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

/* Both definitions are in the global scope by the time of the undo; the caller was there before the second. */
static void led_to_its_like(void)
{
	function *call = function_of(open_library("calls1.so", RTLD_NOW), "apart_call");
	void *other = open_library("apart2.so", RTLD_NOW | RTLD_GLOBAL);
	const void *definition = symbol(open_library("apart1.so", RTLD_NOW), "t_apart");
	linger_redirect *made;

	before = picture_take();
	made = redirect(&(struct linger_change){ .symbol = "t_apart",
						 .provider = definition,
						 .replacement = symbol(other, "t_apart") });
	gives(call(), 2, "redirected");
	restore(made);
	picture_compare(&before, "the end");
}

/* Each replaces the other, by its address. */
static void swapped(void)
{
	function *one = function_of(open_library("calls1.so", RTLD_NOW), "apart_call");
	function *other = function_of(open_library("calls_two.so", RTLD_NOW), "apart_call");
	function *first = function_of(open_library("apart1.so", RTLD_NOW), "t_apart");
	function *second = function_of(open_library("apart2.so", RTLD_NOW), "t_apart");

	before = picture_take();
	for (int i = 0; i < 2; i++) {
		linger_redirect *made[] = { redirect_at(first, second),
					    redirect_at(second, first) };

		gives(one(), 2, "swapped");
		gives(other(), 1, "swapped");
		restore(made[i]);
		gives(one(), i ? 2 : 1, "one is taken back");
		gives(other(), i ? 2 : 1, "one is taken back");
		restore(made[!i]);
		picture_compare(&before, "the end");
	}
}

/* The replacement is what another library calls by the very name, an IFUNC's choice. */
static void chosen_by_its_like(void)
{
	function *call = function_of(open_library("calls_chosen.so", RTLD_NOW), "apart_call");
	linger_redirect *made;

	open_library("apart1.so", RTLD_NOW);
	before = picture_take();
	made = redirect(&(struct linger_change){
		.symbol = "t_apart",
		.provider = symbol(open_library("apart1.so", RTLD_NOW), "t_apart"),
		.replacement = symbol(open_library("chosen.so", RTLD_NOW), "t_apart") });
	gives(call(), 5, "redirected");
	restore(made);
	gives(call(), 5, "the end");
	picture_compare(&before, "the end");
}

/* Two definitions that take over from each other: what replaces both is never its own previous. */
static void back_again(void)
{
	void *other = open_library("apart2.so", RTLD_NOW | RTLD_GLOBAL);
	void *one = open_library("apart1.so", RTLD_NOW | RTLD_GLOBAL);
	function **previous = symbol(replacer, "apart_previous");
	linger_redirect *made = redirect(
		&(struct linger_change){ .symbol = "t_apart",
					 .replacement = address_of(by("apart_100")),
					 .previous = (void **)previous });

	for (int i = 0; i < 3; i++) {
		gives((*previous)(), 2, "the first");
		close_handle(other);
		close_handle(open_library("apart3.so", RTLD_NOW));
		other = open_library("apart2.so", RTLD_NOW | RTLD_GLOBAL);
		gives((*previous)() & ~3, 0, "one of them");
		close_handle(one);
		close_handle(open_library("apart3.so", RTLD_NOW));
		one = open_library("apart1.so", RTLD_NOW | RTLD_GLOBAL);
	}
	restore(made);
	gives(function_of(one, "t_apart")(), 1, "the end");
	gives(function_of(other, "t_apart")(), 2, "the end");
}

/* One takes over, and when all is undone the loader's search would find a third one first. */
static void taken_over(void)
{
	function *call = function_of(open_library("calls_two.so", RTLD_NOW), "apart_call");
	void *one = open_library("apart1.so", RTLD_NOW | RTLD_GLOBAL);
	linger_redirect *made = redirect_to("t_apart", by("apart_100"));

	close_handle(one);
	open_library("apart3.so", RTLD_NOW | RTLD_GLOBAL);
	restore(made);
	gives(call(), 2, "the end");
}

/* What the redirect leads to is what a caller had before; the loader would find the definition by now. */
static void had_it_before(void)
{
	function *call = function_of(open_library("calls_two.so", RTLD_NOW), "apart_call");
	void *like = open_library("apart2.so", RTLD_NOW);
	linger_redirect *made;

	open_library("apart1.so", RTLD_NOW | RTLD_GLOBAL);
	before = picture_take();
	made = redirect_to("t_apart", function_of(like, "t_apart"));
	gives(call(), 2, "redirected");
	restore(made);
	gives(call(), 2, "the end");
	picture_compare(&before, "the end");
}

/* A caller that came while the redirect stood; then the loader's search would find the replacement. */
static void met(void)
{
	void *one = open_library("apart1.so", RTLD_NOW),
	     *like = open_library("apart2.so", RTLD_NOW);
	linger_redirect *made = redirect_to("t_apart", function_of(like, "t_apart"));
	function *call = function_of(open_library("calls1.so", RTLD_NOW), "apart_call");

	gives(call(), 2, "redirected");
	open_library("apart2.so", RTLD_NOW | RTLD_GLOBAL);
	gives(call(), 2, "still");
	restore(made);
	gives(call(), 1, "the end");
	close_handle(one);
}

/* Others have come and gone: the one loaded first is not the one in the first place. */
static void first_loaded(void)
{
	void *place = open_library("apart3.so", RTLD_NOW), *first;
	linger_redirect *made;

	first = open_library("apart2.so", RTLD_NOW);
	close_handle(place);
	open_library("apart1.so", RTLD_NOW);
	made = redirect_to("t_apart", by("apart_100"));
	gives(previous_of(made)(), 2, "the one that was loaded first");
	restore(made);
	close_handle(first);
}

/* Two versions, and then the loader's search finds another object's first. */
static void version_or_other(const char *library)
{
	function *call = function_of(open_library(library, RTLD_NOW), "apart_call");
	linger_redirect *made[2] = { redirect_to("t_apart@T_1", by("apart_100")),
				     redirect_to("t_apart@T_2", by("apart_100")) };

	gives(call(), 100, "redirected");
	open_library("apart3.so", RTLD_NOW | RTLD_GLOBAL);
	restore(made[0]);
	restore(made[1]);
	gives(call(), 1, "restored");
	made[0] = redirect(&(struct linger_change){
		.symbol = "t_apart@T_2",
		.provider = symbol(open_library("versioned.so", RTLD_NOW), "t_apart"),
		.replacement = address_of(by("apart_300")) });
	gives(call(), strcmp(library, "new.so") ? 1 : 300,
	      "redirected when the other one was there");
	restore(made[0]);
	gives(call(), 1, "the end");
}

/* Objects of a fourth namespace are not held otherwise. */
static void fourth_namespace(void)
{
	void *handle[4];
	linger_redirect *made;

	for (int i = 0; i < 4; i++) {
		handle[i] = dlmopen(LM_ID_NEWLM, in_folder("apart1.so"), RTLD_NOW);
		check(handle[i], "dlmopen: %s", dlerror());
	}
	made = redirect_at(function_of(handle[3], "t_apart"), by("apart_100"));
	close_handle(handle[3]);
	gives(previous_of(made)(), 1, "it is kept");
	restore(made);
}

/* One version is redirected at the entry that both have, and another redirect, newer or older, is of both. */
static void both_at_one_entry(void)
{
	void *library = open_library("versioned_entry.so", RTLD_NOW | RTLD_GLOBAL);
	struct linger_change one = { .symbol = "t_apart@T_1",
				     .replacement = address_of(by("apart_100")),
				     .flags = LINGER_AT_ENTRY };
	struct linger_change both = { .symbol = "t_apart",
				      .replacement = address_of(by("apart_again")),
				      .previous = symbol(replacer, "apart_previous") };

	before = picture_take();
	for (int i = 0; i < 2; i++) {
		linger_redirect *first = redirect(i ? &one : &both);
		linger_redirect *second = redirect(i ? &both : &one);

		gives(function_of(library, "t_apart")(), 11, "the version that has one redirect");
		gives(((function *)(uintptr_t)dlvsym(library, "t_apart", "T_1"))(), i ? 11 : 100,
		      "the one that has two");
		restore(i ? second : first);
		restore(i ? first : second);
		picture_compare(&before, "the end");
	}
}

static int count_unsettled(const struct linger_binding *binding, void *n)
{
	*(int *)n += binding->verdict == LINGER_UNSETTLED;
	return 0;
}

/* Who stays bound to the previous of an older redirect does so for a newer one. */
static void own_of_older(void)
{
	void *inside = open_library("calls1.so", RTLD_NOW);
	linger_redirect *older = redirect_to("t_apart", function_of(inside, "apart_call"));
	linger_redirect *newer = redirect_to("t_apart", by("apart_100"));
	int n = 0;

	gives(function_of(inside, "apart_call")(), 1, "its own");
	check(!linger_report(newer, count_unsettled, &n) && !n, "%d unsettled", n);
	restore(older);
	restore(newer);
}

/* dlvsym, where a filter may say something else than glibc: apart1 knows no version. */
static void exact_version(void)
{
	void *(*find)(void *, const char *, const char *) = dlvsym;
	linger_redirect *made;

	open_library("unversioned_too.so", RTLD_NOW | RTLD_GLOBAL);
	open_library("versioned.so", RTLD_NOW | RTLD_GLOBAL);
	made = redirect(&(struct linger_change){ .symbol = "t_apart",
						 .replacement = address_of(by("apart_100")),
						 .callers = "*/apart" });
	gives(function_of(RTLD_DEFAULT, "t_apart")(), 100, "redirected");
	gives(((function *)(uintptr_t)find(RTLD_DEFAULT, "t_apart", "T_1"))(), 1, "not this one");
	restore(made);
}

/* Bound without a version, at the first call, to the oldest one. */
static void without_version(void)
{
	void *library = open_library("unversioned.so", RTLD_LAZY);
	function *own = function_of(library, "apart_more");
	linger_redirect *made = redirect_to("t_apart@T_1", own);

	gives(own(), 1001, "a replacement that calls what it replaces");
	restore(made);
}

/* Bound to its own definition before there was another one in the global scope: no slot that waits. */
static void bound_inside(const char *library)
{
	function *call = function_of(open_library(library, RTLD_NOW), "apart_call");
	linger_redirect *made;

	open_library("apart1.so", RTLD_NOW | RTLD_GLOBAL);
	gives(call(), 5, "before");
	before = picture_take();
	made = redirect(&(struct linger_change){ .symbol = "t_apart",
						 .callers = in_folder(library),
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

static void many_slots(void)
{
	function **slots = symbol(open_library("many.so", RTLD_NOW), "apart_slots");
	linger_redirect *made = redirect_to("t_apart", by("apart_100"));

	gives(slots[0](), 100, "redirected");
	gives(slots[299999](), 100, "redirected");
	restore(made);
	gives(slots[299999](), 1, "the end");
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

	open_library("apart1.so", RTLD_NOW | RTLD_GLOBAL);
	open_library("crowd.so", RTLD_NOW | RTLD_GLOBAL);
	check(dlsym(RTLD_DEFAULT, "dlopen") == before_it, "what is there from the start overrides");
	gives(function_of(RTLD_DEFAULT, "t_apart")(), 3, "the newest wins");
}

static void filter(struct sock_filter *code, unsigned short n)
{
	struct sock_fprog program = { n, code };

	check(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
		      !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program),
	      "seccomp: %s", strerror(errno));
}

/* The symbol table is among the data. A program that filters system calls is asked nothing. */
static void sandbox(void)
{
	struct sock_filter allow[] = { BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW) };
	function *definition = function_of(open_library("rw.so", RTLD_NOW | RTLD_GLOBAL),
					   "t_apart");
	linger_redirect *made;

	before = picture_take();
	filter(allow, 1);
	made = redirect_at(definition, by("apart_100"));
	check(picture_same_maps(before.maps, picture_maps()), "redirected: protections differ");
	restore(made);
	picture_compare(&before, "the end");
}

static int find_relro(struct dl_phdr_info *info, size_t size, void *ret)
{
	(void)size;
	for (int i = 0; strstr(info->dlpi_name, "/calls1.so") && i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO)
			*(uintptr_t *)ret = (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr) &
					    ~(uintptr_t)4095;
	return 0;
}

/* The kernel refuses the slots alone, which shows when they are written. */
static void complete(void)
{
	function *call = function_of(open_library("calls1.so", RTLD_NOW), "apart_call");
	struct linger_change change = { .symbol = "t_apart",
					.replacement = address_of(by("apart_100")),
					.flags = LINGER_COMPLETE };
	linger_redirect *made = redirect(&change);
	uintptr_t relro = 0;
	char err[256];
	int r;

	gives(call(), 100, "complete, while it may");
	restore(made);
	dl_iterate_phdr(find_relro, &relro);
	before = picture_take();
	struct sock_filter refuse[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)relro, 0, 1),
		BPF_STMT(BPF_RET, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW),
	};
	filter(refuse, sizeof(refuse) / sizeof(*refuse));
	r = linger_redirect_one(&change, &made, err, sizeof(err));
	check(r == -EXDEV, "not complete, but %d: %s", r, err);
	picture_compare(&before, "refused");
}

/* What overrides is not closed by name. */
static void dependency(void)
{
	function *call = function_of(open_library("calls1.so", RTLD_NOW), "apart_call");
	void *needs = open_library("needs.so", RTLD_NOW | RTLD_GLOBAL);

	gives(call(), 3, "overridden");
	close_handle(needs);
	gives(call(), 1, "gone");
}

/* Nor does what it overrode last to its end: its destructor closes the other. */
static void behind_its_caller(void)
{
	void *caller = open_library("closes.so", RTLD_NOW);
	function *call = function_of(caller, "apart_call");
	void *needs = open_library("needs.so", RTLD_NOW | RTLD_GLOBAL);

	gives(call(), 3, "overridden");
	*(void **)symbol(caller, "apart_closes") = needs;
	close_handle(caller);
	gives(function_of(open_library("apart1.so", RTLD_NOW), "t_apart")(), 1, "gone");
}

static const struct {
	const char *what;
	void (*run)(void);
	void (*at)(const char *library);
	const char *library;
} cases[] = {
	{ "like", replaced_by_its_like },
	{ "led", led_to_its_like },
	{ "swapped", swapped },
	{ "chosen_like", chosen_by_its_like },
	{ "back", back_again },
	{ "over", taken_over },
	{ "had", had_it_before },
	{ "met", met },
	{ "first", first_loaded },
	{ "old", .at = version_or_other, .library = "old.so" },
	{ "new", .at = version_or_other, .library = "new.so" },
	{ "fourth", fourth_namespace },
	{ "entry", both_at_one_entry },
	{ "older", own_of_older },
	{ "exact", exact_version },
	{ "unversioned", without_version },
	{ "inside", .at = bound_inside, .library = "inside.so" },
	{ "chosen", .at = bound_inside, .library = "chosen.so" },
	{ "versions", versions },
	{ "page", .at = own_page, .library = "calls5.so" },
	{ "large", .at = own_page, .library = "calls40.so" },
	{ "many", many_slots },
	{ "moved", moved_headers },
	{ "goes", goes_at_the_end },
	{ "crowd", crowd },
	{ "sandbox", sandbox },
	{ "complete", complete },
	{ "dependency", dependency },
	{ "behind", behind_its_caller },
};

int main(int argc, char **argv)
{
	size_t i = 0;

	check(argc > 2 && linger_is_here(), "usage: apart FOLDER WHAT, with linger");
	folder = argv[1];
	replacer = open_library("replaces.so", RTLD_NOW);
	while (i < sizeof(cases) / sizeof(*cases) && strcmp(cases[i].what, argv[2]) != 0)
		i++;
	check(i < sizeof(cases) / sizeof(*cases), "what is %s?", argv[2]);
	if (cases[i].run)
		cases[i].run();
	else
		cases[i].at(cases[i].library);
	puts("done");
	return 0;
}
