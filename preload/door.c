/*
 * door.c - the entry of a function that was compiled to be redirected there. See door.h.
 *
 * Owns: the doors. Guard: lgr_lock_registry.
 * SPDX-License-Identifier: MIT
 */
#include "door.h"

#include "arena.h"
#include "pages.h"
#include "real.h"
#include "stop.h"
#include "sys.h"
#include "text.h"

#define NEAR 5u	  /* jmp rel32 */
#define FAR 14u	  /* jmp *0(%rip), and the address */
#define SHORT 2u  /* jmp rel8, to a far one before the function */
#define TRIES 100 /* to find no thread between the nops */

#ifdef __x86_64__

static const uint8_t endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };

/* The length of the nop here (Intel SDM, "NOP", recommended multi-byte sequences; with prefixes); 0: none. */
static uint32_t nop(const uint8_t *p)
{
	uint32_t prefixes = 0, mod, rm;

	while (p[prefixes] == 0x66 || p[prefixes] == 0x2e)
		prefixes++;
	p += prefixes;
	if (p[0] == 0x90)
		return prefixes + 1;
	if (p[0] != 0x0f || p[1] != 0x1f)
		return 0;
	mod = p[2] >> 6;
	rm = p[2] & 7;
	return prefixes + 3 + (rm == 4) + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

/* Bytes of nops from p on, at most as many as are of any use. */
static uint32_t count_nops(const uint8_t *p)
{
	uint32_t n = 0, one;

	while (n < FAR && (one = nop(p + n)))
		n += one;
	return n;
}

/* Nops of all of these bytes. */
static bool is_all_nops(const uint8_t *p, uint32_t n)
{
	uint32_t i = 0, one = 1;

	while (i < n && one) {
		one = nop(p + i);
		i += one;
	}
	return i == n;
}

/* A function may begin its segment, with a hole before it. */
static bool is_code_before(uintptr_t function)
{
	return lgr_page_down(function - FAR) == lgr_page_down(function) ||
	       lgr_word_id(lgr_pages_find(function - FAR)) == lgr_word_id(lgr_pages_find(function));
}

static bool find(uintptr_t function, struct lgr_door *ret)
{
	const uint8_t *p = (const uint8_t *)function;
	struct lgr_door door = { .function = function, .at = function };

	if (lgr_same(p, endbr64, sizeof(endbr64)))
		door.at += sizeof(endbr64);
	door.nops = count_nops((const uint8_t *)door.at);
	if (is_code_before(function) && is_all_nops(p - FAR, FAR))
		door.before = FAR;
	if (door.nops < NEAR && (door.nops < SHORT || !door.before))
		return false;
	/* What is overwritten is jumped over; what is left of the nops does no harm. */
	door.beyond = door.at + door.nops;
	lgr_copy(door.was, (const void *)door.at, lgr_min(door.nops, FAR));
	if (door.before)
		lgr_copy(door.was_before, p - FAR, FAR);
	*ret = door;
	return true;
}

static bool is_near(const struct lgr_door *door, uintptr_t target)
{
	intptr_t distance = (intptr_t)(target - (door->at + NEAR));

	return door->nops >= NEAR && distance == (int32_t)distance;
}

bool lgr_door_reaches(const struct lgr_door *door, uintptr_t target)
{
	return is_near(door, target) || door->nops >= FAR || (door->before && door->nops >= SHORT);
}

static void put_far(uint8_t *to, uintptr_t target)
{
	const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };

	lgr_copy(to, jump, sizeof(jump));
	lgr_copy(to + sizeof(jump), &target, sizeof(target));
}

static void put(const struct lgr_door *door, uintptr_t target)
{
	uint8_t *at = (uint8_t *)door->at, *before = (uint8_t *)door->function - FAR;

	lgr_copy(at, door->was, lgr_min(door->nops, FAR));
	if (door->before)
		lgr_copy(before, door->was_before, FAR);
	if (!target)
		return;
	if (is_near(door, target)) {
		int32_t distance = (int32_t)(target - (door->at + NEAR));

		at[0] = 0xe9;
		lgr_copy(at + 1, &distance, sizeof(distance));
	} else if (door->nops >= FAR) {
		put_far(at, target);
	} else {
		put_far(before, target);
		at[0] = 0xeb;
		at[1] = (uint8_t)((uintptr_t)before - (door->at + SHORT));
	}
}

struct look {
	uintptr_t lo, hi; /* nobody may go on strictly inside */
	uintptr_t before;
	bool busy;
};

static bool is_elsewhere(void *arg, const struct lgr_stopped *thread)
{
	struct look *look = arg;

	if (thread->pc > look->lo && thread->pc < look->hi)
		look->busy = true;
	if (look->before && thread->pc >= look->before && thread->pc < look->before + FAR)
		look->busy = true;
	return !look->busy;
}

/*
 * Where nothing may become executable that was written (PR_SET_MDWE; systemd's MemoryDenyWriteExecute, which refuses
 * any PROT_EXEC), code that was made writable would stay without it. A page of linger's own tells.
 */
bool lgr_door_opens(void)
{
	void *page = lgr_sys_mmap(LGR_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1);
	bool opens = page && lgr_sys_mprotect(page, LGR_PAGE, PROT_READ | PROT_EXEC) == 0;

	if (page)
		lgr_sys_munmap(page, LGR_PAGE);
	return opens;
}

/* Writable for a moment, and not executable: nobody runs there. */
static bool write_page(const struct lgr_door *door, uintptr_t target)
{
	uintptr_t lo = lgr_page_down(door->function - (door->before ? FAR : 0));
	uintptr_t hi = lgr_page_up(door->at + lgr_min(door->nops, FAR)); /* no other segment */

	if (!lgr_door_opens() || lgr_sys_mprotect((void *)lo, hi - lo, PROT_READ | PROT_WRITE) != 0)
		return false;
	put(door, target);
	return lgr_sys_mprotect((void *)lo, hi - lo, PROT_READ | PROT_EXEC) == 0;
}

/* With this thread alone there is nobody to stop but its signal handlers. */
static bool write_alone(const struct lgr_door *door, uintptr_t target)
{
	uint64_t all = ~UINT64_C(0), mask;
	bool done;

	lgr_syscall(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)&all, (long)&mask, 8, 0, 0);
	done = write_page(door, target);
	lgr_syscall(__NR_rt_sigprocmask, 2, (long)&mask, 0, 8, 0, 0);
	return done;
}

bool lgr_door_set(struct lgr_door *door, uintptr_t target)
{
	bool done = door->target == target;

	if (!done && *lgr_libc.single_threaded)
		done = write_alone(door, target);
	for (int i = 0; !done && !*lgr_libc.single_threaded && i < TRIES; i++) {
		struct look look = { .lo = door->at,
				     .hi = door->beyond,
				     .before = door->before ? door->function - FAR : 0 };

		enum lgr_unseen unseen = lgr_stop_begin(is_elsewhere, &look);

		if (unseen == LGR_UN_STOP_TIME)
			continue; /* one gets no processor */
		if (unseen != LGR_UN_NOTHING)
			break;
		if (!look.busy)
			done = write_page(door, target);
		lgr_stop_end();
		if (!look.busy)
			break;
	}
	if (done)
		door->target = target;
	return done;
}

#else

/* Elsewhere linger does not know how. */
static bool find(uintptr_t function, struct lgr_door *ret)
{
	return false;
}

bool lgr_door_reaches(const struct lgr_door *door, uintptr_t target)
{
	return false;
}

bool lgr_door_opens(void)
{
	return false;
}

bool lgr_door_set(struct lgr_door *door, uintptr_t target)
{
	return door->target == target;
}

#endif

static struct lgr_door *doors;

static struct lgr_door *known(uintptr_t function)
{
	struct lgr_door *door = doors;

	while (door && door->function != function)
		door = door->next;
	return door;
}

bool lgr_door_fits(uintptr_t function, uintptr_t target)
{
	const struct lgr_door *door = known(function);
	struct lgr_door found;

	if (!door && find(function, &found))
		door = &found;
	return door && lgr_door_reaches(door, target);
}

struct lgr_door *lgr_door_of(uintptr_t function)
{
	struct lgr_door *door = known(function), found;

	if (door || !find(function, &found))
		return door;
	door = lgr_arena_alloc(sizeof(*door));
	if (!door)
		return NULL;
	*door = found;
	door->next = doors;
	doors = door;
	return door;
}

void lgr_door_free(struct lgr_door *door)
{
	struct lgr_door **at = &doors;

	while (*at != door)
		at = &(*at)->next;
	*at = door->next;
	lgr_arena_free(door, sizeof(*door));
}
