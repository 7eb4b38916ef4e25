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

/*
 * The registry alone cannot tell: the object may have been unmapped already (word), or be in the
 * middle of its loading (no word). glibc's own table can, without a lock: it has an object before its
 * relocation and loses it with its unmapping (elf/dl-open.c, elf/dl-close.c).
 */
static __attribute__((noinline)) int ask_loader(uintptr_t address, uint64_t word,
						struct linger_info *ret)
{
	const struct lgr_object *object = lgr_registry_object(word);
	struct dl_find_object found;

	if (lgr_libc.find_object((void *)address, &found) != 0)
		return -ENOENT;
	if (object && object->map == (uintptr_t)found.dlfo_link_map)
		return answer(word, ret);
	/* The table has one range for each object, holes and all. */
	object = lgr_registry_object(lgr_registry_lookup((uintptr_t)found.dlfo_map_start));
	if (!word && object && object->map == (uintptr_t)found.dlfo_link_map)
		return -ENOENT;
	*ret = (struct linger_info){ .state = LINGER_LOADING };
	return 0;
}

/* Nothing is in the pages unless linger is on, so a hit does not ask. */
static __attribute__((noinline)) int not_found(uintptr_t address, uint64_t word,
					       struct linger_info *ret)
{
	if (lgr_unlikely(!lgr_on()))
		return -ENOSYS;
	if (!word && !atomic_load_explicit(&lgr_loads_pending, memory_order_relaxed))
		return -ENOENT;
	return ask_loader(address, word, ret);
}

EXPORT int linger_query_(const void *address, struct linger_info *ret)
{
	uint64_t word = lgr_pages_find((uintptr_t)address); /* lgr_registry_lookup, inlined */

	if (lgr_likely(word && !(word & LGR_WORD_CHECK)))
		return answer(word, ret);
	return not_found((uintptr_t)address, word, ret);
}
