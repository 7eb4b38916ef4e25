/*
 * unwind.c - the stack and the registers of a thread of another process. The only file that uses
 * libunwind, and the only one that stops a thread.
 *
 * Owns: which process is being unwound, for the accessors that libunwind calls.
 * A thread is stopped for as long as its frames are listed, and runs on in every case: the kernel lets go
 * of it when this command ends, whatever the reason. Unwind tables are read from the process's memory:
 * a file may be gone, replaced, or without a name.
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <errno.h>
#include <libunwind-ptrace.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "tool.h"

#define STOP_NS 1000000000 /* a thread inside vfork stops only when its child has left */
#define POLL_NS 200000

static const struct lgr_view *unwound;

/* ----------------------------------------------------------------- stopping */

/* Waits for @tid to stop: the signal it stopped with, 0 if for us, or a negative errno. */
static int wait_for_stop(pid_t tid)
{
	int status;
	pid_t got;

	for (long waited = 0; waited < STOP_NS; waited += POLL_NS) {
		struct timespec pause = { .tv_nsec = POLL_NS };

		got = waitpid(tid, &status, __WALL | WNOHANG);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == tid && !WIFSTOPPED(status))
			return -ESRCH;
		/* A signal on its way in is handed on when it is let go. */
		if (got == tid)
			return status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static int stop(pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0 ||
	    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
		return -errno;
	return wait_for_stop(tid);
}

/* ---------------------------------------------------------- unwinding tables */

#define TABLE_ENTRY 8u	    /* bytes: two 32-bit distances */
#define TABLE_MAX (1 << 26) /* entries; no real table comes near */

/* Not declared in a header of libunwind, but there for debuggers and profilers. */
#define dwarf_search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
extern int dwarf_search_unwind_table(unw_addr_space_t, unw_word_t, unw_dyn_info_t *,
				     unw_proc_info_t *, int, void *);

/* The head of .eh_frame_hdr as every linker writes it (LSB, "Exception Frames"). */
struct table_head {
	uint8_t version, frame_encoding, count_encoding, table_encoding;
	int32_t frame;
	uint32_t count;
};
#define ENCODED_UDATA4 0x03
#define ENCODED_PCREL_SDATA4 0x1b
#define ENCODED_DATAREL_SDATA4 0x3b

/* The sorted table of @o's unwind entries, in its memory. */
static int find_table(const struct lgr_object *o, unw_dyn_info_t *ret)
{
	pid_t pid = unwound->proc.pid;
	struct table_head head = { 0 };
	uint64_t at, size;
	int r;

	r = lgr_elf_find_segment(lgr_read_process, &pid, o->lo, PT_GNU_EH_FRAME, &at, &size);
	if (r == 0)
		r = lgr_proc_read(pid, at, &head, sizeof(head));
	if (r < 0 || head.version != 1 || head.frame_encoding != ENCODED_PCREL_SDATA4 ||
	    head.count_encoding != ENCODED_UDATA4 ||
	    head.table_encoding != ENCODED_DATAREL_SDATA4 || head.count > TABLE_MAX)
		return -UNW_ENOINFO;
	memset(ret, 0, sizeof(*ret));
	ret->format = UNW_INFO_FORMAT_REMOTE_TABLE;
	ret->start_ip = o->lo;
	ret->end_ip = o->hi;
	ret->u.rti.segbase = at;
	ret->u.rti.table_data = at + sizeof(head);
	ret->u.rti.table_len = (unw_word_t)head.count * TABLE_ENTRY / sizeof(unw_word_t);
	return 0;
}

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need,
			  void *arg)
{
	const struct lgr_proc_object *o = lgr_view_object(unwound, ip);
	unw_dyn_info_t table;

	if (!o || find_table(&o->object, &table) < 0)
		return -UNW_ENOINFO;
	return dwarf_search_unwind_table(as, ip, &table, pi, need, arg);
}

static int access_memory(unw_addr_space_t as, unw_word_t at, unw_word_t *value, int write,
			 void *arg)
{
	if (write || lgr_proc_read(unwound->proc.pid, at, value, sizeof(*value)) < 0)
		return -UNW_EINVAL;
	return 0;
}

/* libunwind takes its own notes back without being asked. */
static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg)
{
}

/* ------------------------------------------------------------------- frames */

static int add_frame(struct lgr_stack *stack, unw_cursor_t *cursor)
{
	struct lgr_frame *grown;
	unw_word_t ip, sp;

	if (unw_get_reg(cursor, UNW_REG_IP, &ip) < 0 || unw_get_reg(cursor, UNW_REG_SP, &sp) < 0)
		return -EBADMSG;
	grown = lgr_grow(stack->frame, &stack->cap, stack->count, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	stack->frame = grown;
	grown[stack->count] = (struct lgr_frame){
		.ip = ip,
		.sp = sp,
		.interrupted = stack->count == 0 || unw_is_signal_frame(cursor) > 0,
	};
	stack->count++;
	return 0;
}

static int list_frames(unw_addr_space_t as, void *upt, struct lgr_stack *stack)
{
	unw_cursor_t cursor;
	int r = 0, more = 0;

	if (unw_init_remote(&cursor, as, upt) < 0)
		return -EBADMSG;
	do {
		r = add_frame(stack, &cursor);
		if (r == 0 && stack->count < LGR_FRAMES_MAX)
			more = unw_step(&cursor);
	} while (r == 0 && stack->count < LGR_FRAMES_MAX && more > 0);
	stack->complete = more == 0 && stack->count < LGR_FRAMES_MAX;
	return stack->count ? 0 : r;
}

static int unwind_stopped(pid_t tid, struct lgr_stack *stack)
{
	unw_accessors_t accessors = _UPT_accessors;
	unw_addr_space_t as;
	int r = -ENOMEM;
	void *upt;

	accessors.find_proc_info = find_proc_info;
	accessors.put_unwind_info = put_unwind_info;
	accessors.access_mem = access_memory;
	as = unw_create_addr_space(&accessors, 0);
	upt = _UPT_create(tid);
	if (as && upt)
		r = list_frames(as, upt, stack);
	if (upt)
		_UPT_destroy(upt);
	if (as)
		unw_destroy_addr_space(as);
	return r;
}

int lgr_unwind(const struct lgr_view *view, pid_t tid, struct lgr_stack *ret)
{
	int signal, r;

	memset(ret, 0, sizeof(*ret));
	signal = stop(tid);
	if (signal < 0)
		return signal;
	unwound = view;
	r = unwind_stopped(tid, ret);
	unwound = NULL;
	ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)signal);
	return r;
}

void lgr_stack_deinit(struct lgr_stack *stack)
{
	free(stack->frame);
}
