/*
 * gc_library.c - a library of the language of gc_host.c. Tests make copies of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "objects.h"

static const struct language *language;
static struct object *remembered;

static struct object *add(struct object *self, struct object *argument)
{
	return language->make(0, self->number + argument->number, 0, 0);
}

static struct object *apply_both(struct object *self, struct object *argument)
{
	struct object *value = argument;

	for (int i = 0; i < 2; i++)
		if (self->environment[i])
			value = language->apply(self->environment[i], value);
	return value;
}

/* Answers with what the library's own data holds. */
static struct object *recall(struct object *self, struct object *argument)
{
	(void)self;
	return language->make(0, remembered->number + argument->number, 0, 0);
}

static struct object *mourn(struct object *self, struct object *argument)
{
	language->note(self->number + argument->number);
	return argument;
}

void library_begin(const struct language *l)
{
	language = l;
}

struct object *library_adder(uintptr_t number)
{
	return language->make(add, number, 0, 0);
}

struct object *library_composed(struct object *first, struct object *second)
{
	return language->make(apply_both, 0, first, second);
}

void library_remember(struct object *value)
{
	remembered = value;
}

struct object *library_recalling(void)
{
	return language->make(recall, 0, 0, 0);
}

struct object *library_mourning(uintptr_t number)
{
	return language->make(mourn, number, 0, 0);
}

uintptr_t library_twice(uintptr_t number)
{
	return number * 2;
}
