/*
 * plug_asks.c - asks linger about itself at every moment of its life, and tells the host.
 *
 * Its host exports host_tell. The resolver runs while this object is being relocated: it may call
 * nothing outside but linger_query, so what it learned is told later.
 * SPDX-License-Identifier: MIT
 */
#include "linger.h"

void host_tell(const char *when, const void *address, int r, const struct linger_info *info);
int asks_value(void);
int value_of_it(void);

char anchor;
static int resolver_r = 1;
static struct linger_info resolver_info;

static void tell(const char *when)
{
	struct linger_info info = { 0, 0, 0 };
	int r = linger_query(&anchor, &info);

	host_tell(when, &anchor, r, &info);
}

static int value_is_7(void)
{
	return 7;
}

static __attribute__((used)) int (*resolve(void))(void)
{
	resolver_r = linger_query(&anchor, &resolver_info);
	return value_is_7;
}
int value_of_it(void) __attribute__((ifunc("resolve"), visibility("hidden")));

int asks_value(void)
{
	return value_of_it();
}

static __attribute__((constructor)) void begin(void)
{
	host_tell("resolver", &anchor, resolver_r, &resolver_info);
	tell("constructor");
}

static __attribute__((destructor)) void end(void)
{
	tell("destructor");
}
