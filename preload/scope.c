/*
 * scope.c - looking a symbol up as the loader does. See scope.h.
 *
 * Owns nothing.
 * SPDX-License-Identifier: MIT
 */
#include "scope.h"

#include "real.h"

const struct lgr_scope *lgr_scope_of(const struct link_map *map)
{
	const struct lgr_scope *scope;

	if (!lgr_field_known(LGR_FIELD_SCOPE))
		return NULL;
	scope = lgr_field_at(map, LGR_FIELD_SCOPE);
	return scope->list ? scope : NULL;
}

const struct lgr_scope *lgr_scope_global(void)
{
	return lgr_scope_of(lgr_libc.head);
}

static bool find_in(struct link_map *map, const struct lgr_wanted *wanted, struct lgr_found *ret)
{
	struct lgr_found found = { .map = map };

	lgr_elf_init(&found.elf, map->l_addr, map->l_ld);
	found.symbol = lgr_elf_lookup(&found.elf, wanted);
	if (!found.symbol)
		return false;
	*ret = found;
	return true;
}

bool lgr_scope_search(const struct lgr_scope *scope, const struct link_map *after,
		      const struct link_map *skip, const struct lgr_wanted *wanted,
		      struct lgr_found *ret)
{
	uint32_t i = 0;

	if (after) {
		while (i < scope->count && scope->list[i] != after)
			i++;
		i++;
	}
	for (; i < scope->count; i++)
		if (scope->list[i] != skip && find_in(scope->list[i], wanted, ret))
			return true;
	return false;
}

bool lgr_scope_find(const struct link_map *from, const struct link_map *skip,
		    const struct lgr_wanted *wanted, struct lgr_found *ret)
{
	const struct lgr_scope **scopes;

	if (!lgr_field_known(LGR_FIELD_SCOPES))
		return false;
	for (scopes = *(const struct lgr_scope ***)lgr_field_at(from, LGR_FIELD_SCOPES); *scopes;
	     scopes++)
		if (lgr_scope_search(*scopes, NULL, skip, wanted, ret))
			return true;
	return false;
}
