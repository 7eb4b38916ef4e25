/*
 * objects.h - what the language of gc_host.c is to its libraries: every value is a closure, and plain
 * data is one without code.
 *
 * All live in the collector's heap. A library keeps pointers to them wherever it likes: in objects, on
 * the stack, in its own statics.
 * SPDX-License-Identifier: MIT
 */
#ifndef OBJECTS_H
#define OBJECTS_H

#include <stdint.h>

struct object;
typedef struct object *object_code(struct object *self, struct object *argument);

/* The collector threads its free lists through the first word: the code stands behind it. */
struct object {
	uintptr_t number;
	object_code *code;
	struct object *environment[2];
};

/* What the language gives to a library. */
struct language {
	struct object *(*make)(object_code *code, uintptr_t number, struct object *a,
			       struct object *b);
	struct object *(*apply)(struct object *function, struct object *argument);
	void (*note)(uintptr_t number);
};

#endif
