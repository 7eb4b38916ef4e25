/*
 * place.c - what stands at an address of another process, or in what the kernel holds for it, in words.
 *
 * Owns struct lgr_where. The process runs on: what is said was so a moment ago.
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tool.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RED_ZONE 128u /* below the stack pointer, of a function that calls none (x86-64) */

void lgr_where_deinit(struct lgr_where *where)
{
	for (size_t i = 0; i < where->frames; i++)
		free(where->frame[i]);
	free(where->frame);
	free(where->text);
}

void lgr_put_target(FILE *out, const struct lgr_view *view, const struct lgr_proc_object *o,
		    uint64_t value)
{
	uint64_t offset;
	char name[512];

	if (value < o->object.lo || value >= o->object.hi) {
		fprintf(out, "thread-local storage of %s", lgr_object_name(o));
		return;
	}
	fprintf(out, "%s+0x%" PRIx64, lgr_object_name(o), value - o->object.lo);
	if (lgr_dwarf_symbol(view->dwarf, o, value, name, sizeof(name), &offset) < 0)
		return;
	if (offset)
		fprintf(out, " (%s+0x%" PRIx64 ")", name, offset);
	else
		fprintf(out, " (%s)", name);
}

/* ------------------------------------------------------------------ modules */

/* libc's table of keys: elements of 16 bytes, a number that is odd while the key is in use, and the
 * destructor. */
static bool put_key(FILE *out, const char *symbol, uint64_t offset)
{
	if (strcmp(symbol, "__pthread_keys"))
		return false;
	fprintf(out, "__pthread_keys[%" PRIu64 "].%s", offset / 16,
		offset % 16 < 8 ? "seq" : "destructor");
	return true;
}

static void put_module(FILE *out, const struct lgr_view *view, const struct lgr_proc_object *o,
		       uint64_t at)
{
	uint64_t offset;
	char name[512];

	fputs(lgr_object_name(o), out);
	if (lgr_dwarf_symbol(view->dwarf, o, at, name, sizeof(name), &offset) == 0) {
		fputc(' ', out);
		if (put_key(out, name, offset))
			return;
		fputs(name, out);
		if (offset)
			fprintf(out, "+0x%" PRIx64, offset);
	} else if (lgr_dwarf_section(view->dwarf, o, at, name, sizeof(name)) == 0) {
		fprintf(out, " %s", name);
	} else {
		fprintf(out, "+0x%" PRIx64, at - o->object.lo);
	}
}

/* ------------------------------------------------------------------- stacks */

/* A frame, by the function and where it is in it. */
static void put_frame(FILE *out, const struct lgr_view *view, const struct lgr_frame *frame)
{
	/* A return address may be behind the function's last byte. */
	uint64_t ip = frame->interrupted ? frame->ip : frame->ip - 1, offset;
	const struct lgr_proc_object *o = lgr_view_object(view, ip);
	char name[512], line[512];

	if (!o) {
		fprintf(out, "0x%" PRIx64, frame->ip);
	} else if (lgr_dwarf_symbol(view->dwarf, o, ip, name, sizeof(name), &offset) < 0) {
		fprintf(out, "%s+0x%" PRIx64, lgr_object_name(o), frame->ip - o->object.lo);
	} else if (lgr_dwarf_line(view->dwarf, o, ip, line, sizeof(line)) == 0) {
		fprintf(out, "%s at %s", name, line);
	} else {
		fprintf(out, "%s in %s", name, lgr_object_name(o));
	}
}

static void list_frames(const struct lgr_view *view, const struct lgr_stack *stack,
			struct lgr_where *ret)
{
	ret->frame = calloc(stack->count, sizeof(*ret->frame));
	if (!ret->frame)
		return;
	for (size_t i = 0; i < stack->count; i++) {
		size_t size;
		FILE *out = open_memstream(&ret->frame[i], &size);

		if (!out)
			return;
		put_frame(out, view, &stack->frame[i]);
		if (fclose(out) != 0 || !ret->frame[i])
			return;
		ret->frames = i + 1;
	}
}

/* The frame that @at is in; one that is returned to if that is what stands there. */
static size_t find_frame(const struct lgr_stack *stack, uint64_t at, uint64_t value,
			 bool *ret_returns)
{
	size_t i = 0;

	while (i + 1 < stack->count && at >= stack->frame[i + 1].sp)
		i++;
	*ret_returns = i + 1 < stack->count && at + 8 == stack->frame[i + 1].sp &&
		       value == stack->frame[i + 1].ip;
	return *ret_returns ? i + 1 : i;
}

/* What @at is in the stack of @tid. False, and nothing written: it is not among the frames there are. */
static bool put_if_frame(FILE *out, const struct lgr_view *view, pid_t tid, uint64_t at,
			 uint64_t value, struct lgr_where *ret)
{
	_cleanup_(lgr_stack_deinit) struct lgr_stack stack = { 0 };
	bool returns;
	size_t i;

	if (!tid || lgr_unwind(view, tid, &stack) < 0 || at < stack.frame[0].sp - RED_ZONE)
		return false;
	i = find_frame(&stack, at, value, &returns);
	/* How far the last one goes is not known, unless it is the outermost. */
	if (i + 1 == stack.count && !stack.complete && !returns)
		return false;
	list_frames(view, &stack, ret);
	if (i >= ret->frames)
		return false;
	ret->thread = tid;
	ret->says_value = returns;
	lgr_put_thread(out, view, tid);
	fprintf(out, ", frame %zu of %zu: %s", i + 1, stack.count, ret->frame[i]);
	return true;
}

static void put_stack(FILE *out, const struct lgr_view *view, pid_t tid, uint64_t at,
		      uint64_t value, struct lgr_where *ret)
{
	if (put_if_frame(out, view, tid, at, value, ret))
		return;
	ret->thread = tid;
	lgr_put_thread(out, view, tid);
	fprintf(out, ", stack address 0x%" PRIx64, at);
}

/* The stack pointer of a thread that waits in the kernel; 0 where it does not, or that is not said. */
static uint64_t waiting_sp(const struct lgr_view *view, const char *tid)
{
	_cleanup_fclose_ FILE *file = NULL;
	char name[300], line[512], *last, *before;

	snprintf(name, sizeof(name), "task/%s/syscall", tid);
	file = lgr_proc_file(view->proc.pid, name);
	if (!file || !fgets(line, sizeof(line), file))
		return 0;
	last = strrchr(line, ' '); /* number, arguments, stack pointer, program counter */
	if (!last)
		return 0;
	*last = '\0';
	before = strrchr(line, ' ');
	return before ? strtoull(before, NULL, 16) : 0;
}

/* The thread that waits with its stack in @m, nearest below @at; 0: none. */
static pid_t find_waiting(const struct lgr_view *view, const struct lgr_mapping *m, uint64_t at)
{
	char path[64];
	struct dirent *entry;
	uint64_t nearest = 0;
	pid_t found = 0, tid;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)view->proc.pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		uint64_t sp;

		if (!lgr_parse_pid(entry->d_name, &tid))
			continue;
		sp = waiting_sp(view, entry->d_name);
		if (sp >= m->lo && sp < m->hi && sp - RED_ZONE <= at && sp > nearest) {
			nearest = sp;
			found = tid;
		}
	}
	if (tasks)
		closedir(tasks);
	return found;
}

/* Where the kernel put the number of arguments when the program began. */
static uint64_t stack_start(const struct lgr_view *view)
{
	_cleanup_fclose_ FILE *file = lgr_proc_file(view->proc.pid, "stat");
	char line[1024], *at;

	if (!file || !fgets(line, sizeof(line), file))
		return 0;
	at = strrchr(line, ')'); /* field 2; field 28 is wanted */
	for (int field = 2; at && field < 28; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* False: it is no stack. */
static bool put_if_stack(FILE *out, const struct lgr_view *view, const struct lgr_threads *threads,
			 const struct lgr_mapping *m, uint64_t at, uint64_t value,
			 struct lgr_where *ret)
{
	const struct lgr_thread *owner = NULL;

	if (!strcmp(m->name, "[stack]")) {
		uint64_t start = stack_start(view);

		if (start && at >= start)
			fprintf(out, "arguments and environment of the program, [stack] 0x%" PRIx64,
				at);
		else
			put_stack(out, view, view->proc.pid, at, value, ret);
		return true;
	}
	/* libc has a descriptor at the high end of each stack but the first thread's. */
	for (size_t i = 0; i < threads->count; i++) {
		const struct lgr_thread *t = &threads->thread[i];

		if (t->tid != view->proc.pid && strcmp(m->name, "[heap]") && t->at > at &&
		    t->at < m->hi && (!owner || t->at < owner->at))
			owner = t;
	}
	if (!owner)
		return false;
	put_stack(out, view, owner->tid, at, value, ret);
	return true;
}

/* ------------------------------------------------------------------ threads */

/* False: it is nothing of a thread but maybe its stack. */
static bool put_if_threads(FILE *out, const struct lgr_view *view,
			   const struct lgr_threads *threads, uint64_t at, struct lgr_where *ret)
{
	const struct lgr_proc_object *o;
	const struct lgr_thread *t;
	uint64_t offset;
	char name[512];

	t = lgr_threads_tls(view, threads, at, &o, &offset);
	if (t) {
		ret->thread = t->tid;
		fputs("thread-local storage of ", out);
		lgr_put_thread(out, view, t->tid);
		if (lgr_dwarf_tls_symbol(view->dwarf, o, offset, name, sizeof(name)) == 0)
			fprintf(out, ": %s %s", lgr_object_name(o), name);
		else
			fprintf(out, ": %s+0x%" PRIx64, lgr_object_name(o), offset);
		return true;
	}
	for (size_t i = 0; i < threads->count; i++) {
		t = &threads->thread[i];
		if (at < t->at || at - t->at >= threads->size)
			continue;
		ret->thread = t->tid;
		if (threads->start && at == t->at + threads->start)
			fputs("start routine of ", out);
		else
			fputs("descriptor of ", out);
		lgr_put_thread(out, view, t->tid);
		if (!threads->start || at != t->at + threads->start)
			fprintf(out, "+0x%" PRIx64, at - t->at);
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------- memory */

static bool put_if_heap(FILE *out, const struct lgr_view *view, const struct lgr_mapping *m,
			uint64_t at)
{
	struct lgr_chunk c;

	if (lgr_heap_find(view, m, at, &c) < 0)
		return false;
	if (c.part == LGR_HEAP_TOP)
		fprintf(out, "free end of the heap, 0x%" PRIx64, at);
	else if (c.part == LGR_HEAP_HEADER)
		fprintf(out, "header of a %" PRIu64 "-byte heap chunk at 0x%" PRIx64, c.size, c.lo);
	else
		fprintf(out,
			"%" PRIu64 " byte%s into a %s%" PRIu64 "-byte heap chunk at 0x%" PRIx64,
			at - c.lo, at - c.lo == 1 ? "" : "s",
			c.part == LGR_HEAP_FREE ? "free " : "", c.size, c.lo);
	return true;
}

static void put_mapping(FILE *out, const struct lgr_mapping *m, uint64_t at)
{
	if (m->shared && m->inode && strcmp(m->name, "/dev/zero (deleted)"))
		fprintf(out, "shared memory 0x%" PRIx64 ", byte 0x%" PRIx64 " of %s", at,
			at - m->lo + m->offset, m->name);
	else if (m->shared)
		fprintf(out, "shared memory 0x%" PRIx64, at);
	else if (m->inode)
		fprintf(out, "a private mapping of %s, byte 0x%" PRIx64, m->name,
			at - m->lo + m->offset);
	else if (*m->name)
		fprintf(out, "%s+0x%" PRIx64, m->name, at - m->lo);
	else
		fprintf(out, "anonymous memory 0x%" PRIx64, at);
}

static void put_memory(FILE *out, const struct lgr_view *view, uint64_t at, uint64_t value,
		       struct lgr_where *ret)
{
	_cleanup_(lgr_threads_deinit) struct lgr_threads threads = { 0 };
	const struct lgr_mapping *m = lgr_maps_find(&view->maps, at, at + 1);
	const struct lgr_proc_object *o = lgr_view_object(view, at);

	if (!m) {
		fprintf(out, "memory 0x%" PRIx64 " (not mapped)", at);
		return;
	}
	if (o) {
		put_module(out, view, o, at);
		return;
	}
	lgr_threads_read(view, &threads);
	/* Blocks of thread-local storage may be heap chunks, and stacks what looks like one. */
	if (put_if_threads(out, view, &threads, at, ret) ||
	    put_if_stack(out, view, &threads, m, at, value, ret) || put_if_heap(out, view, m, at))
		return;
	/* The stack of a coroutine, if one runs on it. */
	if (m->shared || m->inode ||
	    !put_if_frame(out, view, find_waiting(view, m, at), at, value, ret))
		put_mapping(out, m, at);
}

void lgr_where_memory(const struct lgr_view *view, uint64_t at, uint64_t value,
		      struct lgr_where *ret)
{
	FILE *out;

	memset(ret, 0, sizeof(*ret));
	out = open_memstream(&ret->text, &ret->size);
	if (!out)
		return;
	put_memory(out, view, at, value, ret);
	fclose(out);
}

/* -------------------------------------------------------------- the kernel's */

/*
 * The register set as the kernel gives it (NT_PRSTATUS), then the vectors: the XSAVE area or
 * user_fpsimd_state, as words of 8 bytes.
 */
#if defined(__x86_64__)
static const char *const registers[] = {
	"r15",	  "r14", "r13", "r12",	   "rbp",     "rbx", "r11",	 "r10", "r9",
	"r8",	  "rax", "rcx", "rdx",	   "rsi",     "rdi", "orig_rax", "rip", "cs",
	"eflags", "rsp", "ss",	"fs_base", "gs_base", "ds",  "es",	 "fs",	"gs",
};
static const struct {
	unsigned from, count; /* in words; two are one register */
	const char *name;
} vectors[] = { { 4, 16, "st" }, { 20, 32, "xmm" }, { 72, 32, "ymm" } };
#elif defined(__aarch64__)
static const char *const registers[] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",	 "x7",	"x8",  "x9",	 "x10", "x11",
	"x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",	 "x22", "x23",
	"x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",	"pc",  "pstate",
};
static const struct {
	unsigned from, count;
	const char *name;
} vectors[] = { { 0, 64, "v" } };
#else
#error "the registers of this machine have no names yet"
#endif

static void put_register(FILE *out, uint64_t at)
{
	if (at < COUNT(registers)) {
		fprintf(out, "register %s", registers[at]);
		return;
	}
	at -= COUNT(registers);
	for (size_t i = 0; i < COUNT(vectors); i++) {
		if (at < vectors[i].from || at - vectors[i].from >= vectors[i].count)
			continue;
		fprintf(out, "register %s%" PRIu64, vectors[i].name, (at - vectors[i].from) / 2);
		return;
	}
	fprintf(out, "word %" PRIu64 " of its vector registers", at);
}

static void put_kernel(FILE *out, const struct lgr_view *view, const struct lgr_witness *w,
		       struct lgr_where *ret)
{
	pid_t tid = w->tid ? lgr_thread_here(view, (pid_t)w->tid) : 0;
	const char *name;

	switch (w->place) {
	case LGR_PL_REGISTER:
		ret->thread = tid;
		lgr_put_thread(out, view, tid);
		fputs(": ", out);
		put_register(out, w->at);
		break;
	case LGR_PL_SIGNAL:
		name = w->at < 65 ? sigabbrev_np((int)w->at) : NULL;
		fprintf(out, "the handler of signal %" PRIu64, w->at);
		if (name)
			fprintf(out, " (SIG%s)", name);
		break;
	case LGR_PL_ALTSTACK:
	case LGR_PL_ROBUST:
		ret->thread = tid;
		fputs(w->place == LGR_PL_ROBUST ? "robust list of " : "alternate signal stack of ",
		      out);
		lgr_put_thread(out, view, tid);
		break;
	case LGR_PL_TIMER: fprintf(out, "timer %" PRIu64, w->at); break;
	case LGR_PL_EPOLL: fprintf(out, "data of epoll descriptor %" PRIu64, w->at); break;
	default: fprintf(out, "a place of a kind this command does not know (%u)", w->place);
	}
}

void lgr_where_kernel(const struct lgr_view *view, const struct lgr_witness *witness,
		      struct lgr_where *ret)
{
	FILE *out;

	memset(ret, 0, sizeof(*ret));
	out = open_memstream(&ret->text, &ret->size);
	if (!out)
		return;
	put_kernel(out, view, witness, ret);
	fclose(out);
}
