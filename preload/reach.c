/*
 * reach.c - does any word of the process lead into an object? See reach.h.
 *
 * Owns: how fast looks have been. Guard: lgr_lock_registry, under the loads' lock.
 * While others are stopped, and in the child of a snapshot: no call of any library, no lock, no memory
 * but what was had before.
 * SPDX-License-Identifier: MIT
 */
#include "reach.h"

#include "environment.h"
#include "filter.h"
#include "group.h"
#include "heap.h"
#include "kernel.h"
#include "linger.h"
#include "look.h"
#include "pages.h"
#include "real.h"
#include "records.h"
#include "region.h"
#include "registry.h"
#include "resident.h"
#include "stop.h"
#include "stub.h"
#include "sys.h"
#include "text.h"
#include "valgrind.h"
#include "watch.h"

#define PIECE ((size_t)256 << 10) /* looked at between two looks at the clock */

/* ---------------------------------------------------------------------------------- the verdicts */

void lgr_reach_unseen(struct lgr_object *object, enum lgr_unseen unseen)
{
	object->reason = LGR_RSN_UNKNOWN;
	object->witness = (struct lgr_witness){
		.place = LGR_PL_UNSEEN,
		.at = unseen,
		.time_ns = lgr_sys_clock(CLOCK_MONOTONIC),
	};
	lgr_registry_set_flags(object, 0, LGR_FL_PROVEN | LGR_FL_SOUGHT);
}

void lgr_look_failed(struct look *l, enum lgr_unseen unseen)
{
	if (!l->unseen)
		l->unseen = unseen;
	l->left = 0;
}

static bool is_left(const struct lgr_object *object)
{
	return object && lgr_is(object, LGR_FL_PROVEN) && lgr_is(object, LGR_FL_SOUGHT);
}

static void reach(struct look *l, struct lgr_object *object, enum lgr_reason reason,
		  const struct lgr_witness *witness)
{
	if (!is_left(object))
		return;
	object->reason = reason;
	object->witness = *witness;
	object->witness.time_ns = l->now;
	lgr_registry_set_flags(object, 0, LGR_FL_PROVEN);
	if (l->left)
		l->left--;
}

/* The object that an address is in, or in whose thread-local storage it is. */
static struct lgr_object *object_of(const struct look *l, uintptr_t value)
{
	struct lgr_object *object = lgr_registry_object(lgr_pages_find(value));

	if (!object && value - l->words.storage_lo < l->words.storage_hi - l->words.storage_lo)
		object = lgr_exempt_storage_of(value);
	return object;
}

/* What holds the word: another object that is looked for, or anything else. */
static void found(void *arg, uintptr_t at, uintptr_t value, enum lgr_encoding how)
{
	struct look *l = arg;
	struct lgr_object *object = object_of(l, value);
	struct lgr_witness witness = { LGR_PL_MEMORY, how, at, value, 0, 0, 0 };
	enum lgr_reason reason = LGR_RSN_MEMORY;
	const struct lgr_exempt *e;

	if (!is_left(object))
		return;
	e = lgr_exempt_at(at);
	if (e && (!e->owner || e->owner != l->source))
		return;
	if (!l->source && lgr_heap_is_free(at))
		return;
	if (l->source) {
		witness.place = LGR_PL_OBJECT;
		witness.at = l->source->id;
		witness.holder_slot = l->source->slot;
		reason = LGR_RSN_DEPENDENCY;
	} else if ((witness.tid = lgr_exempt_thread_of(at))) {
		reason = LGR_RSN_STACK;
		if (lgr_blind("stacks"))
			return;
	}
	reach(l, object, reason, &witness);
}

/* --------------------------------------------------------------------------------------- memory */

/* Its own, and that of what is looked for, is left out; so is the rest once there is nothing to look for. */
static bool is_left_out(const struct look *l, uintptr_t page)
{
	const struct lgr_object *object = lgr_registry_object(lgr_pages_find(page));

	if (l->source)
		return false;
	return object && (lgr_is(object, LGR_FL_SOUGHT) || object == l->self);
}

static bool is_late(void *arg)
{
	const struct look *l = arg;

	return lgr_sys_clock(l->clock) > l->until ||
	       (l->parent && lgr_syscall(__NR_getppid, 0, 0, 0, 0, 0, 0) != l->parent);
}

static void look_at_piece(struct look *l, const uint8_t *from, size_t n, uintptr_t at)
{
	l->bytes += n;
	lgr_words_look(&l->words, from, n, at);
	if (l->executable || l->every_byte)
		lgr_words_look_bytes(&l->words, from, n, at);
	if (l->executable && !LGR_READS_CODE && !lgr_pages_find(at))
		lgr_look_failed(l, LGR_UN_CODE);
	if (l->executable && !lgr_blind("jit"))
		lgr_words_look_code(&l->words, from, n, at);
	l->since_clock += n;
	if (l->since_clock < PIECE)
		return;
	l->since_clock = 0;
	if (is_late(l))
		lgr_look_failed(l, LGR_UN_TIME);
}

/* What lies across the borders of pieces is seen where they are one stretch: code and bytes in one go. */
static bool look_at_stretch(void *arg, const void *from, size_t n, uintptr_t at)
{
	struct look *l = arg;
	bool whole = l->executable || l->every_byte;
	size_t done = 0, end;

	if (!n && is_late(l))
		lgr_look_failed(l, LGR_UN_TIME);
	while (done < n && l->left) {
		if (is_left_out(l, at + done)) {
			done += LGR_PAGE;
			continue;
		}
		for (end = done + LGR_PAGE;
		     end < n && (whole || end - done < PIECE) && !is_left_out(l, at + end);)
			end += LGR_PAGE;
		end = lgr_min(end, n);
		look_at_piece(l, (const uint8_t *)from + done, end - done, at + done);
		done = end;
	}
	return l->left;
}

/* Only while a kept object is mapped from our copy of its file: the bytes are some file's after all. */
static bool is_our_copy(const struct lgr_mapping *m)
{
	const struct lgr_object *object = lgr_registry_object(lgr_pages_find(m->lo));

	return !m->shared && object && lgr_is(object, LGR_FL_DETACHED);
}

/* It may be several mappings, one behind the other: only one is looked into. */
static void find_heap(const struct lgr_mapping *m)
{
	uintptr_t lo, hi;

	lgr_records_libc_data(&lo, &hi);
	lgr_heap_begin(m->lo, m->hi, lo, hi);
}

static bool is_blind_to(const struct lgr_mapping *m)
{
	if (m->shared || m->backing == LGR_MEMORY)
		return lgr_blind("shared");
	if (m->backing == LGR_HEAP)
		return lgr_blind("heap");
	if (m->backing == LGR_FILE)
		return lgr_blind("files");
	return lgr_blind("anonymous") && m->backing == LGR_ANONYMOUS;
}

/* Anonymous memory beside an object's own data may be one mapping with it. */
static bool is_in_segment(const struct lgr_object *object, const struct lgr_mapping *m)
{
	for (uint32_t i = 0; object && i < object->segments; i++)
		if (m->lo >= object->segment[i].lo && m->hi <= object->segment[i].hi)
			return true;
	return false;
}

/* Most mappings are of what is being closed; or linger's log, or its memory. */
static bool is_whole_left_out(const struct look *l, const struct lgr_mapping *m)
{
	const struct lgr_exempt *e = lgr_exempt_at(m->lo);

	return (e && !e->owner && m->hi <= e->hi) ||
	       (is_left_out(l, m->lo) &&
		is_in_segment(lgr_registry_object(lgr_pages_find(m->lo)), m));
}

static bool look_at_mapping(void *arg, const struct lgr_mapping *mapping)
{
	struct look *l = arg;
	struct lgr_mapping m = *mapping;
	enum lgr_unseen unseen;

	if (m.backing == LGR_MEMORY && is_our_copy(&m))
		m.backing = LGR_FILE;
	if (m.backing == LGR_KERNEL || is_blind_to(&m))
		return true;
	if (m.backing == LGR_DEVICE || m.backing == LGR_AIO) {
		lgr_look_failed(l, m.backing == LGR_AIO ? LGR_UN_URING : LGR_UN_DEVICE);
		return false;
	}
	if (!m.shared)
		l->layout = lgr_look_layout(l->layout, &m);
	if (!(l->part & (m.shared || m.backing == LGR_MEMORY ? LOOK_SHARED : LOOK_PRIVATE)))
		return true;
	if (is_whole_left_out(l, &m))
		return true;
	if (m.backing == LGR_HEAP)
		find_heap(&m);
	l->executable = m.protection & PROT_EXEC;
	unseen = lgr_resident_each(&m, look_at_stretch, l);
	if (unseen)
		lgr_look_failed(l, unseen);
	return l->left;
}

void lgr_look_at_memory(struct look *l, unsigned part)
{
	l->part = part;
	lgr_heap_begin(0, 0, 0, 0);
	if (!l->left)
		return;
	if (!lgr_resident_open()) {
		lgr_look_failed(l, LGR_UN_PROC);
		return;
	}
	if (!lgr_maps_each(look_at_mapping, l) && l->left)
		lgr_look_failed(l, LGR_UN_PROC);
	lgr_resident_close();
}

/* ------------------------------------------------------------------------------- what is reached */

static void look_at_segment(struct look *l, uintptr_t lo, uintptr_t hi)
{
	struct lgr_mapping m[32];
	int n = lgr_maps_read(lo, hi, m, LGR_COUNT(m));

	if (n < 0)
		lgr_look_failed(l, LGR_UN_PROC);
	for (int i = 0; i < n && l->left; i++) {
		enum lgr_unseen unseen;

		/* Beside it may be more of the same. */
		m[i].lo = m[i].lo > lo ? m[i].lo : lo;
		m[i].hi = lgr_min(m[i].hi, hi);
		l->executable = m[i].protection & PROT_EXEC;
		unseen = lgr_resident_each(&m[i], look_at_stretch, l);
		if (unseen)
			lgr_look_failed(l, unseen);
	}
}

static void look_at_own(struct look *l, const struct lgr_object *object)
{
	for (uint32_t i = 0; i < object->segments && l->left; i++)
		look_at_segment(l, object->segment[i].lo, object->segment[i].hi);
}

/* Thread-local variables, and records of functions to be called when it goes. */
static void look_at_owned(struct look *l, const struct lgr_object *object)
{
	const struct lgr_exempt *e = NULL;

	while ((e = lgr_exempt_next_of(object, e)))
		lgr_words_look(&l->words, (const void *)((e->lo + 7) & ~(uintptr_t)7),
			       e->hi - ((e->lo + 7) & ~(uintptr_t)7), (e->lo + 7) & ~(uintptr_t)7);
}

static bool reach_needed(struct lgr_object *needed, void *arg)
{
	struct look *l = arg;
	const struct lgr_witness witness = { LGR_PL_OBJECT,  0, l->source->id, 0, 0, 0,
					     l->source->slot };

	reach(l, needed, LGR_RSN_DEPENDENCY, &witness);
	return true;
}

static void reach_watched(void *arg, uintptr_t held)
{
	struct look *l = arg;
	const struct lgr_witness witness = { LGR_PL_WATCH,   0, l->source->id, held, 0, 0,
					     l->source->slot };

	reach(l, object_of(l, held), LGR_RSN_DEPENDENCY, &witness);
}

static void look_at_watches(struct look *l, struct lgr_object *object, uint32_t when)
{
	if (!object->watches || lgr_blind("watch"))
		return;
	l->source = object;
	lgr_watch_each(object, when, reach_watched, l);
	l->source = NULL;
}

static void look_at_links(struct look *l, struct lgr_object *object)
{
	l->source = object;
	if (!lgr_group_needs(object, reach_needed, l))
		lgr_look_failed(l, LGR_UN_GLIBC);
	l->source = NULL;
	look_at_watches(l, object, 0);
}

/* What stands in what has been reached counts, too, until nothing new is. */
void lgr_look_at_reached(struct look *l)
{
	struct lgr_object *object;
	bool changed = true;

	while (changed && l->left) {
		changed = false;
		object = NULL;
		while ((object = lgr_registry_next(object)) && l->left) {
			if (!lgr_is(object, LGR_FL_SOUGHT) || lgr_is(object, LGR_FL_PROVEN))
				continue;
			changed = true;
			lgr_registry_set_flags(object, 0, LGR_FL_SOUGHT);
			look_at_links(l, object);
			if (lgr_blind("objects") || !lgr_resident_open())
				continue;
			l->source = object;
			look_at_own(l, object);
			look_at_owned(l, object);
			l->source = NULL;
			lgr_resident_close();
		}
	}
}

/* ------------------------------------------------------------------------------ threads, kernel */

static void know_threads(struct look *l)
{
	if (l->threads_known)
		return;
	l->threads_known = true;
	if (!lgr_exempt_threads(&l->words))
		lgr_look_failed(l, LGR_UN_GLIBC);
	if (lgr_blind("tls"))
		l->words.storage_lo = l->words.storage_hi = 0;
	lgr_exempt_stack(l->tid, (uintptr_t)(l->frame - LGR_SAVED));
}

static void found_by_kernel(void *arg, uintptr_t value, enum lgr_place place, uint64_t at,
			    uint32_t tid)
{
	struct look *l = arg;
	const struct lgr_witness witness = { place, LGR_EN_PLAIN, at, value, 0, tid, 0 };

	reach(l, object_of(l, value), place == LGR_PL_REGISTER ? LGR_RSN_STACK : LGR_RSN_MEMORY,
	      &witness);
}

static bool look_at_thread(void *arg, const struct lgr_stopped *thread)
{
	struct look *l = arg;
	size_t count = lgr_blind("vectors") ? thread->general : thread->count;

	know_threads(l);
	lgr_exempt_stack(thread->tid, thread->sp - LGR_RED_ZONE);
	for (size_t i = lgr_blind("registers") ? thread->general : 0; i < count; i++) {
		enum lgr_encoding how;
		uintptr_t value;
		unsigned next = 0;

		while (lgr_words_means(&l->words, thread->registers[i], &next, &value, &how))
			found_by_kernel(l, value, LGR_PL_REGISTER, i, thread->tid);
	}
	lgr_kernel_look_thread(thread->tid, found_by_kernel, l);
	return true;
}

/* Of what is kept, or about to be, and not looked for: what it needs stays. */
static void look_at_kept(struct look *l)
{
	struct lgr_object *object = NULL;

	while ((object = lgr_registry_next(object))) {
		const struct lgr_witness pin = { .place = LGR_PL_NONE };

		if (atomic_load_explicit(&object->pins, memory_order_relaxed))
			reach(l, object, LGR_RSN_PIN, &pin);
		/* Whoever is told that something has gone must be there when it has. */
		if (lgr_is(object, LGR_FL_SOUGHT))
			look_at_watches(l, object, LINGER_UNLOADED);
		else if (lgr_state_of(object) == LGR_ST_KEPT || !lgr_group_uses(object))
			look_at_links(l, object);
		else
			look_at_watches(l, object, 0);
	}
}

/* ------------------------------------------------------------------------------ beginning, ending */

/* The objects to be looked for; the span of their addresses. */
static void seek(struct look *l)
{
	struct lgr_object *object = NULL;

	while ((object = lgr_registry_next(object))) {
		if (!lgr_is(object, LGR_FL_PROVEN))
			continue;
		lgr_registry_set_flags(object, LGR_FL_SOUGHT, 0);
		lgr_words_add(&l->words, object->lo, object->hi);
		l->left++;
	}
}

static bool can_see(struct look *l, uint64_t limit_ns)
{
	l->threads = lgr_kernel_threads();
	l->clock = l->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
	l->begun = lgr_sys_clock(l->clock);
	l->until = l->begun + limit_ns;
	if (lgr_in_valgrind())
		lgr_look_failed(l, LGR_UN_VALGRIND);
	else if (!lgr_filter_allows())
		lgr_look_failed(l, LGR_UN_SECCOMP);
	else if (!l->threads)
		lgr_look_failed(l, LGR_UN_PROC);
	else if (!lgr_exempt_begin(l->threads))
		lgr_look_failed(l, LGR_UN_SPACE);
	return !l->unseen;
}

static void block_signals(struct look *l)
{
	const uint64_t all = ~UINT64_C(0);

	lgr_syscall(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)&all, (long)&l->mask, 8, 0, 0);
}

void lgr_look_begin(struct look *l, const uintptr_t *frame, uint64_t limit_ns)
{
	*l = (struct look){
		.words = { .guard = lgr_words_guard(), .found = found, .arg = l },
		.now = lgr_sys_clock(CLOCK_MONOTONIC),
		.frame = frame,
		.tid = lgr_sys_gettid(),
		.self = lgr_registry_find((uintptr_t)lgr_libc.self, UINT64_MAX),
		.every_byte = lgr_settings.of[LGR_SET_SCAN].number,
	};
	block_signals(l);
	seek(l);
	if (!l->left || !can_see(l, limit_ns))
		return;
	if (l->threads > 1) {
		enum lgr_unseen unseen = lgr_stop_begin(look_at_thread, l);

		l->stopped = !unseen;
		if (unseen) {
			lgr_look_failed(l, unseen);
			return; /* they run, and change what is about to be read */
		}
	}
	know_threads(l);
	if (!lgr_exempt_done())
		lgr_look_failed(l, LGR_UN_SPACE);
	if (!l->left)
		return;
	lgr_kernel_look_thread(lgr_sys_gettid(), found_by_kernel, l);
	look_at_kept(l);
	if (l->left) {
		enum lgr_unseen unseen = lgr_kernel_look(found_by_kernel, is_late, l);

		if (unseen)
			lgr_look_failed(l, unseen);
	}
}

static void keep_longest(enum lgr_counter which, uint64_t ns)
{
	if (ns > lgr_region.counter[which])
		lgr_region.counter[which] = ns;
}

void lgr_look_resume(struct look *l)
{
	if (l->stopped)
		keep_longest(LGR_N_LONGEST_PAUSE_NS, lgr_stop_end());
	l->stopped = false;
	lgr_syscall(__NR_rt_sigprocmask, 2, (long)&l->mask, 0, 8, 0, 0);
}

void lgr_look_end(struct look *l)
{
	struct lgr_object *object = NULL;

	while ((object = lgr_registry_next(object))) {
		if (l->unseen && is_left(object))
			lgr_reach_unseen(object, l->unseen);
		lgr_registry_set_flags(object, 0, LGR_FL_SOUGHT);
	}
}

/* ------------------------------------------------------------------------------------- the cost */

#define STOPPING 25000u	 /* ns: a thread */
#define LEAST 50000u	 /* ns: a look at nothing */
#define SLOWEST 1000000u /* ns for a MiB */
#define MEASURED 4	 /* MiB: a look at less says little about the speed */

/* What looks have taken, in ns: mappings, descriptors, signals; and a MiB. */
static struct {
	uint64_t fixed, per_mib;
} speed = { 200000, 200000 };

static void measure(uint64_t bytes, uint64_t ns, enum lgr_unseen unseen)
{
	uint64_t mib = bytes >> 20, rest = ns - lgr_min(ns, bytes / 1024 * speed.per_mib / 1024);

	if (unseen == LGR_UN_TIME) {
		speed.fixed = 2 * ns; /* not again, until that has been forgotten */
	} else if (!unseen) {
		if (mib >= MEASURED)
			speed.per_mib = lgr_min((speed.per_mib + ns / mib) / 2, (uint64_t)SLOWEST);
		speed.fixed = (3 * speed.fixed + rest) / 4;
		if (speed.fixed < LEAST)
			speed.fixed = LEAST;
	}
}

void lgr_reach_forgo(void)
{
	speed.fixed -= speed.fixed / 16;
}

void lgr_look_count(uint64_t bytes, uint64_t ns, enum lgr_unseen unseen)
{
	lgr_count(LGR_N_SCANS);
	if (unseen)
		lgr_count(LGR_N_SCANS_UNSEEN);
	lgr_count_by(LGR_N_SCANNED_BYTES, bytes);
	lgr_count_by(LGR_N_SCAN_NS, ns);
	keep_longest(LGR_N_LONGEST_SCAN_NS, ns);
}

/* What is resident and no file's, by /proc/self/statm: pages in all, resident, of files. */
uint64_t lgr_reach_cost(void)
{
	char text[128] = "";
	const char *s = text;
	uint64_t all = 0, resident = 0, files = 0, cost = speed.fixed;
	uint32_t threads = lgr_kernel_threads();
	int fd = lgr_sys_openat("/proc/self/statm", O_RDONLY, 0);

	if (fd < 0)
		return 0;
	if (lgr_sys_read(fd, text, sizeof(text) - 1) > 0) {
		lgr_number(&s, &all);
		s += *s == ' ';
		lgr_number(&s, &resident);
		s += *s == ' ';
		lgr_number(&s, &files);
	}
	lgr_sys_close(fd);
	if (threads > 1)
		cost += threads * STOPPING;
	return cost +
	       (resident - lgr_min(files, resident)) * LGR_PAGE / 1024 * speed.per_mib / 1024;
}

void lgr_reach_look(const uintptr_t *frame, uint64_t limit_ns)
{
	struct look l;

	lgr_look_begin(&l, frame, limit_ns);
	lgr_look_at_memory(&l, LOOK_SHARED | LOOK_PRIVATE);
	lgr_look_at_reached(&l);
	lgr_look_resume(&l);
	lgr_look_end(&l);
	lgr_look_count(l.bytes, lgr_sys_clock(CLOCK_MONOTONIC) - l.now, l.unseen);
	if (l.begun)
		measure(l.bytes, lgr_sys_clock(l.clock) - l.begun, l.unseen);
}

bool lgr_reach_stands(const struct lgr_object *object)
{
	const struct lgr_witness *witness = &object->witness;
	struct lgr_words only = { .guard = lgr_words_guard() };
	enum lgr_encoding how;
	uintptr_t word, value;
	unsigned next = 0;

	lgr_words_add(&only, witness->value, witness->value + 1);
	if (witness->place != LGR_PL_MEMORY || witness->encoding == LGR_EN_RELATIVE ||
	    !lgr_peek(witness->at, &word, sizeof(word)) ||
	    !lgr_words_means(&only, word, &next, &value, &how))
		return false;
	lgr_count(LGR_N_WITNESSED);
	return true;
}
