/*
 * fuzz_reach.c - soundness of the policy `safe`: closes libraries to which exactly one reference exists.
 *
 * usage: fuzz_reach TESTERS ROUNDS SEED FOLDER PLUGIN OTHER [KIND[:WHAT]...]	(PLUGIN: plug_reach.so)
 *        fuzz_reach kinds
 *
 * In each round a tester opens a copy of the plugin, puts one address of it (code, data, constants, a
 * thread-local variable, the first or last byte) into one kind of place (reach_places.c) or, kind `none`,
 * into none, closes it, makes some more calls of dlopen and dlclose, during which linger may look again,
 * and looks whether the library is there still. Then it uses the reference and drops it. In a quarter of
 * the rounds the reference moves: it is somewhere else when the library is closed, and in its place soon
 * after. TESTERS 0: one thread in the process; else that many testers, the first one's helper being the
 * main thread, and one thread more that opens and closes libraries all the time.
 *
 * The rule for all of this code: an address of a library exists only XORed with REACH_KEY, except in the
 * place in question and in frames and registers of functions that return to clean ones; these are wiped
 * before the library is closed. Whether it is mapped is asked of the kernel: each load has a number in its
 * memory, read by process_vm_readv(2), so that another library in the same place is not taken for it.
 *
 * WHAT: code data constant tls edge; without it any that the kind can have.
 *
 * Prints for each kind: rounds, wrong (closed although referenced: never allowed), and when the library
 * was unmapped once nothing referred to it: in the close itself, within ten calls, later, never.
 * Status: 0, 1 there was a wrong close, 2 the fuzz itself failed.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reach.h"
#include "region.h"

enum { MOST_TESTERS = 8, MOST_KINDS = 96, SOON = 10, SETTLE_SECONDS = 5 };

struct count {
	_Atomic long left, rounds, wrong, at_once, soon, later, never;
	unsigned what; /* addresses of these only; 0: any */
};

unsigned char reach_vectors = 16;
static struct count counts[MOST_KINDS];
static struct tester testers[MOST_TESTERS + 1];
static struct helper helpers[MOST_TESTERS];
static _Atomic int over, reported;
static bool stay; /* REACH_STAY in the environment: no reference moves */
static _Atomic uint64_t last_number, reopened, moved, used_numbers[4096];
static _Thread_local const char *doing = "nothing";

unsigned pick(struct tester *t, unsigned n)
{
	return (unsigned)rand_r(&t->random) % n;
}

/* Called by the libraries. */
void reach_used(uint64_t number);
void reach_used(uint64_t number)
{
	atomic_store(&used_numbers[number % 4096], number);
}

bool was_used(uint64_t number)
{
	return atomic_exchange(&used_numbers[number % 4096], 0) == number;
}

/* ------------------------------------------------------------------------------------ libraries */

static __attribute__((noinline)) bool number_at(hidden at, uint64_t number)
{
	uint64_t there = 0;
	struct iovec here = { &there, sizeof(there) }, it = { (void *)hide(at), sizeof(there) };

	return process_vm_readv(getpid(), &here, 1, &it, 1, 0) == sizeof(there) && there == number;
}

bool library_alive(const struct library *lib)
{
	bool alive = number_at(lib->at[REACH_NUMBER], lib->number);

	wipe();
	return alive;
}

static __attribute__((noinline)) void open_it(struct tester *t, struct library *lib)
{
	uintptr_t (*address)(int, uint64_t);
	bool was_there;

	lib->handle = dlopen(lib->path, pick(t, 2) ? RTLD_NOW : RTLD_LAZY);
	check(lib->handle, "dlopen: %s", dlerror());
	address = (uintptr_t(*)(int, uint64_t))(uintptr_t)dlsym(lib->handle, "reach_address");
	check(address, "dlsym: %s", dlerror());
	was_there = lib->number && hide(address(REACH_DATA, 0)) == lib->at[REACH_DATA] &&
		    number_at(lib->at[REACH_NUMBER], lib->number);
	reopened += was_there;
	lib->number = ++last_number;
	for (int i = 0; i < REACH_ADDRESSES; i++)
		if (i != REACH_TLS)
			lib->at[i] = hide(address(i, lib->number));
}

/* Only when it is wanted: the variable is allocated then. */
static __attribute__((noinline)) void open_tls(struct library *lib)
{
	uintptr_t (*address)(int, uint64_t) = (uintptr_t(*)(int, uint64_t))(uintptr_t)dlsym(
		lib->handle, "reach_address");

	lib->at[REACH_TLS] = hide(address(REACH_TLS, lib->number));
}

/* What linger says of a library that has not gone. */
static void say_why(const struct library *lib)
{
#define X(id, text, ...) text,
	static const char *const places[] = { LGR_PLACES(X) },
				 *const encodings[] = { LGR_ENCODINGS(X) },
				 *const reasons[] = { LGR_REASONS(X) };
#undef X
	static _Atomic int said;
	const struct lgr_region *region = region_find();

	for (uint64_t i = 0; region && i < region->slots_used; i++) {
		const struct lgr_object *objects =
			(const struct lgr_object *)(uintptr_t)region->chunk[i / LGR_OBJECT_CHUNK];
		const struct lgr_object *o = &objects[i % LGR_OBJECT_CHUNK];
		const struct lgr_witness *w = &o->witness;

		if (!o->id || hide(o->lo) != lib->at[REACH_LO] || said++ >= 20)
			continue;
		fprintf(stderr,
			"# %s: %s is not gone: state %u, %s, %s %s at 0x%llx, value +0x%llx, "
			"thread %u\n",
			kinds[lib->kind].name, lib->path, o->state, reasons[o->reason],
			places[w->place], encodings[w->encoding], (unsigned long long)w->at,
			(unsigned long long)(w->value - o->lo), w->tid);
	}
}

static void never(struct library *lib)
{
	counts[lib->kind].never++;
	say_why(lib);
	wipe();
}

static void sweep(struct tester *t)
{
	for (int i = 0; i < LIBRARIES; i++) {
		struct library *lib = &t->library[i];

		if (lib->kind < 0 || lib->in_use || library_alive(lib))
			continue;
		if (t->calls - lib->dropped <= SOON)
			counts[lib->kind].soon++;
		else
			counts[lib->kind].later++;
		lib->kind = -1;
	}
}

struct library *library_open(struct tester *t)
{
	struct library *lib = NULL;

	sweep(t);
	/* One that nobody waits for, else the one that was closed first. */
	for (int i = 0; i < LIBRARIES; i++) {
		struct library *candidate = &t->library[(t->next + i) % LIBRARIES];

		if (candidate->in_use)
			continue;
		if (candidate->kind < 0) {
			lib = candidate;
			break;
		}
		if (!lib || candidate->dropped < lib->dropped)
			lib = candidate;
	}
	t->next = (int)(lib - t->library) + 1;
	if (lib->kind >= 0)
		never(lib);
	lib->kind = -1;
	lib->in_use = true;
	open_it(t, lib);
	t->calls++;
	wipe();
	return lib;
}

void library_close(struct tester *t, struct library *lib)
{
	wipe();
	check(dlclose(lib->handle) == 0, "dlclose: %s", dlerror());
	lib->handle = NULL;
	t->calls++;
	wipe();
}

/* Nothing refers to it any more; whose it was counts it when it goes. */
void library_drop(struct tester *t, struct library *lib, int kind)
{
	lib->kind = kind;
	lib->dropped = t->calls;
	lib->in_use = false;
}

static void nap(long us)
{
	struct timespec time = { 0, us * 1000 };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

/* Calls that have nothing to do with the library; linger looks at what it keeps in them. */
static void call_others(struct tester *t, unsigned n)
{
	while (n-- > 0) {
		const char *path = NULL;
		void *handle;

		switch (pick(t, 4)) {
		case 0: path = t->other; break;
		case 1: path = "libc.so.6"; break;
		default: break;
		}
		if (pick(t, 10) == 0)
			nap(200 + pick(t, 2500));
		handle = dlopen(path, RTLD_NOW);
		check(handle, "dlopen: %s", dlerror());
		dlclose(handle);
		t->calls += 2;
		wipe();
	}
}

/* What has just been kept is looked at once more after retry's lower end, which is 1 ms where it counts. */
static void look_again(struct tester *t)
{
	nap(1100);
	call_others(t, 1 + pick(t, 2));
}

/* --------------------------------------------------------------------------------------- rounds */

__attribute__((noinline)) bool use_hidden(hidden address, enum what what, uintptr_t offset,
					  uint64_t number)
{
	uintptr_t at = hide(address);

	switch (what) {
	case CODE: return ((uint64_t(*)(void))(at - offset))() == ~number;
	case DATA: return *(volatile uint64_t *)at == number;
	case RODATA: return *(volatile char *)at == REACH_TEXT[offset];
	case TLS: return *(volatile uint64_t *)at == number;
	default: return *(volatile char *)at || true;
	}
}

/* Which address it is. */
static __attribute__((noinline)) void choose(struct tester *t, unsigned allowed)
{
	struct library *lib = t->lib;
	hidden at;

	do
		t->what = 1 << pick(t, 5);
	while (!(allowed & t->what));
	t->offset = 0;
	switch (t->what) {
	case CODE:
		at = lib->at[REACH_CODE];
		t->offset = pick(t, 2) ? pick(t, 8) : 0;
		break;
	case DATA:
		at = lib->at[REACH_DATA];
		t->offset = 8 * pick(t, REACH_WORDS);
		break;
	case RODATA:
		at = lib->at[REACH_RODATA];
		t->offset = pick(t, sizeof(REACH_TEXT) - 1);
		break;
	case TLS:
		open_tls(lib);
		wipe();
		at = lib->at[REACH_TLS];
		t->offset = 8 * pick(t, 8);
		break;
	default: at = lib->at[pick(t, 2) ? REACH_LO : REACH_HI]; break;
	}
	t->address = hide(hide(at) + t->offset);
	wipe();
}

static unsigned what_of(const struct kind *kind)
{
	unsigned only = counts[kind - kinds].what & kind->what;

	return only ? only : kind->what;
}

static const char *name_of(enum what what)
{
	return what == CODE	? "code"
	       : what == DATA	? "data"
	       : what == RODATA ? "constant"
	       : what == TLS	? "tls"
				: "edge";
}

static void report(struct tester *t, const struct kind *kind, const char *what)
{
	counts[kind - kinds].wrong++;
	if (reported++ < 30)
		fprintf(stderr, "# %s: %s (%s of load %llu, tester %d)\n", kind->name, what,
			name_of(t->what), (unsigned long long)t->lib->number, t->index);
}

/* Whether it is there, as it must be. */
static bool look(struct tester *t, struct held *h, const char *when)
{
	bool there = library_alive(t->lib) && (!h->second || !h->slot || library_alive(h->second));

	if (!there) {
		report(t, h->kind, when);
		h->wrong = true;
	}
	return there;
}

static void put(struct tester *t, struct held *h, const struct kind *kind)
{
	memset(h, 0, sizeof(*h));
	h->kind = kind;
	h->fd = -1;
	kind->put(t, h);
	wipe();
}

static void drop(struct tester *t, struct held *h)
{
	h->kind->drop(t, h);
	/* Where it was may be another library's next. */
	memset(h, 0, sizeof(*h));
	wipe();
}

static void use(struct tester *t, struct held *h)
{
	bool same = h->kind->use ? h->kind->use(t, h)
				 : use_hidden(t->address, t->what, t->offset, t->lib->number);

	wipe();
	if (!same)
		report(t, h->kind, "it is there, but not what it was");
}

static bool can(struct tester *t, const struct kind *kind)
{
	return !(kind->flags & (t->threads ? SINGLE : THREADED)) && (!kind->can || kind->can(t));
}

/* Another one where the reference may be first: simple, without the help of a thread. */
static const struct kind *first_place(struct tester *t, const struct kind *kind)
{
	const struct kind *first;

	if (stay || (kind->flags & FIXED) || pick(t, 4))
		return kind;
	do
		first = &kinds[pick(t, (unsigned)kinds_count)];
	while (first->flags || !can(t, first) || !(first->what & what_of(kind)));
	return first;
}

static void round_of_memory(struct tester *t, const struct kind *kind)
{
	const struct kind *first = first_place(t, kind);
	struct held h[2];

	choose(t, first->what & what_of(kind));
	put(t, &h[0], first);
	library_close(t, t->lib);
	if (first->closed) {
		first->closed(t, &h[0]);
		wipe();
	}
	if (first->closed || pick(t, 2))
		look_again(t);
	look(t, &h[0], "closed although referenced");
	if (first != kind) {
		moved++;
		if (h[0].wrong) {
			drop(t, &h[0]);
			return;
		}
		put(t, &h[1], kind);
		drop(t, &h[0]);
		look_again(t);
		look(t, &h[1], "closed when the reference had moved");
		h[0] = h[1];
		memset(&h[1], 0, sizeof(h[1]));
	}
	if (!h[0].wrong)
		use(t, &h[0]);
	drop(t, &h[0]);
}

struct around {
	struct tester *t;
	const struct kind *kind;
};

static void close_within(void *arg)
{
	struct around *a = arg;
	struct held h = { .kind = a->kind };

	library_close(a->t, a->t->lib);
	look_again(a->t);
	if (look(a->t, &h, "closed although referenced"))
		use(a->t, &h);
}

static void round_around(struct tester *t, const struct kind *kind)
{
	struct around a = { t, kind };

	choose(t, what_of(kind));
	kind->around(t, close_within, &a);
	wipe();
}

/* What is registered there stays for the rest of the process. */
static void round_in_child(struct tester *t, const struct kind *kind)
{
	int status = 0;
	pid_t child = fork();
	struct held h;

	check(child >= 0, "fork: %s", strerror(errno));
	if (child == 0) {
		alarm(60);
		t->lib = library_open(t);
		put(t, &h, kind);
		library_close(t, t->lib);
		look_again(t);
		if (!library_alive(t->lib))
			_exit(3);
		exit(0);
	}
	check(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != REACH_EXIT) {
		counts[kind - kinds].wrong++;
		if (reported++ < 30)
			fprintf(stderr, "# %s: a child ended with status 0x%x\n", kind->name,
				(unsigned)status);
	}
}

static void one_round(struct tester *t, const struct kind *kind)
{
	struct count *count = &counts[kind - kinds];

	doing = kind->name;
	count->rounds++;
	if (kind->flags & FORKED) {
		t->lib = &t->library[0];
		round_in_child(t, kind);
		return;
	}
	t->lib = library_open(t);
	if (kind->around) {
		round_around(t, kind);
	} else if (kind->put) {
		round_of_memory(t, kind);
	} else {
		choose(t, what_of(kind)); /* as the others; it is put nowhere */
		library_close(t, t->lib);
		if (!library_alive(t->lib)) {
			count->at_once++;
			t->lib->in_use = false;
			return;
		}
	}
	library_drop(t, t->lib, (int)(kind - kinds));
	call_others(t, 2);
	sweep(t);
}

/* The next kind that has rounds left, taken at random. */
static const struct kind *next_kind(struct tester *t)
{
	unsigned start = pick(t, (unsigned)kinds_count);

	for (int i = 0; i < kinds_count; i++) {
		int k = (int)(start + (unsigned)i) % kinds_count;

		if (can(t, &kinds[k]) && counts[k].left > 0 && counts[k].left-- > 0)
			return &kinds[k];
	}
	return NULL;
}

static bool waits(struct tester *t)
{
	for (int i = 0; i < LIBRARIES; i++)
		if (t->library[i].kind >= 0)
			return true;
	return false;
}

static void *test(void *arg)
{
	struct tester *t = arg;
	const struct kind *kind = &kinds[0];
	time_t end;

	while (t->only_none ? !over : (kind = next_kind(t)) != NULL)
		one_round(t, kind);
	end = time(NULL) + SETTLE_SECONDS;
	while (waits(t) && time(NULL) < end) {
		call_others(t, 1);
		nap(1000);
		sweep(t);
	}
	for (int i = 0; i < LIBRARIES; i++)
		if (t->library[i].kind >= 0)
			never(&t->library[i]);
	return NULL;
}

static void *last_test(void *arg)
{
	for (int i = 0; i < MOST_TESTERS && testers[i].threads && !testers[i].only_none; i++)
		pthread_join(testers[i].thread, NULL);
	over = 1;
	for (int i = 0; i <= MOST_TESTERS; i++)
		if (testers[i].only_none)
			pthread_join(testers[i].thread, NULL);
	helper_quit(arg);
	return NULL;
}

/* --------------------------------------------------------------------------------------- start */

static void copy_file(const char *from, const char *to)
{
	static char bytes[1 << 20];
	FILE *in = fopen(from, "rbe"), *out = fopen(to, "wbe");
	size_t n = in ? fread(bytes, 1, sizeof(bytes), in) : 0;

	check(n && n < sizeof(bytes) && out && fwrite(bytes, 1, n, out) == n && !fclose(out),
	      "cannot copy %s to %s", from, to);
	fclose(in);
	memset(bytes, 0,
	       sizeof(bytes)); /* a file's words are no addresses, but small ones may do */
}

static void make_tester(int index, bool threads, unsigned seed, char **argv)
{
	struct tester *t = &testers[index];

	t->index = index;
	t->threads = threads;
	t->random = seed * 977 + (unsigned)index;
	snprintf(t->folder, sizeof(t->folder), "%s", argv[4]);
	for (int i = 0; i < LIBRARIES; i++) {
		t->library[i].kind = -1;
		snprintf(t->library[i].path, sizeof(t->library[i].path), "%s/r%d.%d.so", argv[4],
			 index, i);
		copy_file(argv[5], t->library[i].path);
	}
	snprintf(t->other, sizeof(t->other), "%s/o%d.so", argv[4], index);
	copy_file(argv[6], t->other);
	check(!pthread_key_create(&t->key, NULL), "no key");
}

static void on_crash(int number)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "# signal %d in a round of %s\n", number, doing);

	if (write(2, text, (size_t)n) != n)
		_exit(4);
	signal(number, SIG_DFL);
}

static void want(char **names, int n, long rounds)
{
	for (int i = 0; i < kinds_count; i++)
		counts[i].left = n ? 0 : rounds;
	for (; n-- > 0; names++) {
		const char *colon = strchr(*names, ':');
		size_t length = colon ? (size_t)(colon - *names) : strlen(*names);
		int i = 0;

		while (i < kinds_count &&
		       (strncmp(kinds[i].name, *names, length) || kinds[i].name[length]))
			i++;
		check(i < kinds_count, "there is no kind %s", *names);
		counts[i].left = rounds;
		for (unsigned what = 1; colon && what <= EDGE; what <<= 1)
			if (!strcmp(name_of(what), colon + 1))
				counts[i].what |= what;
		check(!colon || counts[i].what, "there is no address of the kind %s", colon + 1);
	}
}

static int print(void)
{
	const struct lgr_region *region = region_find();
	long wrong = 0;

	printf("%-18s %7s %6s %8s %6s %6s %6s\n", "kind", "rounds", "wrong", "at-once", "soon",
	       "later", "never");
	for (int i = 0; i < kinds_count; i++) {
		struct count *c = &counts[i];

		wrong += c->wrong;
		if (c->rounds)
			printf("%-18s %7ld %6ld %8ld %6ld %6ld %6ld\n", kinds[i].name, c->rounds,
			       c->wrong, c->at_once, c->soon, c->later, c->never);
	}
	printf("# %llu loads, %llu of them of a library that was kept; %llu references moved\n",
	       (unsigned long long)last_number, (unsigned long long)reopened,
	       (unsigned long long)moved);
	if (region && region->counter[LGR_N_SCANS])
		printf("# %llu looks, %llu us each, %llu us the longest, %llu could not see "
		       "everything\n",
		       (unsigned long long)region->counter[LGR_N_SCANS],
		       (unsigned long long)(region->counter[LGR_N_SCAN_NS] /
					    region->counter[LGR_N_SCANS] / 1000),
		       (unsigned long long)region->counter[LGR_N_LONGEST_SCAN_NS] / 1000,
		       (unsigned long long)region->counter[LGR_N_SCANS_UNSEEN]);
	return wrong != 0;
}

int main(int argc, char **argv)
{
	struct rlimit files = { 0, 0 };
	int n;

	if (argc == 2 && !strcmp(argv[1], "kinds")) {
		for (int i = 0; i < kinds_count; i++)
			printf("%s%s\n", kinds[i].name,
			       kinds[i].flags & THREADED ? " threads"
			       : kinds[i].flags & SINGLE ? " single"
							 : "");
		return 0;
	}
	check(argc >= 7 && (n = atoi(argv[1])) >= 0 && n <= MOST_TESTERS - 1,
	      "usage: fuzz_reach TESTERS ROUNDS SEED FOLDER PLUGIN OTHER [KIND...]");
#ifdef __x86_64__
	reach_vectors = __builtin_cpu_supports("avx512f") ? 64
			: __builtin_cpu_supports("avx")	  ? 32
							  : 16;
#endif
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGSEGV, on_crash);
	signal(SIGBUS, on_crash);
	signal(SIGILL, on_crash);
	stay = getenv("REACH_STAY") != NULL;
	places_init();
	want(argv + 7, argc - 7, atol(argv[2]));
	for (int i = 0; i <= n && (i < n || n > 0 || i == 0); i++)
		make_tester(i, n > 0, (unsigned)atoi(argv[3]), argv);
	if (n == 0) {
		test(&testers[0]);
		return print();
	}
	for (int i = 0; i < n; i++) {
		testers[i].helper = &helpers[i];
		helper_init(&helpers[i]);
		if (i > 0)
			helper_start(&helpers[i]);
	}
	testers[n].only_none = true;
	for (int i = 0; i <= n; i++)
		check(!pthread_create(&testers[i].thread, NULL, test, &testers[i]), "no thread");
	check(!pthread_create(&testers[MOST_TESTERS].thread, NULL, last_test, &helpers[0]),
	      "no thread");
	helper_loop(&helpers[0]);
	return print();
}
