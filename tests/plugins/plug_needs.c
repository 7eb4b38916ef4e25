/*
 * plug_needs.c - has plug_asks.so in DT_NEEDED: while that one's constructor runs, this one must be
 * known already.
 * SPDX-License-Identifier: MIT
 */
#include "linger.h"

void host_tell(const char *when, const void *address, int r, const struct linger_info *info);
int asks_value(void);
int needs_value(void);
extern char needs_anchor;
char needs_anchor;

int needs_value(void)
{
	return asks_value() + 1;
}

static __attribute__((constructor)) void begin(void)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query(&needs_anchor, &info);

	host_tell("constructor of what needs it", &needs_anchor, r, &info);
}
