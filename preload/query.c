/*
 * query.c - linger_query for programs. See linger.h for the contract.
 *
 * Owns nothing. Callable from anywhere, by any thread, in a signal handler.
 * SPDX-License-Identifier: MIT
 */
#include "linger.h"

#include "notice.h"
#include "pages.h"
#include "real.h"
#include "region.h"
#include "registry.h"

#define EXPORT __attribute__((visibility("default")))

static int answer(uint64_t word, struct linger_info *ret)
{
	ret->id = lgr_word_id(word);
	ret->state = lgr_word_state(word);
	ret->startup = !!(word & LGR_WORD_STARTUP);
	return 0;
}

/* Is the word's object the one of this link map? Its slot may be given away while we look. */
static bool names(uint64_t word, const struct link_map *map)
{
	const struct lgr_object *object = lgr_registry_object(word);

	return object && object->map == (uintptr_t)map && lgr_registry_object(word) == object;
}

static bool in_segment(const struct lgr_object *object, uintptr_t address)
{
	for (uint32_t i = 0; i < object->segments; i++)
		if (address >= object->segment[i].lo && address < object->segment[i].hi)
			return true;
	return false;
}

/*
 * The registry alone cannot tell: the object may have been unmapped already (word), or be in the
 * middle of its loading (no word). glibc's own table can, without a lock: it has an object from the
 * end of its relocation until its unmapping (elf/dl-open.c, elf/dl-close.c).
 */
static __attribute__((noinline)) int ask_loader(uintptr_t address, uint64_t word,
						struct linger_info *ret)
{
	const struct lgr_object *object;
	struct dl_find_object found;
	uint64_t first;

	if (lgr_libc.find_object((void *)address, &found) != 0)
		return -ENOENT;
	if (word && names(word, found.dlfo_link_map))
		return answer(word, ret);
	/* Registered since? The table has one range for each object, holes and all. */
	first = lgr_pages_find((uintptr_t)found.dlfo_map_start);
	if (!word && names(first, found.dlfo_link_map)) {
		object = lgr_registry_object(first);
		return object && in_segment(object, address) ? answer(first, ret) : -ENOENT;
	}
	*ret = (struct linger_info){ .state = LINGER_LOADING };
	return 0;
}

/* Nothing is in the pages unless linger is on, so a hit does not ask. */
static __attribute__((noinline)) int not_found(uintptr_t address, uint64_t word, uint32_t pending,
					       struct linger_info *ret)
{
	if (lgr_unlikely(!lgr_on()))
		return -ENOSYS;
	if (!word && !pending)
		return -ENOENT;
	return ask_loader(address, word, ret);
}

EXPORT int linger_query_(const void *address, struct linger_info *ret)
{
	/* Before the lookup: a load that is pending no more is registered, and the lookup sees it.
	 * pairs with the release in lgr_load_seen */
	uint32_t pending = atomic_load_explicit(&lgr_loads_pending, memory_order_acquire);
	uint64_t word = lgr_pages_find((uintptr_t)address);

	if (lgr_likely(word && !(word & LGR_WORD_CHECK)))
		return answer(word, ret);
	return not_found((uintptr_t)address, word, pending, ret);
}
