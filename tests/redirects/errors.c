/*
 * errors.c - each way in which a redirect is refused: the code, one sentence, and nothing half done.
 *
 * usage: errors FOLDER [refused | busy | sanitized]
 * SPDX-License-Identifier: MIT
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "picture.h"

int t_answer(void);
extern int t_data;
extern __thread int t_thread;

static struct caller *caller;
static function *good;
static struct picture before;
static int failures;

static void complain(const char *what, const char *why, const char *text)
{
	printf("%s: %s (%s)\n", what, why, text);
	failures++;
}

/* The sentence is judged by what a reader needs: that it is one, and what it is about. */
static void judge(const char *what, const char *text, const char *about)
{
	size_t n = strlen(text);

	if (n < 10 || n > 200)
		complain(what, "no sentence", text);
	if (strchr(text, '\n') || (n && text[n - 1] == '.'))
		complain(what, "not a message as others are", text);
	if (about &&
	    (strncmp(text, about, strcspn(about, "@")) || text[strcspn(about, "@")] != ' '))
		complain(what, "it does not say what it is about", text);
	printf("# %-14s %s\n", what, text);
}

/* The change is refused, alone and as the third of a batch. */
static void refused(const char *what, int wanted, struct linger_change change)
{
	const struct linger_change batch[3] = {
		{ .symbol = "t_answer", .replacement = address_of(good) },
		{ .symbol = "t_other", .replacement = address_of(good) },
		change,
	};
	linger_redirect *const untouched = (linger_redirect *)(uintptr_t)0x5a5a;
	linger_redirect *ret[3] = { untouched, untouched, untouched };
	char err[256] = "", of_three[256] = "", cut[9] = "xxxxxxxx";

	for (int first = 2; first >= 0; first -= 2) {
		int r = linger_redirect_all(batch + first, (size_t)(3 - first), ret,
					    first ? err : of_three, sizeof(err));

		if (r != wanted) {
			printf("%s%s: %s, not %s (%s)\n", what, first ? "" : ", third of three",
			       r ? strerror(-r) : "done", strerror(-wanted),
			       first ? err : of_three);
			failures++;
			if (r == 0)
				linger_restore_all(ret, (size_t)(3 - first));
			return;
		}
		for (int i = 0; i < 3; i++)
			check(ret[i] == untouched, "%s: the output was touched", what);
		picture_compare(&before, what);
	}
	judge(what, of_three, NULL);
	judge(what, err, wanted == -EINVAL ? NULL : change.symbol);
	if (linger_redirect_one(&change, ret, cut, 8) != wanted || strncmp(cut, err, 7) || cut[7])
		complain(what, "it was cut wrongly", cut);
	if (linger_redirect_one(&change, ret, NULL, 0) != wanted)
		complain(what, "another result without a buffer", "");
	gives(caller->answer(), 1, "%s", what);
}

static void each_error(void)
{
	void *libc_next = dlsym(RTLD_DEFAULT, "__tls_get_addr");
	void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD), *address;
	const void *f = address_of(good);
	char *heap = malloc(64);
	linger_redirect *ret;

	open_library("versions.so", RTLD_NOW | RTLD_GLOBAL);
	open_library("symbolic.so", RTLD_NOW | RTLD_GLOBAL);
	check(libc_next && heap && t_data == 7 && t_thread == 8, "not as built");
	dlclose(NULL == vdso ? dlopen(NULL, RTLD_NOW) : vdso);
	before = picture_take();
	refused("no definition", -EINVAL, (struct linger_change){ .replacement = f });
	refused("both", -EINVAL,
		(struct linger_change){ .symbol = "t_answer", .address = heap, .replacement = f });
	refused("no replacement", -EINVAL, (struct linger_change){ .symbol = "t_answer" });
	refused("nobody's name", -ENOENT,
		(struct linger_change){ .symbol = "t_nowhere", .replacement = f });
	refused("heap", -ENOENT, (struct linger_change){ .address = heap, .replacement = f });
	address = dlsym(RTLD_DEFAULT, "t_other");
	refused("not its start", -ENOENT,
		(struct linger_change){ .address = (char *)address + 1, .replacement = f });
	refused("no version", -ENODATA,
		(struct linger_change){ .symbol = "t_versioned@V9", .replacement = f });
	refused("another's", -ENOENT,
		(struct linger_change){
			.symbol = "t_answer", .provider = caller, .replacement = f });
	refused("thread-local", -EOPNOTSUPP,
		(struct linger_change){ .symbol = "t_thread", .replacement = f });
	refused("copied data", -EOPNOTSUPP,
		(struct linger_change){ .symbol = "t_data", .replacement = &failures });
	refused("under another name", -EOPNOTSUPP,
		(struct linger_change){ .symbol = "t_same_data", .replacement = &failures });
	refused("ld.so", -EOPNOTSUPP,
		(struct linger_change){ .symbol = "__tls_get_addr", .replacement = f });
	if (vdso) {
		address = dlsym(vdso, "__vdso_clock_gettime");
		refused("the vDSO", -EOPNOTSUPP,
			(struct linger_change){ .address = address, .replacement = f });
	}
	refused("linger's own", -EOPNOTSUPP,
		(struct linger_change){ .symbol = "linger_query_", .replacement = f });
	refused("needed", -EOPNOTSUPP,
		(struct linger_change){ .symbol = "__cxa_finalize", .replacement = f });
	refused("no entry", -EOPNOTSUPP,
		(struct linger_change){
			.symbol = "t_answer", .replacement = f, .flags = LINGER_AT_ENTRY });
	refused("incomplete", -EXDEV,
		(struct linger_change){
			.symbol = "t_inside", .replacement = f, .flags = LINGER_COMPLETE });
	/* What is complete is not refused. */
	ret = redirect(&(struct linger_change){
		.symbol = "t_answer", .replacement = f, .flags = LINGER_COMPLETE });
	gives(caller->answer(), 100, "LINGER_COMPLETE");
	restore(ret);
	picture_compare(&before, "restored");
	free(heap);
}

/* Restoring what is no redirect: nothing is done. */
static void each_wrong_restore(void)
{
	linger_redirect *one = redirect_to("t_answer", good), *two = redirect_to("t_other", good);
	linger_redirect *wrong[3] = { one, two, (linger_redirect *)(uintptr_t)0x5a5a };
	void *previous = &failures;

	check(linger_restore_all(wrong, 3) == -EINVAL, "no redirect was restored");
	gives(caller->answer(), 100, "nothing done");
	check(linger_restore(NULL) == -EINVAL, "NULL was restored");
	restore(one);
	check(linger_restore(one) == -EINVAL, "restored twice");
	check(linger_previous(one, &previous) == -EINVAL, "the previous of what is gone");
	check(previous == (void *)&failures, "the output was touched");
	wrong[1] = one;
	wrong[0] = two;
	check(linger_restore_all(wrong, 2) == -EINVAL, "restored with one that is gone");
	gives(caller->other(), 100, "nothing done");
	wrong[1] = two;
	check(linger_restore_all(wrong, 2) == -EINVAL, "restored twice in one call");
	gives(caller->other(), 100, "nothing done");
	restore(two);
	gives(caller->other(), 10, "restored");
}

/* ------------------------------------------------------------------------- refused by the kernel */

#define MAGIC 0x6c696e67
/* What becomes of mprotect(..., PROT_WRITE) from now on, unless its fourth register has MAGIC. */
static void filter_mprotect(unsigned action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAGIC, 3, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_WRITE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "prctl: %s", strerror(errno));
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "prctl: %s",
	      strerror(errno));
}

static void refused_by_the_kernel(void)
{
	filter_mprotect(SECCOMP_RET_ERRNO | EACCES);
	before = picture_take();
	refused("the kernel", -EPERM,
		(struct linger_change){ .symbol = "t_answer", .replacement = address_of(good) });
}

static int in_handler = 1;

/* In the middle of linger's work: it must not wait for itself. The call is then made after all. */
static void interrupted(int signal, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct linger_change change = { .symbol = "t_other", .replacement = address_of(good) };
	linger_redirect *ret;

	(void)signal, (void)info;
	in_handler = linger_redirect_one(&change, &ret, NULL, 0);
	r[REG_RAX] = syscall(SYS_mprotect, r[REG_RDI], r[REG_RSI], r[REG_RDX], MAGIC);
}

static void busy(void)
{
	struct sigaction action = { .sa_sigaction = interrupted, .sa_flags = SA_SIGINFO };
	linger_redirect *made;

	check(sigaction(SIGSYS, &action, NULL) == 0, "sigaction: %s", strerror(errno));
	before = picture_take();
	filter_mprotect(SECCOMP_RET_TRAP);
	made = redirect_to("t_answer", good);
	check(in_handler == -EBUSY, "in a handler that interrupted linger: %s",
	      in_handler == 1 ? "it was not interrupted" : strerror(-in_handler));
	gives(caller->answer(), 100, "redirected");
	restore(made);
	picture_compare(&before, "restored");
}

int main(int argc, char **argv)
{
	check(argc >= 2 && linger_is_here(), "usage: errors FOLDER [WHAT], with linger");
	folder = argv[1];
	caller = caller_of(open_library("call1.so", RTLD_LAZY));
	good = function_of(open_library("rep.so", RTLD_LAZY), "r_answer");
	gives(caller->answer() + caller->other(), 11, "before");
	if (argc == 2) {
		each_error();
		each_wrong_restore();
	} else if (!strcmp(argv[2], "refused")) {
		refused_by_the_kernel();
	} else if (!strcmp(argv[2], "busy")) {
		busy();
	} else {
		before = picture_take();
		refused("a sanitizer's", -EOPNOTSUPP,
			(struct linger_change){ .symbol = "malloc",
						.replacement = address_of(good) });
	}
	return failures != 0;
}
