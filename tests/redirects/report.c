/*
 * report.c - what linger_report says of each binding, every verdict at least once; and what the
 * iterators show, against the ELF images themselves.
 *
 * usage: report FOLDER [refused]
 * SPDX-License-Identifier: MIT
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "picture.h"

int t_answer(void);

static struct {
	struct linger_binding binding;
	char symbol[64];
} rows[4096];
static size_t n_rows;

static int keep(const struct linger_binding *binding, void *arg)
{
	check(n_rows < sizeof(rows) / sizeof(*rows), "too long a report");
	check(binding->symbol, "a binding without a symbol");
	rows[n_rows].binding = *binding;
	snprintf(rows[n_rows++].symbol, sizeof(rows->symbol), "%s", binding->symbol);
	return arg != NULL;
}

static void report(const linger_redirect *made)
{
	n_rows = 0;
	check(linger_report(made, keep, NULL) == 0, "no report");
	check(n_rows > 0, "an empty report");
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = i + 1; j < n_rows; j++)
			check(rows[i].binding.at != rows[j].binding.at, "%p is told twice",
			      rows[i].binding.at);
}

/* How many bindings of the object that inside is in have this kind and verdict; 0: any kind. */
static int count(const void *inside, unsigned kind, unsigned verdict)
{
	uint64_t id = id_at(inside);
	int n = 0;

	for (size_t i = 0; i < n_rows; i++)
		n += rows[i].binding.id == id && rows[i].binding.verdict == verdict &&
		     (!kind || rows[i].binding.kind == kind);
	return n;
}

static int count_all(const void *inside)
{
	uint64_t id = id_at(inside);
	int n = 0;

	for (size_t i = 0; i < n_rows; i++)
		n += rows[i].binding.id == id;
	return n;
}

#define all_are(inside, n, verdict, when)                                                          \
	do {                                                                                       \
		gives(count(inside, 0, verdict), n, "%s, verdict %s", when, #verdict);             \
		gives(count_all(inside), n, "%s, all", when);                                      \
	} while (0)

/* call1.so has one slot of each kind: PLT (lazy), GOT, and two words. */
static void changed_unbound_newer(void)
{
	struct caller *bound = caller_of(open_library("call1.so", RTLD_LAZY));
	struct caller *unbound = caller_of(open_library("call2.so", RTLD_LAZY));
	void *rep = open_library("rep.so", RTLD_LAZY);
	linger_redirect *made = redirect_to("t_answer", function_of(rep, "r_answer")), *newer;

	bound->answer();
	report(made);
	gives(count(bound, LINGER_SLOT_JUMP, LINGER_CHANGED), 1, "called");
	gives(count(bound, LINGER_SLOT_GOT, LINGER_CHANGED), 1, "its GOT");
	gives(count(bound, LINGER_SLOT_DATA, LINGER_CHANGED), 2, "its words");
	all_are(bound, 4, LINGER_CHANGED, "called");
	/* Its constructor called, too: nothing of it is unbound. t_other was never called. */
	newer = redirect_to("t_other", function_of(rep, "r_answer"));
	report(newer);
	gives(count(unbound, LINGER_SLOT_JUMP, LINGER_UNBOUND), 1, "never called");
	gives(count(bound, LINGER_SLOT_JUMP, LINGER_UNBOUND), 1, "never called");
	unbound->other();
	report(newer);
	gives(count(unbound, LINGER_SLOT_JUMP, LINGER_CHANGED), 1, "called by then");
	restore(newer);

	newer = redirect_to("t_answer", function_of(rep, "r_second"));
	report(made);
	all_are(bound, 4, LINGER_NEWER, "a newer one stands");
	report(newer);
	all_are(bound, 4, LINGER_CHANGED, "the newer one");
	restore(newer);
	report(made);
	all_are(bound, 4, LINGER_CHANGED, "the newer one is gone");
	for (size_t i = 0; i < n_rows; i++)
		check(!strcmp(rows[i].symbol, "t_answer"), "it is about %s", rows[i].symbol);
	restore(made);
}

static void own_and_not_meant(void)
{
	struct caller *one = caller_of(open_library("call1.so", RTLD_LAZY));
	struct caller *two = caller_of(open_library("call2.so", RTLD_LAZY));
	function *f = function_of(open_library("rep.so", RTLD_LAZY), "r_by_name");
	linger_redirect *made = redirect(&(struct linger_change){
		.symbol = "t_answer", .replacement = address_of(f), .callers = "*/call1.so" });

	gives(one->answer() + two->answer(), 1002, "redirected");
	report(made);
	all_are(one, 4, LINGER_CHANGED, "the one meant");
	all_are(two, 4, LINGER_NOT_MEANT, "another");
	gives(count(address_of(f), LINGER_SLOT_JUMP, LINGER_OWN) +
			      count(address_of(f), LINGER_SLOT_GOT, LINGER_OWN) >=
		      1,
	      1, "the replacing module's call");
	gives(count(address_of(f), LINGER_SLOT_DATA, LINGER_OWN), 1, "the replacing module's word");
	restore(made);
}

static void other(void)
{
	struct caller *c = caller_of(open_library("call3.so", RTLD_LAZY));
	void *user = open_library("of_versions.so", RTLD_NOW);
	function *f = function_of(open_library("rep.so", RTLD_LAZY), "r_answer");
	linger_redirect *made;

	*c->stored = f == *c->stored ? NULL : (function *)(uintptr_t)&n_rows;
	made = redirect_to("t_answer", f);
	report(made);
	gives(count(c, LINGER_SLOT_DATA, LINGER_OTHER), 1, "what the program put there");
	gives(count(c, LINGER_SLOT_DATA, LINGER_CHANGED), 1, "the other word");
	restore(made);
	made = redirect_to("t_versioned@V1", f);
	report(made);
	gives(count(symbol(user, "call_old"), 0, LINGER_CHANGED) >= 1, 1, "that version");
	gives(count(symbol(user, "call_old"), 0, LINGER_OTHER) >= 1, 1, "the other version");
	for (size_t i = 0; i < n_rows; i++)
		check(rows[i].binding.verdict != LINGER_CHANGED ||
			      (rows[i].binding.version && !strcmp(rows[i].binding.version, "V1")),
		      "changed: version %s", rows[i].binding.version);
	restore(made);
}

/* Three calls inside, each a call (or jump) instruction to the function. */
static void internal(const char *library)
{
	void *handle = open_library(library, RTLD_LAZY);
	function *f = function_of(open_library("rep.so", RTLD_LAZY), "r_answer");
	function *call = function_of(handle, "call_inside");
	const void *definition = symbol(handle, "t_inside");
	linger_redirect *made = redirect(
		&(struct linger_change){ .address = definition, .replacement = address_of(f) });

	gives(call(), 15, "%s: bound inside", library);
	report(made);
	gives(count(definition, LINGER_CALL_INTERNAL, LINGER_INTERNAL), 3, "%s", library);
	for (size_t i = 0; i < n_rows; i++) {
		const unsigned char *at = rows[i].binding.at;
		int32_t distance;

		if (rows[i].binding.verdict != LINGER_INTERNAL)
			continue;
		memcpy(&distance, at + 1 + (*at == 0x67), sizeof(distance));
		check(*at == 0xe8 || *at == 0xe9 || *at == 0x67, "%s: %p is no call", library, at);
		check(at + 5 + (*at == 0x67) + distance == definition,
		      "%s: a call of something else", library);
	}
	restore(made);
	close_handle(handle);
}

static int stop(const struct linger_binding *binding, void *arg)
{
	(void)binding;
	return ++*(int *)arg == 2 ? -42 : 0;
}

static void ends_when_told(void)
{
	linger_redirect *made;
	int seen = 0;

	open_library("call1.so", RTLD_LAZY);
	made = redirect_to("t_answer", function_of(open_library("rep.so", RTLD_LAZY), "r_answer"));
	gives(linger_report(made, stop, &seen), -42, "what visit returned");
	gives(seen, 2, "until then");
	seen = 0;
	gives(linger_each_slot(folder, stop, &seen), -ENOENT, "no object");
	gives(linger_each_slot(symbol(RTLD_DEFAULT, "t_other"), stop, &seen) == -42 || seen < 2, 1,
	      "each_slot");
	restore(made);
	gives(linger_report(made, stop, &seen), -EINVAL, "gone");
}

/* visit is called without a lock: it may do all that a program does. */
static int does_as_it_likes(const struct linger_binding *binding, void *arg)
{
	linger_redirect *made = redirect_to("t_other", (function *)(uintptr_t)arg);

	(void)binding;
	close_handle(open_library("call3.so", RTLD_LAZY));
	restore(made);
	return 1;
}

static void visited_without_a_lock(void)
{
	function *f = function_of(open_library("rep.so", RTLD_LAZY), "r_answer");
	linger_redirect *made = redirect_to("t_answer", f);

	gives(linger_report(made, does_as_it_likes, (void *)(uintptr_t)f), 1, "report");
	gives(linger_each_slot(f, does_as_it_likes, (void *)(uintptr_t)f), 1, "each_slot");
	restore(made);
}

/* The same slots as in the image, found without linger. */
static void each_slot(void)
{
	struct picture p = picture_take();
	const char *const names[] = { "call1.so", "of_versions.so", "rep.so", "uses_early.so" };

	for (int i = 0; i < 4; i++) {
		void *handle = open_library(names[i], RTLD_LAZY);
		const void *inside = *(void **)handle; /* l_addr */
		size_t told = 0, found = 0;

		free(p.word);
		p = picture_take();
		n_rows = 0;
		gives(linger_each_slot((const char *)inside + 64, keep, NULL), 0, "%s", names[i]);
		for (size_t k = 0; k < n_rows; k++) {
			unsigned kind = rows[k].binding.kind;
			bool known = false;

			if (kind != LINGER_SLOT_JUMP && kind != LINGER_SLOT_GOT &&
			    kind != LINGER_SLOT_DATA)
				continue;
			told++;
			for (size_t j = 0; j < p.n && !known; j++)
				known = p.word[j].at == (uintptr_t)rows[k].binding.at &&
					!strcmp(p.word[j].name, rows[k].symbol) &&
					(p.word[j].kind == PICTURE_LAZY_SLOT) ==
						(kind == LINGER_SLOT_JUMP);
			check(known, "%s: %s at %p is no slot", names[i], rows[k].symbol,
			      rows[k].binding.at);
			gives((int)rows[k].binding.verdict, 0, "no verdict");
		}
		for (size_t j = 0; j < p.n; j++)
			found += p.word[j].kind <= PICTURE_LAZY_SLOT && *p.word[j].name &&
				 p.word[j].lo == (uintptr_t)inside;
		check(told == found && told, "%s: %zu slots, not %zu", names[i], told, found);
	}
}

struct seen {
	int versioned[2], hidden, answers, undefined;
};

static int see(const struct linger_symbol *symbol, void *arg)
{
	struct seen *seen = arg;

	if (!strcmp(symbol->name, "t_versioned") && symbol->defined) {
		const char *version = symbol->version ? symbol->version : "none";

		check(symbol->type == STT_FUNC && symbol->size, "its type is %u", symbol->type);
		seen->versioned[!strcmp(version, "V2")]++;
		check(symbol->hidden == !strcmp(version, "V1"), "%s: hidden is %u", version,
		      symbol->hidden);
	}
	if (!strcmp(symbol->name, "t_answer") && !symbol->defined) {
		check(!symbol->address, "undefined, at %p", symbol->address);
		seen->undefined++;
	}
	return 0;
}

static void each_symbol(void)
{
	void *handle = open_library("versions.so", RTLD_LAZY);
	struct seen seen = { { 0 }, 0, 0, 0 };
	const void *inside = symbol(handle, "t_versioned");

	gives(linger_each_symbol(inside, see, &seen), 0, "versions.so");
	gives(seen.versioned[0] * 10 + seen.versioned[1], 11, "both versions, once each");
	inside = caller_of(open_library("call1.so", RTLD_LAZY));
	gives(linger_each_symbol(inside, see, &seen), 0, "call1.so");
	gives(seen.undefined, 1, "what it needs, once");
	gives(linger_each_symbol(&seen, see, &seen), -ENOENT, "no object");
}

/* From now on no page becomes writable: what is loaded later cannot be changed. */
static void refused(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_WRITE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };
	function *f = function_of(open_library("rep.so", RTLD_LAZY), "r_answer");
	linger_redirect *made = redirect(&(struct linger_change){
		.symbol = "t_answer", .replacement = address_of(f), .callers = "*/full.so" });
	struct caller *c;

	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0,
	      "prctl: %s", strerror(errno));
	c = caller_of(open_library("full.so", RTLD_LAZY));
	report(made);
	gives(count(c, LINGER_SLOT_GOT, LINGER_REFUSED) +
			      count(c, LINGER_SLOT_JUMP, LINGER_REFUSED) >=
		      1,
	      1, "loaded since");
	gives(c->by_got(), 1, "not changed");
}

int main(int argc, char **argv)
{
	check(argc >= 2 && linger_is_here(), "usage: report FOLDER [refused], with linger");
	folder = argv[1];
	gives(t_answer(), 1, "before");
	if (argc > 2) {
		refused();
	} else {
		changed_unbound_newer();
		own_and_not_meant();
		other();
		internal("symbolic.so");
		internal("protected.so");
		internal("alias.so");
		ends_when_told();
		visited_without_a_lock();
		each_slot();
		each_symbol();
	}
	puts("done");
	return 0;
}
