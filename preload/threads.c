/*
 * threads.c - glibc's own list of threads. See threads.h.
 *
 * Owns: where the fields are, written at start; the place of the stack's block, once it is known, under
 * lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "threads.h"

#include "elf.h"
#include "log.h"
#include "real.h"
#include "text.h"

#define THREADS_MOST 100000u  /* a list that is longer is a ring of something else */
#define SMALLEST_STACK 16384u /* PTHREAD_STACK_MIN */
#define ABOVE_DESCRIPTOR ((uintptr_t)1 << 20) /* static TLS there on some machines */
#define UNALLOCATED UINTPTR_MAX		      /* TLS_DTV_UNALLOCATED */

/* What libc exports for libthread_db: {bits, count, offset} for a field (nptl_db/thread_dbP.h). */
#define FIELDS(X)                                                                                  \
	X(LIST, "_thread_db_pthread_list")                                                         \
	X(TID, "_thread_db_pthread_tid")                                                           \
	X(DTV, "_thread_db_pthread_dtvp")                                                          \
	X(USED, "_thread_db_rtld_global__dl_stack_used")                                           \
	X(USER, "_thread_db_rtld_global__dl_stack_user")                                           \
	X(SLOTS, "_thread_db_rtld_global__dl_tls_dtv_slotinfo_list")                               \
	X(MODULE, "_thread_db_link_map_l_tls_modid")                                               \
	X(OFFSET, "_thread_db_link_map_l_tls_offset")

enum {
#define X(id, name) FIELD_##id,
	FIELDS(X)
#undef X
		FIELD_COUNT
};

static struct {
	uint32_t at[FIELD_COUNT];
	uint32_t size; /* of struct pthread */
	uint32_t
		block; /* where it has {block, its size, guard, guard as asked for}; 0: not known yet */
	bool known;
} fields;

struct list {
	struct list *next, *previous;
};

void lgr_threads_find(void)
{
	static const char *const names[] = {
#define X(id, name) name,
		FIELDS(X)
#undef X
	};
	const uint32_t *size;
	struct lgr_elf elf;

	lgr_elf_init(&elf, lgr_libc.libc->l_addr, lgr_libc.libc->l_ld);
	size = (const uint32_t *)lgr_elf_symbol(&elf, "_thread_db_sizeof_pthread");
	fields.known = size && *size < ABOVE_DESCRIPTOR;
	for (int i = 0; i < FIELD_COUNT && fields.known; i++) {
		const uint32_t *descriptor = (const uint32_t *)lgr_elf_symbol(&elf, names[i]);

		fields.known = descriptor;
		if (descriptor)
			fields.at[i] = descriptor[2];
	}
#ifdef LGR_FORGET
	if (lgr_equal(LGR_FORGET, "_thread_db"))
		fields.known = false;
#endif
	if (fields.known)
		fields.size = *size;
	else
		lgr_log_error(LGR_RSN_E_FIELDS, "_thread_db");
}

static uintptr_t word_of(uintptr_t descriptor, uint32_t at)
{
	return *(const volatile uintptr_t *)(descriptor + at);
}

/* ------------------------------------------------------------------------------------ the lists */

/* The heads stand in _rtld_global; the list of cached stacks follows that of the program's own. */
static struct list *head(uint32_t which)
{
	uintptr_t at = lgr_libc.rtld_global;

	if (which < 2)
		return (struct list *)(at + fields.at[which ? FIELD_USER : FIELD_USED]);
	return (struct list *)(at + fields.at[FIELD_USER]) + 1;
}

/* Returns false where a link does not lead back. */
static bool walk(const struct list *list, bool (*visit)(void *arg, uintptr_t descriptor), void *arg)
{
	const struct list *previous = list, *at = list->next;

	for (uint32_t n = 0; at != list; previous = at, at = at->next)
		if (!at || at->previous != previous || ++n > THREADS_MOST ||
		    !visit(arg, (uintptr_t)at - fields.at[FIELD_LIST]))
			return false;
	return true;
}

/* --------------------------------------------------------------------------- the block of a stack */

static bool fits(uintptr_t descriptor, uint32_t at)
{
	uintptr_t lo = word_of(descriptor, at), size = word_of(descriptor, at + 8);
	uintptr_t guard = word_of(descriptor, at + 16), asked = word_of(descriptor, at + 24);

	return lo && lo % LGR_PAGE == 0 && size % LGR_PAGE == 0 && size >= SMALLEST_STACK &&
	       lo < descriptor && lo + size >= descriptor + fields.size &&
	       lo + size - descriptor < ABOVE_DESCRIPTOR && guard % LGR_PAGE == 0 && guard < size &&
	       asked % LGR_PAGE == 0 && asked < size;
}

struct candidates {
	uint32_t at; /* 0: none yet */
	bool several;
};

static bool look_for_block(void *arg, uintptr_t descriptor)
{
	struct candidates *c = arg;

	for (uint32_t at = 8; at + 32 <= fields.size; at += 8) {
		if (!fits(descriptor, at))
			continue;
		c->several |= c->at && c->at != at;
		c->at = at;
	}
	return true;
}

static bool check_block(void *arg, uintptr_t descriptor)
{
	return fits(descriptor, *(uint32_t *)arg);
}

/*
 * In every thread whose stack glibc made the same four words, and nowhere else; also in those that have
 * ended.
 */
static void find_block(void)
{
	struct candidates c = { 0 };

	if (!fields.block && walk(head(0), look_for_block, &c) &&
	    walk(head(2), look_for_block, &c) && c.at && !c.several &&
	    walk(head(0), check_block, &c.at) && walk(head(2), check_block, &c.at))
		fields.block = c.at;
}

/* ----------------------------------------------------------------------------------- each thread */

struct visit {
	void (*visit)(void *arg, const struct lgr_thread *thread);
	void *arg;
	uint32_t list;
};

static bool visit_one(void *arg, uintptr_t descriptor)
{
	const struct visit *v = arg;
	struct lgr_thread thread = {
		.descriptor = descriptor,
		.tid = *(const volatile uint32_t *)(descriptor + fields.at[FIELD_TID]),
	};

	/*
	 * A detached thread puts its own stack there, and runs on it until the kernel clears this. What joins
	 * another makes it -1 (nptl/pthread_join_common.c).
	 */
	thread.ended = v->list == 2 && (!thread.tid || thread.tid == UINT32_MAX);

	if (v->list != 1 && fields.block && fits(descriptor, fields.block)) {
		thread.lo = word_of(descriptor, fields.block);
		thread.hi = thread.lo + word_of(descriptor, fields.block + 8);
	}
	v->visit(v->arg, &thread);
	return true;
}

bool lgr_threads_each(void (*visit)(void *arg, const struct lgr_thread *thread), void *arg)
{
	struct visit v = { visit, arg, 0 };

	if (!fields.known)
		return false;
	find_block();
	for (; v.list < 3; v.list++)
		if (!walk(head(v.list), visit_one, &v))
			return false;
	return true;
}

/* glibc's struct dtv_slotinfo_list (sysdeps/generic/ldsodefs.h). */
struct modules {
	size_t length;
	const struct modules *next;
	struct {
		size_t generation;
		const struct link_map *map;
	} of[];
};

/*
 * A module's number is used again, and a thread's vector is brought up to date only when the thread asks for a
 * variable: until then it has what the last object of that number left.
 */
static bool is_up_to_date(const uintptr_t *vector, size_t module, const struct link_map *map)
{
	const struct modules *modules = (const void *)word_of(lgr_libc.rtld_global,
							      fields.at[FIELD_SLOTS]);

	for (; modules && module >= modules->length; modules = modules->next)
		module -= modules->length;
	return modules && modules->of[module].map == map &&
	       vector[0] >= modules->of[module].generation;
}

/*
 * The vector has its length in the entry before its first (elf/dl-tls.c), which is its generation, and
 * two words an entry. Static TLS is at a fixed distance from the thread pointer: below it on x86-64,
 * above it on aarch64 (variants II and I of "ELF Handling For Thread-Local Storage"), where the thread
 * pointer is behind struct pthread.
 */
bool lgr_threads_storage(const struct lgr_thread *thread, const struct link_map *map,
			 uintptr_t *ret_lo, uintptr_t *ret_slot)
{
	const uintptr_t *vector = (const uintptr_t *)word_of(thread->descriptor,
							     fields.at[FIELD_DTV]);
	size_t module = *(const size_t *)((const char *)map + fields.at[FIELD_MODULE]);
	intptr_t offset = *(const intptr_t *)((const char *)map + fields.at[FIELD_OFFSET]);

	*ret_slot = 0;
	if (vector && module && vector[-2] >= module && vector[2 * module] != UNALLOCATED &&
	    vector[2 * module] && is_up_to_date(vector, module, map)) {
		*ret_lo = vector[2 * module];
		*ret_slot = (uintptr_t)&vector[2 * module];
		return true;
	}
	if (!module || offset <= 0)
		return false; /* none, or dynamic for good */
#if defined(__x86_64__)
	*ret_lo = thread->descriptor - (uintptr_t)offset;
#else
	*ret_lo = thread->descriptor + fields.size + (uintptr_t)offset;
#endif
	return true;
}
