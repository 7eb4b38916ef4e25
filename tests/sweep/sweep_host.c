/*
 * sweep_host.c - opens one library and closes it; says when it is about to, and what linger says then.
 *
 * usage: sweep_host LIBRARY OTHER		(driven by sweep.py, through its standard input and output)
 *
 * Prints a line and waits for one, at each point where somebody may look at the process:
 *	start SP GUARD TCB	before anything: this frame's stack pointer, libc's pointer guard, and
 *				where the thread's control block is
 *	open  | failed TEXT	the library is open, and about to be closed; or it cannot be opened
 *	closed			each time it is told `call`, it opens and closes OTHER
 *	object ...		told `say`: what linger has noted of each object that it keeps; then `end`
 * It keeps no address of the library: the handle is the loader's, and goes with the call.
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../stress/region.h"

/* What the other side says; stdio's buffers are no part of the frames below. */
static char command[64];

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static void hear(void)
{
	size_t n = 0;

	do {
		if (n + 1 == sizeof(command) || read(0, &command[n], 1) != 1)
			_exit(3);
	} while (command[n++] != '\n');
	command[n - 1] = '\0';
}

static const char *name(const char *const *names, unsigned n, unsigned i)
{
	return i < n ? names[i] : "?";
}

/* The region is read as `linger ls` does it, but from within. */
static void say_kept(const struct lgr_region *region)
{
#define X(id, text, ...) text,
	static const char *const reasons[] = { LGR_REASONS(X) };
	static const char *const places[] = { LGR_PLACES(X) };
	static const char *const encodings[] = { LGR_ENCODINGS(X) };
	static const char *const unseen[] = { LGR_UNSEEN(X) };
#undef X

	for (uint64_t i = 0; region && i < region->slots_used; i++) {
		const struct lgr_object *objects =
			(const struct lgr_object *)(uintptr_t)region->chunk[i / LGR_OBJECT_CHUNK];
		const struct lgr_object *o = &objects[i % LGR_OBJECT_CHUNK];
		const struct lgr_witness *w = &o->witness;

		if (!o->id || o->state != LGR_ST_KEPT)
			continue;
		printf("object %" PRIu64 " %" PRIx64 " %" PRIx64 " %s %s %s %" PRIx64 " %" PRIx64
		       " %u %s %s\n",
		       o->id, o->lo, o->hi, name(reasons, LGR_RSN_COUNT, o->reason),
		       name(places, LGR_PL_COUNT, w->place),
		       name(encodings, LGR_EN_COUNT, w->encoding), w->at, w->value, w->tid,
		       w->place == LGR_PL_UNSEEN ? name(unseen, LGR_UN_COUNT, (unsigned)w->at)
						 : "-",
		       (const char *)(uintptr_t)o->path);
	}
	if (region)
		printf("scans %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", region->counter[LGR_N_SCANS],
		       region->counter[LGR_N_SCAN_NS], region->counter[LGR_N_LONGEST_SCAN_NS]);
}

/* What the kernel alone knows: for a witness in such a place. */
static void say_kernel(void)
{
	stack_t alternative;

	for (int i = 1; i < 65; i++) {
		struct {
			void *handler;
			unsigned long flags;
			void *restorer;
			unsigned long mask;
		} action = { 0 };

		/* libc's own sigaction refuses two of them. */
		if (syscall(13, i, NULL, &action, sizeof(action.mask)) == 0 &&
		    (uintptr_t)action.handler > 1)
			printf("signal %d %p %p\n", i, action.handler, action.restorer);
	}
	if (sigaltstack(NULL, &alternative) == 0 && !(alternative.ss_flags & SS_DISABLE))
		printf("altstack %p %zx\n", alternative.ss_sp, alternative.ss_size);
}

static __attribute__((noinline)) void say_all(void)
{
	say_kernel();
	say_kept(region_find());
	say("end");
}

int main(int argc, char **argv)
{
	uintptr_t sp = 0, guard = 0, thread = 0;
	void *handle;

	if (argc != 3)
		return 2;
#ifdef __x86_64__
	__asm__ volatile("mov %%rsp, %0\n\tmov %%fs:0x30, %1\n\tmov %%fs:0, %2"
			 : "=r"(sp), "=r"(guard), "=r"(thread));
#endif
	printf("start %zx %zx %zx\n", (size_t)sp, (size_t)guard, (size_t)thread);
	fflush(stdout);
	hear();
	handle = dlopen(argv[1], RTLD_NOW);
	if (!handle) {
		printf("failed %s\n", dlerror());
		return 0;
	}
	say("open");
	hear();
	dlclose(handle);
	handle = NULL;
	say("closed");
	for (;;) {
		hear();
		if (command[0] == 'c') {
			/* Its own notes would be found by those who look. */
			void *other = dlopen(argv[2], RTLD_NOW);

			if (other)
				dlclose(other);
			say("called");
		} else if (command[0] == 's') {
			say_all();
		} else {
			break;
		}
	}
	/* Not exit: what the library registered there is none of this test's business. */
	_exit(0);
}
