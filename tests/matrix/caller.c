/*
 * caller.c - the program of the behaviour matrix, in the common subset of C and C++.
 *
 * Runs the operations given as its first argument ("open A libx.so now; err"; matrix.txt explains
 * them) and prints what a program can see of each, on one line, never an address.
 * The same file is built as an executable and as caller libraries (with RUNPATH, RPATH, neither;
 * loaded into other namespaces). glibc takes the return address of a dl* call as the caller, so
 * every operation is done by the copy of this code that lies in the calling object: `@C open ...`
 * is run by the library in slot C. caller.rs is the same program in Rust.
 * Printing is write(2) alone: a copy in another namespace has a libc, and a stdout, of its own.
 * SPDX-License-Identifier: MIT
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __cplusplus
#define EXPORT extern "C" __attribute__((visibility("default")))
#else
#define EXPORT __attribute__((visibility("default")))
#endif
#define NOINLINE __attribute__((noinline))
#define SLOTS 26
#define WORDS 6
/* What errno holds before each dl* call: a call that leaves it alone shows as "untouched". */
#define ERRNO_MARK 250

struct matrix;
typedef void run_fn(struct matrix *m, const char *op);
typedef void *open_fn(const char *file, int flags);
typedef void *sym_fn(void *handle, const char *name);
typedef void *stub_fn(const void *arg1, long arg2, void *target);

struct slot {
	void *handle;
	int is_open; /* a closed handle's value stays, for surplus closes */
	run_fn *run; /* set by `use`: the library's copy of this program */
	open_fn *tail;
};

/* Lies in the executable; libraries get it by pointer, also across namespaces. */
struct matrix {
	struct slot slot[SLOTS];
	void *kept[SLOTS];   /* set by `keep`: pointers that the program never forgets */
	const char *preload; /* what `list` leaves out */
	int saved_errno;
};

/* A handle that is no handle: glibc finds no open count in it. */
static char zeroes[4096] __attribute__((aligned(64)));

EXPORT void caller_run(struct matrix *m, const char *op);
EXPORT void *caller_tail(const char *file, int flags);

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char text[16384];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0 || n >= (int)sizeof text || write(1, text, (size_t)n) != n)
		_exit(70);
}

static void bad(const char *what)
{
	say(" BAD-SCRIPT(%s)", what);
	_exit(71);
}

/* Splits @text, which it changes, at blanks; missing words are "". */
static void split(char *text, const char *word[WORDS])
{
	char *save = NULL, *next = strtok_r(text, " ", &save);

	for (int i = 0; i < WORDS; i++) {
		word[i] = next ? next : "";
		if (next)
			next = strtok_r(NULL, " ", &save);
	}
}

static struct slot *slot_of(struct matrix *m, const char *word)
{
	if (word[0] < 'A' || word[0] > 'Z' || word[1])
		bad(word);
	return &m->slot[word[0] - 'A'];
}

static void *handle_of(struct matrix *m, const char *word)
{
	struct slot *slot;

	if (!strcmp(word, "DEFAULT"))
		return RTLD_DEFAULT;
	if (!strcmp(word, "NEXT"))
		return RTLD_NEXT;
	if (!strcmp(word, "NULL"))
		return NULL;
	if (!strcmp(word, "ZEROES"))
		return zeroes;
	slot = slot_of(m, word);
	if (!slot->handle)
		bad("empty slot");
	return slot->handle;
}

static const char *file_of(const char *word)
{
	if (!strcmp(word, "NULL"))
		return NULL;
	return strcmp(word, "EMPTY") ? word : "";
}

static int flags_of(const char *word)
{
	static const struct {
		const char *name;
		int value;
	} names[] = {
		{ "now", RTLD_NOW },	       { "lazy", RTLD_LAZY },
		{ "noload", RTLD_NOLOAD },     { "global", RTLD_GLOBAL },
		{ "deepbind", RTLD_DEEPBIND }, { "nodelete", RTLD_NODELETE },
	};
	const size_t count = sizeof names / sizeof *names;
	int flags = 0;

	if (word[0] >= '0' && word[0] <= '9')
		return (int)strtoul(word, NULL, 0);
	while (*word) {
		size_t n = strcspn(word, "+"), i = 0;

		while (i < count && (strlen(names[i].name) != n || strncmp(names[i].name, word, n)))
			i++;
		if (i == count)
			bad(word);
		flags |= names[i].value;
		word += n + (word[n] == '+');
	}
	return flags;
}

/* The path is read from the link map, not asked for: dlinfo would clear a pending dlerror. */
static void put_handle(struct matrix *m, const char *word, void *handle)
{
	struct slot *slot = slot_of(m, word);
	const char *path;

	slot->handle = handle;
	slot->is_open = handle != NULL;
	if (!handle) {
		say(" %s=none", word);
		return;
	}
	path = ((struct link_map *)handle)->l_name;
	say(" %s=%s", word, *path ? path : "main");
	for (int i = 0; i < SLOTS; i++)
		if (&m->slot[i] != slot && m->slot[i].is_open && m->slot[i].handle == handle)
			say("(same-as-%c)", 'A' + i);
}

/* dladdr leaves dlerror alone. */
static void put_address(const char *name, void *address)
{
	Dl_info info;

	if (!address)
		say(" %s=none", name);
	else if (!dladdr(address, &info))
		say(" %s=in-no-object", name);
	else
		say(" %s=%s:%s", name, info.dli_fname, info.dli_sname ? info.dli_sname : "?");
}

/* ------------------------------------------------- code that belongs to no object */

/* A stub calls, or jumps to, its third argument with the first two left in place. */
static stub_fn *make_stub(int jump)
{
#if defined __x86_64__
	static const unsigned char calls[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd2, 0x5d, 0xc3 };
	static const unsigned char jumps[] = { 0xff, 0xe2 };
#elif defined __aarch64__
	static const unsigned char calls[] = { 0xfd, 0x7b, 0xbf, 0xa9, 0x40, 0x00, 0x3f, 0xd6,
					       0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6 };
	static const unsigned char jumps[] = { 0x40, 0x00, 0x1f, 0xd6 };
#endif
	char *page = (char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);

	if (page == MAP_FAILED)
		bad("mmap");
	if (jump)
		memcpy(page, jumps, sizeof jumps);
	else
		memcpy(page, calls, sizeof calls);
	__builtin___clear_cache(page, page + 64);
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	return (stub_fn *)(void *)page;
}

/* `jit open A FILE FLAGS`, `jit sym A NAME`: the call comes from generated code. `hop` jumps. */
static void op_stub(struct matrix *m, const char *const w[WORDS], int jump)
{
	stub_fn *stub = make_stub(jump);
	void *found;

	if (!strcmp(w[1], "open")) {
		found = stub(file_of(w[3]), flags_of(w[4]), (void *)dlopen);
		put_handle(m, w[2], found);
	} else {
		found = stub(handle_of(m, w[2]), (long)w[3], (void *)dlsym);
		put_address(w[3], found);
	}
}

/* --------------------------------------------------------------- the operations */

static void op_open(struct matrix *m, const char *const w[WORDS])
{
	const char *file = file_of(w[2]);
	int flags = flags_of(w[3]);
	void *handle;

	errno = ERRNO_MARK;
	handle = dlopen(file, flags);
	m->saved_errno = errno;
	put_handle(m, w[1], handle);
}

static void op_mopen(struct matrix *m, const char *const w[WORDS])
{
	Lmid_t lmid = strcmp(w[2], "new") ? atol(w[2]) : LM_ID_NEWLM;
	void *handle;

	errno = ERRNO_MARK;
	handle = dlmopen(lmid, file_of(w[3]), flags_of(w[4]));
	m->saved_errno = errno;
	put_handle(m, w[1], handle);
}

static void op_close(struct matrix *m, const char *const w[WORDS])
{
	void *handle = handle_of(m, w[1]);
	int status;

	if (!w[1][1]) {
		struct slot *slot = slot_of(m, w[1]);

		/* A program that closes a library forgets its functions. */
		slot->is_open = 0;
		slot->run = NULL;
		slot->tail = NULL;
	}
	errno = ERRNO_MARK;
	status = dlclose(handle);
	m->saved_errno = errno;
	say(" close=%d", status);
}

static void op_sym(struct matrix *m, const char *const w[WORDS])
{
	void *handle = handle_of(m, w[1]), *address;

	errno = ERRNO_MARK;
	address = dlsym(handle, w[2]);
	m->saved_errno = errno;
	put_address(w[2], address);
}

static void op_vsym(struct matrix *m, const char *const w[WORDS])
{
	void *handle = handle_of(m, w[1]), *address;

	errno = ERRNO_MARK;
	address = dlvsym(handle, w[2], w[3]);
	m->saved_errno = errno;
	put_address(w[2], address);
}

/* Looks a function up and calls it; it says what it is itself. A fourth word is a version. */
static void op_call(struct matrix *m, const char *const w[WORDS])
{
	void *handle = handle_of(m, w[1]), *address;

	address = *w[3] ? dlvsym(handle, w[2], w[3]) : dlsym(handle, w[2]);
	if (address)
		((void (*)(void))address)();
	else
		say(" %s=none", w[2]);
}

static void op_int(struct matrix *m, const char *const w[WORDS])
{
	int *address = (int *)dlsym(handle_of(m, w[1]), w[2]);

	if (!address) {
		say(" %s=none", w[2]);
		return;
	}
	if (*w[3])
		*address = atoi(w[3]);
	say(" %s=%d", w[2], *address);
}

/* From now on the program holds a pointer into the object, closed or not. */
static void op_keep(struct matrix *m, const char *const w[WORDS])
{
	m->kept[slot_of(m, w[1]) - m->slot] = dlsym(handle_of(m, w[1]), w[2]);
	say(" kept");
}

static void op_use(struct matrix *m, const char *const w[WORDS])
{
	struct slot *slot = slot_of(m, w[1]);
	void *handle = handle_of(m, w[1]);

	slot->run = (run_fn *)dlsym(handle, "caller_run");
	slot->tail = (open_fn *)dlsym(handle, "caller_tail");
	if (!slot->run && !slot->tail)
		bad("use");
}

/* `tail C A FILE FLAGS`: a one-line function of C opens; optimised, it is a jump to dlopen. */
static void op_tail(struct matrix *m, const char *const w[WORDS])
{
	open_fn *tail = slot_of(m, w[1])->tail;

	if (!tail)
		bad("no opener");
	put_handle(m, w[2], tail(file_of(w[3]), flags_of(w[4])));
}

/* `via H A FILE FLAGS`: dlopen itself is looked up in H first. */
static void op_via(struct matrix *m, const char *const w[WORDS])
{
	open_fn *open = (open_fn *)dlsym(handle_of(m, w[1]), "dlopen");

	put_handle(m, w[2], open(file_of(w[3]), flags_of(w[4])));
}

/* `viasym H NAME`: the same for dlsym. */
static void op_viasym(struct matrix *m, const char *const w[WORDS])
{
	sym_fn *sym = (sym_fn *)dlsym(RTLD_DEFAULT, "dlsym");

	put_address(w[2], sym(handle_of(m, w[1]), w[2]));
}

static void op_err(struct matrix *m, const char *const w[WORDS])
{
	const char *text = dlerror();

	(void)m;
	(void)w;
	say(" [%s]", text ? text : "-");
}

static void op_errno(struct matrix *m, const char *const w[WORDS])
{
	(void)w;
	if (m->saved_errno == ERRNO_MARK)
		say(" errno=untouched");
	else
		say(" errno=%d", m->saved_errno);
}

static void op_info(struct matrix *m, const char *const w[WORDS])
{
	static char room[8192] __attribute__((aligned(16)));
	Dl_serinfo *list = (Dl_serinfo *)(void *)room;
	void *handle = handle_of(m, w[1]);
	char origin[4096];
	Lmid_t lmid;

	if (!strcmp(w[2], "origin") && !dlinfo(handle, RTLD_DI_ORIGIN, origin)) {
		say(" origin=%s", origin);
	} else if (!strcmp(w[2], "lmid") && !dlinfo(handle, RTLD_DI_LMID, &lmid)) {
		say(" lmid=%ld", (long)lmid);
	} else if (!strcmp(w[2], "search") && !dlinfo(handle, RTLD_DI_SERINFOSIZE, list) &&
		   list->dls_size <= sizeof room && !dlinfo(handle, RTLD_DI_SERINFO, list)) {
		const Dl_serpath *path = list->dls_serpath;

		for (unsigned int i = 0; i < list->dls_cnt; i++)
			say(" %s", path[i].dls_name);
	} else {
		say(" info=failed");
	}
}

/* What dladdr says of things that are no looked-up symbol. */
static void op_addr(struct matrix *m, const char *const w[WORDS])
{
	Dl_info info;

	(void)w;
	/* A static function: the object is found, the name is the nearest exported one or none. */
	say(" own-code:%s", dladdr((void *)op_addr, &info) ? info.dli_fname : "in-no-object");
	put_address("data", zeroes);
	put_address("stack", &info);
	put_address("heap", m);
	put_address("exported", (void *)caller_run);
}

/* glibc lists the namespace of the caller: from a library in another one, that one's objects. */
static int list_one(struct dl_phdr_info *info, size_t size, void *data)
{
	struct matrix *m = (struct matrix *)data;

	(void)size;
	if (!*info->dlpi_name)
		say(" main");
	else if (!m->preload || !strstr(m->preload, info->dlpi_name))
		say(" %s", info->dlpi_name);
	return 0;
}

static void op_list(struct matrix *m, const char *const w[WORDS])
{
	(void)w;
	dl_iterate_phdr(list_one, m);
}

/* libc loads a module for this by itself: no dl* function of ours is called. */
static void op_iconv(struct matrix *m, const char *const w[WORDS])
{
	iconv_t converter = iconv_open(w[1], "UTF-8");

	(void)m;
	if (converter == (iconv_t)-1) {
		say(" iconv=failed");
		return;
	}
	say(" iconv=%d", iconv_close(converter));
}

static void op_env(struct matrix *m, const char *const w[WORDS])
{
	const char *value = getenv(w[1]);

	(void)m;
	say(" %s=%s", w[1], value ? value : "unset");
}

static void op_cd(struct matrix *m, const char *const w[WORDS])
{
	(void)m;
	if (chdir(w[1]))
		bad("cd");
}

/* --------------------------------------------------------------- the interpreter */

struct thread_arg {
	struct matrix *m;
	const char *op;
};

static void *thread_main(void *data)
{
	struct thread_arg *arg = (struct thread_arg *)data;

	caller_run(arg->m, arg->op);
	return NULL;
}

static void run_in_thread(struct matrix *m, const char *op)
{
	struct thread_arg arg = { m, op };
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_main, &arg))
		bad("thread");
	pthread_join(thread, NULL);
}

/* The child runs the rest of the script; the parent only hands its status on. */
static void op_fork(struct matrix *m, const char *const w[WORDS])
{
	pid_t child = fork();
	int status;

	(void)m;
	(void)w;
	if (child < 0 || (child > 0 && waitpid(child, &status, 0) != child))
		bad("fork");
	if (child > 0)
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 72);
}

/* A one-line opener, as many programs have: with optimisation its caller is who glibc sees. */
NOINLINE void *caller_tail(const char *file, int flags)
{
	return dlopen(file, flags);
}

static const struct {
	const char *name;
	void (*run)(struct matrix *m, const char *const w[WORDS]);
} ops[] = {
	{ "open", op_open }, { "mopen", op_mopen }, { "close", op_close }, { "sym", op_sym },
	{ "vsym", op_vsym }, { "call", op_call },   { "int", op_int },	   { "keep", op_keep },
	{ "use", op_use },   { "tail", op_tail },   { "via", op_via },	   { "viasym", op_viasym },
	{ "err", op_err },   { "errno", op_errno }, { "info", op_info },   { "addr", op_addr },
	{ "list", op_list }, { "iconv", op_iconv }, { "env", op_env },	   { "cd", op_cd },
	{ "fork", op_fork },
};

/* Runs one operation with this object as the caller of its dl* functions. */
NOINLINE void caller_run(struct matrix *m, const char *op)
{
	const char *word[WORDS];
	char text[512];

	while (*op == ' ')
		op++;
	if (op[0] == '@') {
		const char slot[] = { op[1], 0 };
		run_fn *run = slot_of(m, slot)->run;

		if (!run)
			bad(op);
		run(m, op + 2);
		return;
	}
	if (!strncmp(op, "thread ", 7)) {
		run_in_thread(m, op + 7);
		return;
	}
	if (strlen(op) >= sizeof text)
		bad("too long");
	strcpy(text, op);
	split(text, word);
	if (!strcmp(word[0], "jit") || !strcmp(word[0], "hop")) {
		op_stub(m, word, word[0][0] == 'h');
		return;
	}
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
		if (!strcmp(ops[i].name, word[0])) {
			ops[i].run(m, word);
			return;
		}
	bad(op);
}

/*
 * Overwrites what the last operation left below the stack pointer. Addresses of library code lie
 * there; read as references by a scan of the stack, they make a close depend on frame layouts.
 * What a live pointer does is the business of `keep`.
 */
static NOINLINE void scrub_stack(void)
{
	volatile char room[32768];

	for (size_t i = 0; i < sizeof room; i++)
		room[i] = 0;
}

int main(int argc, char **argv)
{
	struct matrix *m = (struct matrix *)calloc(1, sizeof *m);
	char *save = NULL, *op;

	if (argc != 2 || !m)
		return 64;
	m->preload = getenv("LD_PRELOAD");
	for (op = strtok_r(argv[1], ";", &save); op; op = strtok_r(NULL, ";", &save)) {
		caller_run(m, op);
		scrub_stack();
	}
	say(" end");
	return 0;
}
