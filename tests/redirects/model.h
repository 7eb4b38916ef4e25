/*
 * model.h - what model.c and its libraries share: what each shows of its definitions and its bindings.
 *
 * Every name is there twice. Those that begin with t_ are redirected. Those with u_ never are, but are
 * defined, exported, versioned, referred to and first called in the same places and ways: what a
 * binding of u_ gives is what the loader has bound the one of t_ to.
 * SPDX-License-Identifier: MIT
 */
#ifndef MODEL_H
#define MODEL_H

#include <dlfcn.h>
#include <stddef.h>

typedef int function(void);

enum { ONE, TWO, THREE, FOUR, NAMES };

/* A definition's value: its module's number, its name and its version, and which load of the module it is. */
enum { PER_NAME = 10, PER_MODULE = 100, PER_LOAD = 1000 };

/* All bindings of a name in a module; NULL: it has none of that kind. */
struct bindings {
	function *call, *got, **word, *const *fixed;
};

struct model_api {
	int load; /* which one this is; 0: the host has not seen it yet */
	function *own[NAMES]
		     [2]; /* its definitions, as no binding leads there; the second: version V2 */
	function *inner[NAMES];	  /* calls of them that the linker has bound */
	struct bindings t[NAMES]; /* what is redirected */
	struct bindings u[NAMES]; /* what is not */
	int constructed_t, constructed_u;
	function *plain; /* a replacement */
	void *(*find)(void *handle, const char *name, const char *version);
};

/* Of the program: what constructors call. In a namespace there is none. */
typedef void model_hook(void);
extern model_hook *model_in_constructor __attribute__((weak));

/* Data that the program has its own copy of, as it may have of a vtable. */
struct model_table {
	function *t, *u;
};
extern const struct model_table model_table;

#endif
